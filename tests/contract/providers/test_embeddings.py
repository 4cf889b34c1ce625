"""What every provider of embeddings is asked and how its answers are taken: one list for all of them."""

import json
import math
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import replace

import pytest

from shared.domain.errors import ModelRefused, ModelUnavailable
from shared.domain.vector import EmbeddingSpace
from shared.llm import tokens
from shared.llm.provider import Embedder
from shared.llm.provider import open_embedder as open_by_provider
from shared.llm.retry import Pace
from shared.settings.models import EmbeddingSpec
from tests.support.embedding_worlds import EMBEDDING_WORLDS, EmbeddingWorld
from tests.support.scripted_server import Received, Scripted, ScriptedServer

KEY, TEXT = "sk-secret-key", "My cat is called Ada."
EAST, NORTH, UP = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


@pytest.fixture(params=EMBEDDING_WORLDS, ids=lambda world: world.label)
def world(request: pytest.FixtureRequest) -> EmbeddingWorld:
    return request.param


@pytest.fixture
def spec(world: EmbeddingWorld, server: ScriptedServer) -> EmbeddingSpec:
    """Three dimensions."""
    return world.spec(server, KEY)


def opened(world: EmbeddingWorld, spec: EmbeddingSpec, waits: list[float] | None = None) -> Embedder:
    """What it would have slept goes to `waits`."""
    return world.open(spec, Pace(sleep=(waits if waits is not None else []).append, jitter=lambda: 0.0))


def answering(world: EmbeddingWorld, server: ScriptedServer) -> None:
    """Each text `a0`, `a1` ... is given a vector that tells its number."""

    def vectors(received: Received) -> Scripted:
        return world.vectors(*[near(int(text[1:])) for text in world.texts(received)])

    server.mind = vectors


def near(number: int) -> Sequence[float]:
    angle = number / 1000
    return (math.cos(angle), math.sin(angle), 0.0)


def number(vector: Sequence[float]) -> int:
    return round(math.atan2(vector[1], vector[0]) * 1000)


def test_embed_sends_exactly_the_vendors_protocol(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(world.vectors(EAST, NORTH))
    found = opened(world, spec).embed(["cats", "dogs"])
    (sent,) = server.received
    assert sent.body == world.body("cats", "dogs")
    assert world.key(sent) == KEY
    assert [[*vector] for vector in found] == [[*EAST], [*NORTH]]


def test_open_embedder_by_provider_names_the_space_without_a_call(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    assert open_by_provider(spec).space == EmbeddingSpace(world.label, 3)
    assert opened(world, spec).embed([]) == []
    assert server.received == []


def test_embed_with_a_vector_of_any_length_makes_it_a_unit(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(world.vectors((3.0, 0.0, 4.0)))
    (found,) = opened(world, spec).embed(["a"])
    assert [*found] == pytest.approx([0.6, 0.0, 0.8])


def test_embed_with_more_texts_than_a_request_takes_sends_several_and_keeps_the_order(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    answering(world, server)
    found = opened(world, replace(spec, concurrency=3)).embed([f"a{n}" for n in range(world.max_inputs + 1)])
    assert [number(vector) for vector in found] == [*range(world.max_inputs + 1)]
    assert sorted(len(world.texts(received)) for received in server.received) == [1, world.max_inputs]


def test_embed_with_a_smaller_batch_configured_keeps_to_it(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    answering(world, server)
    found = opened(world, replace(spec, max_batch=2)).embed([f"a{n}" for n in range(7)])
    assert [number(vector) for vector in found] == [*range(7)]
    assert sorted(len(world.texts(received)) for received in server.received) == [1, 2, 2, 2]


def test_embed_with_many_tokens_splits_at_the_requests_limit(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    answering(world, server)
    opened(world, replace(spec, max_request_tokens=10, concurrency=1)).embed(["a111", "a222", "a333"])
    assert [world.texts(received) for received in server.received] == [["a111", "a222"], ["a333"]]


def test_embed_with_several_batches_has_no_more_calls_at_once_than_allowed(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    running, most = list[None](), list[int]()

    def vectors(received: Received) -> Scripted:
        running.append(None)
        most.append(len(running))
        # The others have the time to come, if they may.
        server.closing.wait(0.05)
        running.pop()
        return world.vectors(*[EAST] * len(world.texts(received)))

    server.mind = vectors
    opened(world, replace(spec, max_batch=1, concurrency=2)).embed([f"a{n}" for n in range(6)])
    assert len(server.received) == 6
    assert max(most) == 2


def test_embed_in_threads_keeps_the_callers_context(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    caller, seen = ContextVar("caller", default="nobody"), list[str]()
    server.script(*[world.failure(500, "busy"), world.failure(500, "busy")], *[world.vectors(EAST)] * 2)
    pace = Pace(sleep=lambda _: seen.append(caller.get()), jitter=lambda: 0.0)
    caller.set("ada")
    world.open(replace(spec, max_batch=1, concurrency=2), pace).embed(["a", "b"])
    assert seen == ["ada", "ada"]


def test_embed_with_a_text_over_the_limit_cuts_it(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(world.vectors(EAST))
    opened(world, replace(spec, max_input_tokens=4)).embed(["one two three four five six"])
    assert world.texts(server.received[0]) == ["one two three four"]


def test_embed_when_the_models_own_count_is_higher_cuts_further(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(world.failure(400, world.too_long), world.vectors(EAST))
    opened(world, replace(spec, max_input_tokens=1024)).embed(["word " * 1024])
    (cut,) = world.texts(server.received[1])
    assert 256 <= tokens.count(cut) <= 512


def test_embed_with_an_empty_text_sends_a_blank(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(world.vectors(EAST, NORTH))
    opened(world, spec).embed(["", "a"])
    assert world.texts(server.received[0]) == [" ", "a"]


@pytest.mark.parametrize("rows", [(), (EAST,), (EAST, NORTH, UP)])
def test_embed_with_another_count_than_asked_for_raises_unavailable(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec, rows: Sequence[Sequence[float]]
) -> None:
    server.script(*[world.vectors(*rows)] * 3)
    with pytest.raises(ModelUnavailable, match=f"gave {len(rows)} vectors for 2 texts"):
        opened(world, spec).embed(["a", "b"])


def test_embed_with_other_dimensions_than_configured_raises_refused_at_once(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(world.vectors((0.6, 0.8)))
    with pytest.raises(ModelRefused, match="2 dimensions, 3 are configured"):
        opened(world, spec).embed(["a"])
    assert len(server.received) == 1


@pytest.mark.parametrize("row", [(0.0, 0.0, 0.0), (math.nan, 0.0, 1.0), (math.inf, 0.0, 0.0)])
def test_embed_with_a_vector_without_direction_raises_unavailable(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec, row: Sequence[float]
) -> None:
    server.script(*[world.vectors(row)] * 3)
    with pytest.raises(ModelUnavailable, match="direction"):
        opened(world, spec).embed(["a"])


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
def test_embed_with_passing_errors_tries_three_times(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec, status: int
) -> None:
    waits: list[float] = []
    server.script(world.failure(status, "busy"), world.failure(status, "busy"), world.vectors(EAST))
    assert [*opened(world, spec, waits).embed(["a"])[0]] == [*EAST]
    assert waits == [0.5, 1.0]


def test_embed_with_a_third_passing_error_raises_unavailable(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(*[world.failure(503, f"busy with {TEXT}")] * 3, world.vectors(EAST))
    with pytest.raises(ModelUnavailable) as caught:
        opened(world, spec).embed([TEXT])
    assert len(server.received) == 3
    assert TEXT not in str(caught.value)


def test_embed_with_retry_after_waits_as_long(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    waits: list[float] = []
    server.script(world.failure(429, "slow down", {"Retry-After": "2.5"}), world.vectors(EAST))
    opened(world, spec, waits).embed(["a"])
    assert waits == [2.5]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_embed_with_a_lasting_error_raises_refused_and_tells_neither_key_nor_text(
    world: EmbeddingWorld,
    server: ScriptedServer,
    spec: EmbeddingSpec,
    status: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.script(world.failure(status, f"no: {KEY} {TEXT}"), world.vectors(EAST))
    with pytest.raises(ModelRefused, match=f"{world.label} refused the request .HTTP {status}") as caught:
        opened(world, spec).embed([TEXT])
    told = str(caught.value) + "".join(capfd.readouterr())
    assert KEY not in told + repr(spec)
    assert TEXT not in told
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [401, 404])
def test_embed_when_one_of_several_batches_is_refused_raises_refused(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec, status: int
) -> None:
    server.script(world.vectors(EAST), world.failure(status, "no"), world.vectors(EAST))
    with pytest.raises(ModelRefused):
        opened(world, replace(spec, max_batch=1, concurrency=1)).embed(["a", "b", "c"])


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(body=b'{"data": [{"emb'),
        Scripted(body=b"<html>proxy</html>", content_type="text/html"),
        Scripted(body=b"{}"),
        Scripted(body=json.dumps({"data": None, "embeddings": None}).encode()),
        Scripted(body=json.dumps({"data": [{"index": 0}], "embeddings": [{}]}).encode()),
        Scripted(body=json.dumps({"data": [{"embedding": ["x"]}], "embeddings": [{"values": ["x"]}]}).encode()),
        Scripted(502, b"<html>bad gateway</html>", content_type="text/html"),
    ],
)
def test_embed_with_a_broken_answer_raises_unavailable(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec, answer: Scripted
) -> None:
    server.script(answer, answer, answer)
    with pytest.raises(ModelUnavailable):
        opened(world, spec).embed(["a"])
    assert len(server.received) == 3


def test_embed_when_the_connection_breaks_tries_again(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(replace(world.vectors(EAST), is_cut=True), world.vectors(NORTH))
    assert [*opened(world, spec).embed(["a"])[0]] == [*NORTH]


def test_embed_when_the_server_hangs_ends_at_the_configured_timeout(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(*[Scripted(parts=[server.closing])] * 3)
    with pytest.raises(ModelUnavailable, match="in time"):
        opened(world, replace(spec, timeout_s=0.2)).embed(["a"])


def test_embed_with_the_same_question_asks_once(
    world: EmbeddingWorld, server: ScriptedServer, spec: EmbeddingSpec
) -> None:
    server.script(world.vectors(EAST))
    model = opened(world, spec)
    assert model.embed(["cats"]) == model.embed(["cats"])
    assert len(server.received) == 1
