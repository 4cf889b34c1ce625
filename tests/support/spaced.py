"""Workplaces that can change their embedding space, and what is held in each."""

import hashlib
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

from shared.backends import EmbeddingTranslator
from shared.domain.conclusion import Collection
from shared.domain.errors import ModelUnavailable
from shared.domain.vector import EmbeddingSpace, Vector
from shared.domain.work import TaskKind
from shared.llm.provider import Embedder
from shared.memory import recall, reindexing
from shared.memory.indexing import index_messages
from shared.memory.vector_upkeep import index_pending
from shared.store.known_spaces import KnownSpaces
from shared.vectors.index import VectorIndex
from shared.vectors.spaced import SpacedIndex
from tests.support.scripted_model import FixedModels
from tests.support.stores import saves
from tests.support.workplace import Workplace


class OtherEmbedder:
    """As unrelated as `TinyEmbedder`'s, in a space of another name and size.

    `before` is called with the texts of each call, and may raise; `is_away` refuses all.
    """

    def __init__(self, model: str = "other/large", dimensions: int = 12) -> None:
        self.space: EmbeddingSpace = EmbeddingSpace(model, dimensions)
        self.asked: list[str] = []
        self.before: Callable[[Sequence[str]], None] = lambda _: None
        self.is_away = False

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.is_away:
            raise ModelUnavailable("away")
        self.before(texts)
        self.asked += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        numbers = struct.unpack("16i", hashlib.sha512(text.encode()).digest())[: self.space.dimensions]
        length = math.hypot(*numbers)
        return [number / length for number in numbers]


def spaced(
    place: Workplace, *others: Embedder, known: KnownSpaces | None = None, store: VectorIndex | None = None
) -> Workplace:
    """The same place with models of several spaces, whose tables are there. Nothing is remembered by default."""
    models = FixedModels(place.backends.models.deriver(), place.embedder, others)
    old, spaces = place.backends, known or KnownSpaces(0)
    index = SpacedIndex(
        old.db,
        spaces,
        store or old.vectors,
        lambda: place.embedder.space,
        EmbeddingTranslator(old.settings, models),
    )
    return replace(place, backends=replace(old, models=models, vectors=index, spaces=spaces))


def held(place: Workplace, space: EmbeddingSpace) -> tuple[set[str], set[str]]:
    """Ids of the conclusions and the messages that have a vector in `space`."""
    index, workspace = place.backends.vectors.at(space), place.workspace
    conclusions = index.listed_conclusions(workspace, after="", most=10_000).ids
    return set(conclusions), set(index.listed_messages(workspace, after="", most=10_000).ids)


def indexes(place: Workplace) -> None:
    for wake_up in place.queue.take(TaskKind.INDEX):
        index_messages(place.backends, wake_up)


def talks(place: Workplace, *texts: str) -> list[str]:
    """Messages that are indexed; gives their ids."""
    ids = [one.id for one in place.says("s", *(("ada", text) for text in texts))]
    indexes(place)
    return ids


def concludes(place: Workplace, *texts: str) -> list[str]:
    """Conclusions that are indexed, with ids of the same names."""
    ids = saves(place, *texts, is_indexed=False)
    place.clock.advance(minutes=3)
    index_pending(place.backends)
    return ids


def filled(place: Workplace) -> list[reindexing.Progress]:
    return list(reindexing.fill(place.backends, place.workspace))


def changes(place: Workplace, into: EmbeddingSpace) -> None:
    reindexing.begin(place.backends, place.workspace, into)
    filled(place)
    reindexing.switch(place.backends, place.workspace)


def recalled(place: Workplace, text: str) -> list[str]:
    """What is nearest to `text` by meaning."""
    vector = recall.vector_of(place.backends, place.workspace, text)
    near = Collection(place.workspace, "ada", "ada")
    assert vector is not None
    hits = place.backends.vectors.nearest_conclusions(near, [vector], k=1, max_distance=0.01)[0]
    return [hit.id for hit in hits]


def bare(place: Workplace) -> VectorIndex:
    """The index of the place without its spaces."""
    return place.backends.vectors.at(place.embedder.space)
