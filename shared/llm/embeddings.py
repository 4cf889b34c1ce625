"""Embedding models of OpenAI, OpenRouter, and of every server that speaks the protocol."""

import math
import re
import struct
import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from hashlib import blake2b
from threading import Lock
from typing import Final, cast

from shared.domain.errors import Invalid, ModelRefused, ModelUnavailable
from shared.domain.json import Json, JsonObject
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm import tokens
from shared.llm.failures import Objection
from shared.llm.openai_endpoint import endpoint
from shared.llm.provider import Embedder
from shared.llm.retry import Pace, patiently
from shared.llm.types import AnswerUseless, Usage
from shared.settings.models import DEFAULT_BASE_URLS, EmbeddingSpec
from shared.telemetry.logs import logger

_PATH: Final = "/embeddings"
_MAX_INPUTS: Final = 2048
# Tokens below which a text is not cut any further.
_SHORTEST: Final = 256
# One text is somebody's query: with all attempts it must stay below API Gateway's 29 s.
_QUERY_TIMEOUT_S: Final = 8.0
_BATCH_TIMEOUT_S: Final = 30.0
# The models that take no `dimensions` and have always this many.
_FIXED_DIMENSIONS: Final = {"text-embedding-ada-002": 1536}
_TOO_LONG: Final = re.compile(r"context length|too (?:long|large)|maximum.{0,40}tokens", re.IGNORECASE)
_OPTIONAL: Final = {
    "encoding_format": re.compile(r"encoding.?format|base64", re.IGNORECASE),
    "dimensions": re.compile(r"dimensions|matryoshka", re.IGNORECASE),
}


class OpenAIEmbedder:
    """An embedding model behind OpenAI's protocol."""

    def __init__(self, spec: EmbeddingSpec, dimensions: int, pace: Pace | None = None) -> None:
        self._model = spec.model
        is_fixed = spec.model.rpartition("/")[2] in _FIXED_DIMENSIONS or spec.dimensions is None
        self._sends_dimensions = spec.dimensions_mode == "always" or (spec.dimensions_mode == "auto" and not is_fixed)
        self._encoding = "float" if spec.encoding_mode == "float" else "base64"
        # What the operator insists on is sent although the server objects.
        insisted = {"dimensions": spec.dimensions_mode == "always", "encoding_format": spec.encoding_mode == "base64"}
        self._optional = {field: complaint for field, complaint in _OPTIONAL.items() if not insisted[field]}
        self._max_batch = min(spec.max_batch or _MAX_INPUTS, _MAX_INPUTS)
        self._timeout_s = spec.timeout_s
        self._concurrency = spec.concurrency
        self._max_input = spec.max_input_tokens
        self._max_request = spec.max_request_tokens
        self._endpoint = endpoint(spec.base_url or DEFAULT_BASE_URLS.get(spec.provider), spec.api_key)
        self._pace = pace or Pace()
        self.space: EmbeddingSpace = EmbeddingSpace(f"{spec.provider}/{spec.model}", dimensions)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return self.counted(texts)[0]

    def counted(self, texts: Sequence[str]) -> tuple[list[Vector], int]:
        """The vectors, and how many tokens that took."""
        vectors: list[Vector] = []
        count, failure = 0, None
        for answer in self._answers(list(self._batches(texts))):
            try:
                found, taken = answer()
            except ModelUnavailable as error:
                failure = failure or error
                if self._concurrency == 1:
                    break
                continue
            vectors += found
            count += taken
        if failure is None:
            return vectors, count
        # What the others took is paid for.
        raise AnswerUseless(str(failure), usage=Usage(count)) if count else failure

    def _answers(self, batches: list[list[str]]) -> Iterator[Callable[[], tuple[list[Vector], int]]]:
        """For each batch what gives its answer or raises; several are asked at the same time."""
        if len(batches) == 1 or self._concurrency == 1:
            yield from (partial(self._ask, batch) for batch in batches)
            return
        with ThreadPoolExecutor(min(len(batches), self._concurrency)) as pool:
            yield from [pool.submit(self._ask, batch).result for batch in batches]

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        used = 0
        for text in texts:
            # An empty text is refused, and the vector of a blank does no harm.
            fitting = tokens.cut(text, self._max_input) or " "
            # A token has at least one byte: that bounds the count without counting.
            cost = min(len(fitting.encode()), self._max_input)
            if batch and (used + cost > self._max_request or len(batch) == self._max_batch):
                yield batch
                batch, used = [], 0
            batch.append(fitting)
            used += cost
        if batch:
            yield batch

    def _ask(self, batch: list[str]) -> tuple[list[Vector], int]:
        limit = self._max_input
        while True:
            body = self._body(batch)
            try:
                return self._send(body, len(batch))
            except Objection as objection:
                if self._give_way(objection, body):
                    continue
                # Its own vocabulary may need more tokens for the same text than the one counted with.
                limit //= 2
                if limit < _SHORTEST or not _TOO_LONG.search(objection.said):
                    raise
                batch = [tokens.cut(text, limit) for text in batch]

    def _send(self, body: JsonObject, wanted: int) -> tuple[list[Vector], int]:
        name, pace = self.space.model, self._pace
        timeout_s = self._timeout_s or (_QUERY_TIMEOUT_S if wanted == 1 else _BATCH_TIMEOUT_S)

        def send(left_s: float) -> tuple[list[Vector], int]:
            data = self._endpoint.post(_PATH, body, name=name, timeout_s=min(timeout_s, left_s))
            return self._vectors(data, wanted), _tokens_taken(data, body)

        ends = pace.now() + pace.attempts * timeout_s
        return patiently(send, name=name, pace=pace, attempts=pace.attempts, ends=ends)

    def _body(self, batch: list[str]) -> JsonObject:
        body: JsonObject = {"model": self._model, "input": [*batch], "encoding_format": self._encoding}
        if self._sends_dimensions:
            body["dimensions"] = self.space.dimensions
        for field in self._optional:
            if (self._model, field) in self._endpoint.declined:
                body.pop(field, None)
        return body

    def _give_way(self, objection: Objection, body: JsonObject) -> bool:
        """Whether the server objects to a field it can do without, which is then remembered."""
        for field, complaint in self._optional.items():
            if field in body and complaint.search(objection.said):
                self._endpoint.declined.add((self._model, field))
                logger.warning("model_feature_declined", model=self.space.model, feature=field)
                return True
        return False

    def _vectors(self, data: JsonObject, wanted: int) -> list[Vector]:
        items = data.get("data")
        found: dict[int, Vector] = {}
        for position, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                # Servers on protobuf leave the index 0 out.
                index = item.get("index", position)
                found[index if isinstance(index, int) else position] = self._vector(item.get("embedding"))
        if sorted(found) != list(range(wanted)):
            raise ModelUnavailable(f"{self.space.model} gave {len(found)} vectors for {wanted} texts")
        return [found[index] for index in range(wanted)]

    def _vector(self, wire: Json) -> Vector:
        vector = _decoded(wire)
        if vector is None:
            raise ModelUnavailable(f"{self.space.model} gave something else than a vector")
        if len(vector) != self.space.dimensions:
            raise ModelRefused(
                f"{self.space.model} gives vectors of {len(vector)} dimensions, {self.space.dimensions} are configured"
            )
        length = math.hypot(*vector)
        if not math.isfinite(length) or length == 0:
            raise ModelUnavailable(f"{self.space.model} gave a vector without a direction")
        return vector if abs(length - 1) < 1e-3 else [value / length for value in vector]


class Cached:
    """An embedder that remembers the vectors of single texts for some minutes: many reads ask the same question."""

    def __init__(
        self, embedder: Embedder, *, size: int = 256, ttl_s: float = 300, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._embedder = embedder
        self._size = size
        self._ttl_s = ttl_s
        self._now = now
        self._lock = Lock()
        self._known: OrderedDict[bytes, tuple[float, Vector]] = OrderedDict()

    @property
    def space(self) -> EmbeddingSpace:
        return self._embedder.space

    def around(self, wrap: Callable[[Embedder], Embedder]) -> "Cached":
        """The same memory, with `wrap` around who is asked for what it does not hold."""
        other = copy(self)
        other._embedder = wrap(self._embedder)
        return other

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if len(texts) != 1:
            return self._embedder.embed(texts)
        key = blake2b(f"{self.space.model}\0{texts[0]}".encode(), digest_size=16).digest()
        with self._lock:
            made_at, vector = self._known.get(key, (0.0, None))
            if vector is not None and self._now() - made_at < self._ttl_s:
                self._known.move_to_end(key)
                return [vector]
        vectors = self._embedder.embed(texts)
        with self._lock:
            self._known[key] = (self._now(), vectors[0])
            self._known.move_to_end(key)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        return vectors


def open_embedder(spec: EmbeddingSpec) -> Embedder:
    """The embedder that `spec` names. Cheap: the SDK is imported by the first call."""
    dimensions = spec.dimensions or _FIXED_DIMENSIONS.get(spec.model)
    if dimensions is None:
        raise Invalid(f"VECTOR_STORE_DIMENSIONS must be set for the embedding model {spec.model!r}")
    return Cached(OpenAIEmbedder(spec, dimensions))


def _tokens_taken(data: JsonObject, body: JsonObject) -> int:
    """As the server counts, else as we do."""
    usage, asked = data.get("usage"), body["input"]
    told = usage.get("prompt_tokens") or usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(told, int) and told > 0:
        return told
    return sum(tokens.count(str(text)) for text in asked) if isinstance(asked, list) else 0


def _decoded(wire: Json) -> list[float] | None:
    """A vector from base64 of little-endian floats, or from a plain list: some servers ignore the wished form."""
    try:
        if isinstance(wire, str):
            raw = b64decode(wire)
            return [*struct.unpack(f"<{len(raw) // 4}f", raw)]
        return [float(value) for value in cast(list[float], wire)] if isinstance(wire, list) else None
    except (Base64Error, struct.error, TypeError, ValueError):
        return None
