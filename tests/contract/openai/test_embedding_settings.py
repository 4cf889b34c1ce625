"""The settings of embedding calls, through the genuine openai SDK."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Barrier, BrokenBarrierError

import pytest

from shared.domain.errors import ModelRefused, ModelUnavailable
from shared.llm.embeddings import RemoteEmbedder
from shared.llm.openai_embeddings import asking
from shared.llm.retry import Pace
from shared.settings.models import EmbeddingSpec
from tests.support.openai_server import OpenAIServer, Received, Scripted, failure, vectors

EAST = (1.0, 0.0)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def embedder(server: OpenAIServer, **changed: object) -> RemoteEmbedder:
    spec = EmbeddingSpec("custom", "e", 2, 8192, 300_000, "key", server.url)
    return asking(replace(spec, **changed), Pace(attempts=1))


@pytest.mark.parametrize(("mode", "is_sent"), [("auto", True), ("always", True), ("never", False)])
def test_embed_sends_dimensions_as_it_is_told(server: OpenAIServer, mode: str, is_sent: bool):
    server.script(vectors(EAST))
    embedder(server, dimensions_mode=mode).embed(["a"])
    assert ("dimensions" in server.received[0].body) is is_sent


def test_embed_that_is_told_to_send_dimensions_does_not_give_way(server: OpenAIServer):
    server.script(failure(400, "this model knows no dimensions"))
    with pytest.raises(ModelRefused):
        embedder(server, dimensions_mode="always").embed(["a"])


@pytest.mark.parametrize(("mode", "sent"), [("auto", "base64"), ("base64", "base64"), ("float", "float")])
def test_embed_asks_for_the_encoding_it_is_told(server: OpenAIServer, mode: str, sent: str):
    server.script(vectors(EAST, is_base64=sent == "base64"))
    assert embedder(server, encoding_mode=mode).embed(["a"]) == [[*EAST]]
    assert server.received[0].body["encoding_format"] == sent


def test_embed_sends_no_more_inputs_than_it_is_told(server: OpenAIServer):
    server.script(vectors(EAST, EAST), vectors(EAST))
    embedder(server, max_batch=2).embed(["a", "b", "c"])
    assert [request.body["input"] for request in server.received] == [["a", "b"], ["c"]]


def test_embed_waits_no_longer_than_it_is_told(server: OpenAIServer):
    server.script(Scripted(parts=[server.closing]))
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        embedder(server, timeout_s=0.2).embed(["a"])


class MeetingServer(OpenAIServer):
    """Answers only when two ask at the same time."""

    meeting = Barrier(2, timeout=0.5)

    def next(self, request: Received) -> Scripted:
        try:
            self.meeting.wait()
        except BrokenBarrierError:
            return failure(503, "alone")
        return vectors(EAST)


@pytest.mark.parametrize("at_once", [1, 2])
def test_embed_asks_for_several_batches_at_once_when_it_may(at_once: int):
    with MeetingServer() as server:
        server.meeting.reset()
        together = embedder(server, max_batch=1, concurrency=at_once)
        if at_once == 2:
            assert together.embed(["a", "b"]) == [[*EAST], [*EAST]]
        else:
            with pytest.raises(ModelUnavailable):
                together.embed(["a", "b"])
