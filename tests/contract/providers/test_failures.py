"""What every provider makes of trouble: which class of error, after how many attempts, and that nothing is told."""

from dataclasses import replace
from threading import Event

import pytest

from shared.domain.errors import ModelRefused, ModelUnavailable
from shared.llm.provider import ChatModel, open_chat_model
from shared.llm.retry import Pace, Retrying
from shared.llm.types import Completion, SystemTurn, TextDelta, Tool, ToolTurn, UserTurn
from tests.support.anthropic_world import AnthropicWorld
from tests.support.google_world import GoogleWorld
from tests.support.openai_world import OpenAIWorld
from tests.support.scripted_server import Scripted, ScriptedServer
from tests.support.vendor_world import Line, World

KEY = "sk-secret-key"
PROMPT = "My cat is called Ada."
REQUEST = Completion((SystemTurn("Be brief."), UserTurn(PROMPT)), "dialectic", 400, timeout_s=10)
SEARCH = Tool("search", "Find things.", {"type": "object", "properties": {"query": {"type": "string"}}})


def once(world: World, server: ScriptedServer) -> ChatModel:
    """The model without the retries around it."""
    model = open_chat_model(world.spec(server, KEY))
    assert isinstance(model, Retrying)
    return model.model


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_complete_with_a_passing_status_raises_unavailable_after_one_attempt(
    world: World, server: ScriptedServer, status: int
) -> None:
    server.script(world.failure(status, f"busy with {PROMPT}"), world.whole(Line("never asked")))
    with pytest.raises(ModelUnavailable) as caught:
        once(world, server).complete(REQUEST)
    assert str(caught.value).startswith(f"{world.label} is not available (HTTP {status}")
    assert PROMPT not in str(caught.value)
    # The SDK's own retries are off, so that ours count.
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_complete_with_a_lasting_status_raises_refused_and_tells_neither_key_nor_prompt(
    world: World, server: ScriptedServer, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    server.script(world.failure(status, f"no: {KEY} {PROMPT}"), world.whole(Line("never asked")))
    with pytest.raises(ModelRefused) as caught:
        open_chat_model(world.spec(server, KEY)).complete(REQUEST)
    assert str(caught.value).startswith(f"{world.label} refused the request (HTTP {status}")
    told = str(caught.value) + "".join(capfd.readouterr())
    assert KEY not in told
    assert PROMPT not in told
    assert len(server.received) == 1


def test_stream_with_a_lasting_status_raises_refused(world: World, server: ScriptedServer) -> None:
    server.script(world.failure(404, f"no model for {PROMPT}"))
    with pytest.raises(ModelRefused) as caught:
        next(open_chat_model(world.spec(server, KEY)).stream(REQUEST))
    assert str(caught.value).startswith(f"{world.label} refused the request (HTTP 404")
    assert PROMPT not in str(caught.value)


def test_complete_with_retry_after_waits_as_long_and_asks_again(world: World, server: ScriptedServer) -> None:
    server.script(world.failure(429, "slow down", {"Retry-After": "7.5"}), world.whole(Line("Ada.")))
    waits: list[float] = []

    reply = Retrying(once(world, server), pace=Pace(sleep=waits.append)).complete(replace(REQUEST, timeout_s=60))

    assert (reply.text, waits) == ("Ada.", [7.5])


def test_complete_with_lasting_trouble_gives_up_after_three_attempts(world: World, server: ScriptedServer) -> None:
    server.script(*[world.failure(529, "overloaded")] * 4)
    waits: list[float] = []
    with pytest.raises(ModelUnavailable, match="529"):
        Retrying(once(world, server), pace=Pace(sleep=waits.append, jitter=lambda: 0.0)).complete(REQUEST)
    assert (len(server.received), waits) == (3, [0.5, 1.0])


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(body=b'{"choices": [{"mess'),
        Scripted(body=b"<html>proxy</html>", content_type="text/html"),
        Scripted(body=b'["not an object"]'),
        Scripted(body=b"{}"),
        Scripted(body=b""),
        Scripted(502, b"<html>bad gateway</html>", content_type="text/html"),
    ],
)
def test_complete_with_a_broken_answer_raises_unavailable(
    world: World, server: ScriptedServer, answer: Scripted
) -> None:
    server.script(answer)
    with pytest.raises(ModelUnavailable):
        once(world, server).complete(REQUEST)


def test_complete_when_the_connection_breaks_raises_unavailable(world: World, server: ScriptedServer) -> None:
    server.script(replace(world.whole(Line("the connection breaks before the end of this")), is_cut=True))
    with pytest.raises(ModelUnavailable):
        once(world, server).complete(REQUEST)


def test_stream_when_the_connection_breaks_hands_out_what_came_and_raises(world: World, server: ScriptedServer) -> None:
    server.script(world.streamed(Line("Her name is Ada."), is_cut=True))
    deltas = open_chat_model(world.spec(server, KEY)).stream(REQUEST)
    assert isinstance(next(deltas), TextDelta)
    with pytest.raises(ModelUnavailable):
        list(deltas)
    # Something was handed out, so nothing is asked again.
    assert len(server.received) == 1


def test_stream_that_ends_too_early_in_good_order_raises_unavailable(world: World, server: ScriptedServer) -> None:
    cut = world.streamed(Line("Her name is Ada."), is_cut=True)
    server.script(replace(cut, is_cut=False))
    with pytest.raises(ModelUnavailable, match="in the middle"):
        list(once(world, server).stream(REQUEST))


def test_complete_when_the_server_hangs_ends_at_the_requests_timeout(world: World, server: ScriptedServer) -> None:
    server.script(Scripted(parts=[server.closing]))
    with pytest.raises(ModelUnavailable, match="in time"):
        once(world, server).complete(replace(REQUEST, timeout_s=0.3))


def test_stream_when_the_server_hangs_ends_at_the_requests_timeout(world: World, server: ScriptedServer) -> None:
    server.script(world.streamed(Line("Her name is Ada."), gate=server.closing))
    with pytest.raises(ModelUnavailable, match="in time"):
        list(once(world, server).stream(replace(REQUEST, timeout_s=0.3)))


def test_stream_that_trickles_ends_at_the_requests_timeout(world: World, server: ScriptedServer) -> None:
    # Each piece arrives in good time; only their sum does not.
    trickle = world.streamed(Line("x" * 40))
    parts = [part for piece in trickle.parts for part in (piece, _Pause())]
    server.script(replace(trickle, parts=parts))
    with pytest.raises(ModelUnavailable, match="in time"):
        list(once(world, server).stream(replace(REQUEST, timeout_s=0.15)))


class _Pause(Event):
    """An event that lets the script go on after a moment."""

    def wait(self, timeout: float | None = None) -> bool:
        super().wait(0.1)
        return True


def test_complete_when_nobody_listens_raises_unavailable(world: World) -> None:
    with ScriptedServer() as gone:
        model = once(world, gone)
    with pytest.raises(ModelUnavailable, match="reached"):
        model.complete(REQUEST)


def test_complete_with_the_sdks_own_variables_set_ignores_them(
    world: World, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
    for name in (*names, "ANTHROPIC_BASE_URL", "GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.setenv(name, "http://from-the-environment")
    for name in ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"):
        monkeypatch.setenv(name, "true")
    server.script(world.whole(Line("Ada.")))

    # With a key of its own the client is made now.
    assert open_chat_model(world.spec(server, f"another key of {world.label}")).complete(REQUEST).text == "Ada."

    assert "from-the-environment" not in str(server.received[0].headers)


def test_open_chat_model_with_a_refused_key_asks_the_backup_at_once(world: World, server: ScriptedServer) -> None:
    backup = GoogleWorld("gemini-3.5-flash-lite", has_ids=True)
    server.script(world.failure(401, "bad key"), backup.whole(Line("from the backup")))
    reply = open_chat_model(world.spec(server, KEY, backup.spec(server, KEY))).complete(REQUEST)
    assert (reply.text, reply.model) == ("from the backup", backup.label)


@pytest.mark.parametrize(
    "backup",
    [OpenAIWorld("custom"), AnthropicWorld("claude-haiku-4-5"), GoogleWorld("gemini-3.5-flash-lite", has_ids=True)],
    ids=lambda backup: backup.label,
)
def test_backup_of_another_vendor_goes_on_with_a_conversation_it_did_not_begin(
    world: World, server: ScriptedServer, backup: World
) -> None:
    line = Line("", (("call_1", "search", {"query": "cats"}),), is_thought=True)
    server.script(world.whole(line), world.failure(403, "no credits"), backup.whole(Line("Ada.")))
    model = open_chat_model(world.spec(server, KEY, backup.spec(server, KEY)))
    asked = replace(REQUEST, tools=(SEARCH,), thinking_budget_tokens=2048)
    reply = model.complete(asked)
    results = [ToolTurn(call.id, call.name, "Ada") for call in reply.tool_calls]

    last = model.complete(replace(asked, turns=(*asked.turns, reply.as_turn(), *results)))

    assert (last.text, last.model) == ("Ada.", backup.label)
    sent = server.received[2]
    assert backup.results(sent) == ["Ada"]
    if backup.label != world.label:
        assert backup.thoughts(sent) == []
