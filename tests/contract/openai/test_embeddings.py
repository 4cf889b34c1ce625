"""Embeddings through the genuine openai SDK: the bytes sent, and what is made of the answers."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.domain.errors import Invalid, ModelRefused, ModelUnavailable
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm import tokens
from shared.llm.embeddings import Cached, OpenAIEmbedder, open_embedder
from shared.llm.provider import Embedder
from shared.llm.retry import Pace
from shared.settings.models import EmbeddingSpec
from tests.support.openai_server import OpenAIServer, Scripted, as_json, failure, vectors

EAST, NORTH, UP = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def spec(server: OpenAIServer, *, model: str = "text-embedding-3-small", dimensions: int = 3) -> EmbeddingSpec:
    return EmbeddingSpec("custom", model, dimensions, 8192, 300_000, "key", server.url)


def embedder(server: OpenAIServer, waits: list[float] | None = None, **limits: int) -> Embedder:
    """Three dimensions; what it would have slept goes to `waits`."""
    pace = Pace(sleep=(waits if waits is not None else []).append, jitter=lambda: 0.0)
    return OpenAIEmbedder(replace(spec(server), **limits), 3, pace)


def test_embed_sends_exactly_the_protocol(server: OpenAIServer) -> None:
    server.script(vectors(EAST, NORTH))

    found = open_embedder(spec(server)).embed(["cats", "dogs"])

    sent = server.received[0]
    assert sent.path == "/v1/embeddings"
    assert sent.headers["authorization"] == "Bearer key"
    assert sent.body == {
        "model": "text-embedding-3-small",
        "input": ["cats", "dogs"],
        "dimensions": 3,
        "encoding_format": "base64",
    }
    assert found == [[*EAST], [*NORTH]]


def test_embed_with_nothing_asks_nobody(server: OpenAIServer) -> None:
    assert open_embedder(spec(server)).embed([]) == []
    assert server.received == []


def test_embed_when_vectors_come_in_another_order_puts_them_right(server: OpenAIServer) -> None:
    server.script(vectors(EAST, NORTH, UP, order=[2, 0, 1]))
    assert embedder(server).embed(["a", "b", "c"]) == [[*EAST], [*NORTH], [*UP]]


def test_embed_when_the_server_sends_plain_floats_takes_them(server: OpenAIServer) -> None:
    server.script(vectors(EAST, is_base64=False))
    assert embedder(server).embed(["a"]) == [[*EAST]]


def test_embed_with_a_long_vector_makes_it_a_unit(server: OpenAIServer) -> None:
    server.script(vectors((3.0, 0.0, 4.0)))
    (found,) = embedder(server).embed(["a"])
    assert [*found] == pytest.approx([0.6, 0.0, 0.8])


@pytest.mark.parametrize("row", [(0.0, 0.0, 0.0), (math.nan, 0.0, 1.0)])
def test_embed_with_a_vector_without_direction_raises_unavailable(server: OpenAIServer, row: Sequence[float]) -> None:
    server.script(*[vectors(row)] * 3)
    with pytest.raises(ModelUnavailable, match="direction"):
        embedder(server).embed(["a"])


def test_embed_with_other_dimensions_than_configured_raises_refused(server: OpenAIServer) -> None:
    server.script(vectors((0.6, 0.8)))
    with pytest.raises(ModelRefused, match="2 dimensions, 3 are configured"):
        embedder(server).embed(["a"])


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


def test_embed_with_many_tokens_splits_at_the_requests_limit(server: OpenAIServer) -> None:
    server.script(vectors(EAST, NORTH), vectors(UP))
    found = embedder(server, max_request_tokens=10).embed(["aaaa", "bbbb", "cccc"])
    assert [received.body["input"] for received in server.received] == [["aaaa", "bbbb"], ["cccc"]]
    assert found == [[*EAST], [*NORTH], [*UP]]


def test_embed_with_many_texts_splits_at_2048(server: OpenAIServer) -> None:
    server.script(vectors(*[EAST] * 2048), vectors(NORTH))
    found = embedder(server).embed(["a"] * 2049)
    assert (len(found), found[-1]) == (2049, [*NORTH])


def test_embed_with_a_text_over_the_limit_cuts_it(server: OpenAIServer) -> None:
    server.script(vectors(EAST))
    embedder(server, max_input_tokens=4).embed(["one two three four five six"])
    (sent,) = server.received[0].body["input"]
    assert sent == "one two three four"


def test_embed_when_the_models_own_count_is_higher_cuts_further(server: OpenAIServer) -> None:
    server.script(failure(400, "This model's maximum context length is 8192 tokens, you requested 9000"), vectors(EAST))
    embedder(server, max_input_tokens=1024).embed(["word " * 1024])
    (sent,) = server.received[1].body["input"]
    assert tokens.count(sent) <= 512


def test_embed_with_an_empty_text_sends_a_blank(server: OpenAIServer) -> None:
    server.script(vectors(EAST))
    embedder(server).embed([""])
    assert server.received[0].body["input"] == [" "]


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


def test_embed_with_passing_errors_tries_three_times(server: OpenAIServer) -> None:
    waits: list[float] = []
    server.script(failure(500, "busy"), failure(429, "busy"), vectors(EAST))
    assert embedder(server, waits).embed(["a"]) == [[*EAST]]
    assert waits == [0.5, 1.0]


def test_embed_with_a_third_passing_error_raises_unavailable(server: OpenAIServer) -> None:
    server.script(*[failure(503, "busy")] * 3, vectors(EAST))
    with pytest.raises(ModelUnavailable):
        embedder(server).embed(["a"])
    assert len(server.received) == 3


def test_embed_with_a_lasting_error_raises_refused_at_once(server: OpenAIServer) -> None:
    server.script(failure(401, "bad key"), vectors(EAST))
    with pytest.raises(ModelRefused, match="HTTP 401"):
        embedder(server).embed(["a"])
    assert len(server.received) == 1


def test_space_is_known_without_a_call(server: OpenAIServer) -> None:
    assert open_embedder(spec(server)).space == EmbeddingSpace("custom/text-embedding-3-small", 3)
    assert server.received == []


def test_open_embedder_without_any_dimensions_raises_invalid(server: OpenAIServer) -> None:
    with pytest.raises(Invalid, match="VECTOR_STORE_DIMENSIONS"):
        open_embedder(replace(spec(server), dimensions=None))


def test_cached_with_the_same_text_asks_once(server: OpenAIServer) -> None:
    server.script(vectors(EAST))
    model = open_embedder(spec(server))
    assert model.embed(["cats"]) == model.embed(["cats"]) == [[*EAST]]


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
