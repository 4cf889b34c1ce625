"""What every provider makes of answers, whole and streamed, through the genuine SDKs."""

import json
from dataclasses import replace
from threading import Event

import pytest

from shared.domain.errors import ModelUnavailable
from shared.llm.provider import ChatModel, open_chat_model
from shared.llm.types import Answer, Completion, Delta, Reply, SystemTurn, TextDelta, Tool, ToolTurn, UserTurn
from tests.support.scripted_server import ScriptedServer
from tests.support.vendor_world import Line, World

KEY = "sk-secret-key"
REQUEST = Completion((SystemTurn("Be brief."), UserTurn("My cat is called Ada.")), "dialectic", 400, timeout_s=10)
SEARCH = Tool("search", "Find things.", {"type": "object", "properties": {"query": {"type": "string"}}})
READ = Tool("read", "Read a thing.", {"type": "object", "properties": {}})
TOOLS = replace(REQUEST, tools=(SEARCH, READ), thinking_budget_tokens=1024)
CALLS = Line("Let me look.", (("call_1", "search", {"query": "cats é"}), ("call_2", "read", {})), is_thought=True)
FACTS = Answer("facts", {"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}}})


@pytest.fixture
def model(world: World, server: ScriptedServer) -> ChatModel:
    return open_chat_model(world.spec(server, KEY))


def comparable(reply: Reply) -> tuple[object, ...]:
    """All of a reply but ids that had to be made up, and the counts."""
    calls = [(call.name, call.arguments) for call in reply.tool_calls]
    return reply.text, calls, reply.finish, reply.model


def whole(deltas: list[Delta]) -> Reply:
    assert isinstance(deltas[-1], Reply)
    assert "".join(delta.text for delta in deltas[:-1] if isinstance(delta, TextDelta)) == deltas[-1].text
    return deltas[-1]


def test_complete_with_text_gives_it(world: World, server: ScriptedServer, model: ChatModel) -> None:
    server.script(world.whole(Line("Ada.")))
    reply = model.complete(REQUEST)
    assert (reply.text, reply.tool_calls, reply.finish, reply.model) == ("Ada.", (), "stop", world.label)


def test_complete_with_counts_tells_them_in_the_same_words(
    world: World, server: ScriptedServer, model: ChatModel
) -> None:
    server.script(world.counted())
    assert model.complete(REQUEST).usage == world.usage


def test_complete_with_calls_gives_them_in_order_under_ids_of_their_own(
    world: World, server: ScriptedServer, model: ChatModel
) -> None:
    server.script(world.whole(CALLS))
    reply = model.complete(TOOLS)
    calls = [("search", {"query": "cats é"}), ("read", {})]
    assert comparable(reply) == ("Let me look.", calls, "tool_calls", world.label)
    assert len({call.id for call in reply.tool_calls}) == 2
    assert all(call.id for call in reply.tool_calls)


@pytest.mark.parametrize("line", [Line("Her name is Ada."), CALLS, Line("Her name", ending="length")])
def test_stream_gives_the_same_reply_as_complete(
    world: World, server: ScriptedServer, model: ChatModel, line: Line
) -> None:
    server.script(world.whole(line), world.streamed(line))
    request = TOOLS if line.calls else REQUEST

    unstreamed, streamed = model.complete(request), whole([*model.stream(request)])

    assert comparable(streamed) == comparable(unstreamed)
    assert (streamed.replay is None) == (unstreamed.replay is None)


@pytest.mark.parametrize(
    ("said", "text"),
    [("half a \ud83d", "half a \ufffd"), ("\ude00 \ud83d tea", "\ufffd \ufffd tea"), ("\ud83d\ude00!", "\U0001f600!")],
)
def test_answer_with_halves_of_surrogate_pairs_can_be_encoded(
    world: World, server: ScriptedServer, model: ChatModel, said: str, text: str
) -> None:
    line = Line(said, (("call_1", "search", {"query": said}),))
    server.script(world.whole(line), world.streamed(line))
    for reply in (model.complete(TOOLS), whole([*model.stream(TOOLS)])):
        assert (reply.text, reply.tool_calls[0].arguments) == (text, {"query": text})


def test_stream_hands_pieces_out_as_they_arrive(world: World, server: ScriptedServer, model: ChatModel) -> None:
    go_on = Event()
    server.script(world.streamed(Line("Her name is Ada."), gate=go_on))

    deltas = model.stream(REQUEST)
    first = next(deltas)
    assert isinstance(first, TextDelta)
    assert "Her name is Ada.".startswith(first.text)
    go_on.set()

    assert whole([first, *deltas]).text == "Her name is Ada."


@pytest.mark.parametrize("is_streamed", [False, True])
def test_conversation_with_calls_sends_thoughts_back_unchanged_and_results_in_order(
    world: World, server: ScriptedServer, model: ChatModel, is_streamed: bool
) -> None:
    server.script(world.streamed(CALLS) if is_streamed else world.whole(CALLS), world.whole(Line("Ada.")))
    reply = whole([*model.stream(TOOLS)]) if is_streamed else model.complete(TOOLS)
    # A conversation may be put down and taken up again: what must go back is plain JSON.
    assert json.loads(json.dumps(reply.replay)) == reply.replay
    results = [ToolTurn(call.id, call.name, f"found by {call.name}") for call in reply.tool_calls]

    model.complete(replace(TOOLS, turns=(*TOOLS.turns, reply.as_turn(), *results, UserTurn("Answer now."))))

    sent = server.received[1]
    assert "signed-1" in str(world.thoughts(sent)) or world.thoughts(sent) == ["c2lnbmVkLTE="]
    assert world.results(sent) == ["found by search", "found by read"]
    assert sent.raw.decode().count("Answer now.") == 1


def test_conversation_of_another_model_goes_on_without_its_thoughts(
    world: World, server: ScriptedServer, model: ChatModel
) -> None:
    server.script(world.whole(CALLS), world.whole(Line("Ada.")))
    reply = model.complete(TOOLS)
    foreign = replace(reply.as_turn(), replay={**(reply.replay or {}), "of": "vllm/other"})
    results = [ToolTurn(call.id, call.name, "found") for call in reply.tool_calls]

    assert model.complete(replace(TOOLS, turns=(*TOOLS.turns, foreign, *results))).text == "Ada."

    assert world.thoughts(server.received[1]) == []
    assert world.results(server.received[1]) == ["found", "found"]


def test_complete_with_tools_that_may_not_be_called_offers_none(
    world: World, server: ScriptedServer, model: ChatModel
) -> None:
    server.script(world.whole(Line("Ada.")), world.whole(Line("Ada.")))
    model.complete(TOOLS)
    model.complete(replace(TOOLS, choice="none"))
    assert [world.callable_tools(sent) for sent in server.received] == [["search", "read"], []]


@pytest.mark.parametrize("text", ["I cannot help with that.", ""])
def test_complete_that_is_refused_says_so(world: World, server: ScriptedServer, model: ChatModel, text: str) -> None:
    server.script(world.whole(Line(text, ending="refusal")))
    reply = model.complete(REQUEST)
    assert (reply.text, reply.finish) == (text, "refusal")


def test_complete_that_reaches_the_limit_says_so(world: World, server: ScriptedServer, model: ChatModel) -> None:
    server.script(world.whole(Line("Her na", ending="length")))
    reply = model.complete(REQUEST)
    assert (reply.text, reply.finish) == ("Her na", "length")


@pytest.mark.parametrize("line", [Line(), Line("  \n"), Line(ending="length"), Line(is_thought=True)])
def test_complete_that_says_nothing_raises_unavailable(world: World, server: ScriptedServer, line: Line) -> None:
    server.script(*[world.whole(line)] * 3)
    model = open_chat_model(world.spec(server, KEY))
    with pytest.raises(ModelUnavailable, match="empty answer"):
        model.complete(replace(REQUEST, timeout_s=0.4))


def test_complete_with_a_form_that_is_objected_to_is_told_in_words_from_then_on(
    world: World, server: ScriptedServer
) -> None:
    # What was objected to is remembered by key: a key of its own leaves the other tests alone.
    model = open_chat_model(world.spec(server, f"the key of {world.label}"))
    complaint = world.schema_complaint
    server.script(*([] if complaint is None else [world.failure(400, complaint)]), *[world.whole(Line("{}"))] * 3)
    other = Answer("other", {**FACTS.schema, "description": "Another one."})

    for answer in (FACTS, FACTS, other):
        model.complete(replace(REQUEST, answer=answer))

    enforced = [world.has_schema(sent) for sent in server.received]
    assert enforced == ([False] * 3 if complaint is None else [True, False, False, True])
    told = [sent for sent, is_enforced in zip(server.received, enforced, strict=True) if not is_enforced]
    assert all("JSON Schema" in sent.raw.decode() for sent in told)
