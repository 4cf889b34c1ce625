"""Embedders whose calls are spans: they stay what they are to whoever keeps the books."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.heard import heard_embedder
from shared.llm.metered import Counting, Layered
from shared.llm.provider import Embedder
from shared.telemetry import tracing
from shared.telemetry.tracing import Span


class Plain:
    """An embedder that tells nothing of its costs."""

    space = EmbeddingSpace("plain", 1)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [[1.0] for _ in texts]


class Counted(Plain):
    def counted(self, texts: Sequence[str]) -> tuple[list[Vector], int]:
        return self.embed(texts), 7


class Remembering:
    """Asks the one inside once."""

    def __init__(self, inner: Embedder) -> None:
        self.inner = inner
        self.kept: list[Vector] | None = None

    @property
    def space(self) -> EmbeddingSpace:
        return self.inner.space

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.kept = self.kept or self.inner.embed(texts)
        return self.kept

    def around(self, wrap: Callable[[Embedder], Embedder]) -> "Remembering":
        return Remembering(wrap(self.inner))


class Ear:
    def __init__(self) -> None:
        self.heard: list[Span] = []

    def began(self, span: Span) -> None:
        """What has ended is enough."""

    def ended(self, span: Span) -> None:
        self.heard.append(span)


@pytest.fixture
def ear() -> Iterator[Ear]:
    listening = Ear()
    tracing.listen(listening)
    yield listening
    tracing.unlisten(listening)


def test_embedder_that_is_heard_counts_only_if_it_did(ear: Ear):
    assert not isinstance(heard_embedder(Plain()), Counting)
    counting = heard_embedder(Counted())
    assert isinstance(counting, Counting)
    assert counting.counted(["a"]) == ([[1.0]], 7)
    [span] = ear.heard
    assert (span.name, span.attributes) == ("embedding_call", {"model": "plain", "inputs": 1, "input_tokens": 7})


def test_what_an_embedder_remembers_is_no_call(ear: Ear):
    remembering = heard_embedder(Remembering(Plain()))
    assert isinstance(remembering, Layered)
    assert remembering.embed(["a"]) == remembering.embed(["a"]) == [[1.0]]
    assert len(ear.heard) == 1
