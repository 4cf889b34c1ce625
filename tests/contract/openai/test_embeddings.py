"""Embeddings through the genuine openai SDK: the bytes sent, and what is made of the answers."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.domain.errors import Invalid, ModelUnavailable
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.embedding_cache import Cached
from shared.llm.openai_embeddings import open_embedder
from shared.llm.provider import Embedder
from shared.llm.retry import Pace
from shared.settings.models import EmbeddingSpec
from tests.support.openai_server import OpenAIServer, Scripted, as_json, failure, vectors

EAST, NORTH, UP = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def spec(server: OpenAIServer, *, model: str = "text-embedding-3-small", dimensions: int = 3) -> EmbeddingSpec:
    return EmbeddingSpec("custom", model, dimensions, 8192, 300_000, "key", server.url)


def embedder(server: OpenAIServer) -> Embedder:
    """Three dimensions; it never sleeps."""
    return open_embedder(spec(server), Pace(sleep=lambda _: None))


def test_embed_when_vectors_come_in_another_order_puts_them_right(server: OpenAIServer) -> None:
    server.script(vectors(EAST, NORTH, UP, order=[2, 0, 1]))
    assert embedder(server).embed(["a", "b", "c"]) == [[*EAST], [*NORTH], [*UP]]


def test_embed_when_the_server_sends_plain_floats_takes_them(server: OpenAIServer) -> None:
    server.script(vectors(EAST, is_base64=False))
    assert embedder(server).embed(["a"]) == [[*EAST]]


@pytest.mark.parametrize(
    "answer", [vectors(EAST), as_json({"data": [{"index": 0}, {"index": 0}]}), as_json({}), as_json({"data": None})]
)
def test_embed_with_missing_vectors_raises_unavailable(server: OpenAIServer, answer: Scripted) -> None:
    server.script(answer, answer, answer)
    with pytest.raises(ModelUnavailable):
        embedder(server).embed(["a", "b"])


def test_embed_with_ada_sends_no_dimensions(server: OpenAIServer) -> None:
    server.script(vectors([1.0] + [0.0] * 1535))
    open_embedder(spec(server, model="text-embedding-ada-002", dimensions=1536)).embed(["a"])
    assert "dimensions" not in server.received[0].body


def test_embed_when_fields_are_declined_does_without_from_then_on(server: OpenAIServer) -> None:
    server.script(
        failure(400, "encoding_format 'base64' is not supported"),
        failure(400, "model does not support matryoshka representation"),
        vectors(EAST, is_base64=False),
        vectors(NORTH, is_base64=False),
    )
    model = embedder(server)

    model.embed(["a"])
    model.embed(["b"])

    optional = [received.body.keys() - {"model", "input"} for received in server.received]
    assert optional == [{"encoding_format", "dimensions"}, {"dimensions"}, set(), set()]


def test_open_embedder_without_any_dimensions_raises_invalid(server: OpenAIServer) -> None:
    with pytest.raises(Invalid, match="VECTOR_STORE_DIMENSIONS"):
        open_embedder(replace(spec(server), dimensions=None))


def test_cached_with_two_texts_asks_each_time(server: OpenAIServer) -> None:
    server.script(vectors(EAST, NORTH), vectors(EAST, NORTH))
    model = open_embedder(spec(server))
    for _ in range(2):
        model.embed(["cats", "dogs"])
    assert len(server.received) == 2


class Counting:
    """An embedder without a server that keeps what it was asked."""

    space = EmbeddingSpace("test/counting", 3)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += texts
        return [EAST for _ in texts]


def test_cached_when_the_time_is_over_asks_again() -> None:
    counting, now = Counting(), [0.0]
    cached = Cached(counting, ttl_s=300, now=lambda: now[0])
    for moment in (0.0, 299.0, 300.0):
        now[0] = moment
        cached.embed(["cats"])
    assert counting.asked == ["cats", "cats"]


def test_cached_when_full_forgets_the_one_longest_unused() -> None:
    counting = Counting()
    cached = Cached(counting, size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        cached.embed([text])
    assert counting.asked == ["a", "b", "c", "b"]
