"""Embeddings without a network: word vectors from the `wordllama` wheel, or hashed words where it has no wheel."""

import json
import math
import re
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast
from zlib import crc32

from shared.domain.errors import ModelUnavailable
from shared.domain.json import JsonObject
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.offline_english import ADVERBS, AUXILIARIES, DETERMINERS, PREPOSITIONS, stem
from shared.llm.provider import Embedder
from shared.settings.models import EmbeddingSpec

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

WORD_SPACE = EmbeddingSpace("wordllama-l2-supercat-256", 256)
HASH_SPACE = EmbeddingSpace("hash-v1", 256)

_TENSOR = "embedding.weight"
_LETTERS_PER_TOKEN = 4
_LOADING = threading.Lock()
_WORD = re.compile(r"[^\W_]+")
_LITTLE_WORDS = AUXILIARIES | DETERMINERS | PREPOSITIONS | ADVERBS | {"and", "or", "but", "i", "you", "what", "who"}


class _Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...


class _Tokenizer(Protocol):
    def encode(self, sequence: str, *, add_special_tokens: bool) -> _Encoding: ...


def open_embedder(spec: EmbeddingSpec) -> Embedder:
    """The embedder whose space `spec.model` names, else the best that this machine has."""
    if spec.model == HASH_SPACE.model:
        return HashEmbedder(spec.max_input_tokens)
    words = word_embedder(spec.max_input_tokens)
    if words is not None:
        return words
    if spec.model == WORD_SPACE.model:
        raise ModelUnavailable(f"{WORD_SPACE.model} is not installed")
    return HashEmbedder(spec.max_input_tokens)


def word_embedder(max_input_tokens: int = 512) -> "WordEmbedder | None":
    """The embedder of word vectors, nothing loaded yet; None where its wheel is not installed."""
    package = find_spec("wordllama")
    if package is None or package.origin is None:
        return None
    return WordEmbedder(Path(package.origin).parent, max_input_tokens)


class WordEmbedder:
    """The mean of a text's word vectors, as `wordllama` makes it.

    The package itself is never imported: it brings an HTTP client along and sets up the root logger. The weights
    stay in their file, mapped, so that a process holds only the rows of the words it has seen.
    """

    def __init__(self, package: Path, max_input_tokens: int) -> None:
        self._package = package
        self._max_tokens = max_input_tokens

    @property
    def space(self) -> EmbeddingSpace:
        return WORD_SPACE

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        tokenizer, rows = _loaded(self._package)
        return [self._embed(tokenizer, rows, text) for text in texts]

    def _embed(self, tokenizer: _Tokenizer, rows: "NDArray[numpy.float16]", text: str) -> Vector:
        ids = tokenizer.encode(text, add_special_tokens=False).ids if text.strip() else []
        if not ids:
            return _unit([])
        total = rows[ids[: self._max_tokens]].astype("float32").sum(axis=0)
        return _unit(cast(list[float], total.tolist()))


class HashEmbedder:
    """Words and parts of words, hashed to signed places: alike in letters means near, nothing more."""

    def __init__(self, max_input_tokens: int) -> None:
        self._max_letters = max_input_tokens * _LETTERS_PER_TOKEN

    @property
    def space(self) -> EmbeddingSpace:
        return HASH_SPACE

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [self._embed(text[: self._max_letters]) for text in texts]

    def _embed(self, text: str) -> Vector:
        places = [0.0] * HASH_SPACE.dimensions
        for feature, weight in _features(text):
            # CRC-32 is the same in every process; `hash` is not.
            number = crc32(feature.encode())
            places[number % HASH_SPACE.dimensions] += weight if number & 0x80000000 else -weight
        return _unit(places)


def _features(text: str) -> Iterator[tuple[str, float]]:
    words: list[str] = _WORD.findall(text.lower())
    for word in words:
        weight = 0.2 if word in _LITTLE_WORDS else 1.0
        yield f"w:{word}", weight
        yield f"s:{stem(word)}", weight
        padded = f" {word} "
        for start in range(len(padded) - 2):
            yield f"g:{padded[start : start + 3]}", weight / 4


def _unit(values: Sequence[float]) -> list[float]:
    """`values` at length 1. What has no direction gets one of its own, as an index takes no zero vector."""
    length = math.sqrt(math.fsum(value * value for value in values))
    if length == 0.0:
        return [1.0] + [0.0] * (WORD_SPACE.dimensions - 1)
    return [value / length for value in values]


def _loaded(package: Path) -> "tuple[_Tokenizer, NDArray[numpy.float16]]":
    # One loading for all embedders of a process, also when two threads come first.
    with _LOADING:
        try:
            return _load(package)
        except (ImportError, OSError, ValueError, KeyError) as error:
            raise ModelUnavailable(f"the weights of {WORD_SPACE.model} cannot be read") from error


@cache
def _load(package: Path) -> "tuple[_Tokenizer, NDArray[numpy.float16]]":
    return _read_tokenizer(package), _map_rows(package)


def _read_tokenizer(package: Path) -> _Tokenizer:
    from tokenizers import Tokenizer

    path = package / "tokenizers" / "l2_supercat_tokenizer_config.json"
    # `from_file` raises a bare Exception for a missing file.
    return cast(_Tokenizer, Tokenizer.from_str(path.read_text(encoding="utf-8")))


def _map_rows(package: Path) -> "NDArray[numpy.float16]":
    # Safetensors: the length of the header in 8 bytes, the header as JSON, the rows.
    import numpy

    path = package / "weights" / "l2_supercat_256.safetensors"
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        tensor = cast(JsonObject, cast(JsonObject, json.loads(file.read(length)))[_TENSOR])
    count, width = cast(list[int], tensor["shape"])
    first, _ = cast(list[int], tensor["data_offsets"])
    if tensor["dtype"] != "F16" or width != WORD_SPACE.dimensions:
        raise ValueError("not the weights of this space")
    return numpy.memmap(path, dtype=numpy.float16, mode="r", offset=8 + length + first, shape=(count, width))
