"""Chat through the genuine anthropic SDK: the bytes sent, and what is made of what only this vendor sends."""

from dataclasses import replace

import pytest

from shared.domain.errors import ModelRefused, ModelUnavailable
from shared.domain.json import JsonObject
from shared.llm.anthropic_chat import open_chat
from shared.llm.provider import ChatModel
from shared.llm.types import Answer, AssistantTurn, Completion, SystemTurn, Tool, ToolCall, ToolTurn, Turn, UserTurn
from shared.settings.models import ModelSpec
from tests.support.anthropic_server import failure, message, redacted, streamed, text, thinking, tool_use
from tests.support.scripted_server import ScriptedServer, as_json

KEY = "sk-ant-secret"
PROMPT = "My cat is called Ada."
REQUEST = Completion((SystemTurn("Be brief."), UserTurn(PROMPT)), "derive", 400)
SEARCH = Tool("search", "Find things.", {"type": "object", "properties": {"query": {"type": "string"}}})
READ = Tool("read", "Read a thing.", {"type": "object", "properties": {}})
MARK = {"type": "ephemeral"}
OK = message(text("ok"))


def model(server: ScriptedServer, name: str = "claude-haiku-4-5") -> ChatModel:
    return open_chat(ModelSpec("anthropic", name, KEY, server.url))


def test_complete_with_turns_sends_exactly_the_protocol(server: ScriptedServer) -> None:
    server.script(OK)

    model(server).complete(replace(REQUEST, temperature=0.3))

    sent = server.received[0]
    assert sent.path == "/v1/messages"
    assert KEY in (sent.headers.get("x-api-key"), sent.headers.get("authorization", "").removeprefix("Bearer "))
    assert sent.headers["anthropic-version"] == "2026-10-21"
    # No temperature: this version of the API refuses it.
    assert sent.body == {
        "model": "claude-haiku-4-5",
        "max_tokens": 400,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": MARK}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}],
    }


def test_complete_with_tools_marks_what_stays_the_same_and_the_newest_turns(server: ScriptedServer) -> None:
    server.script(OK)
    calls = (ToolCall("t1", "search", {"query": "cats"}), ToolCall("t2", "read", None))
    results = (ToolTurn("t1", "search", "Ada"), ToolTurn("t2", "read", "bad arguments"), UserTurn("Answer now."))
    turns = (*REQUEST.turns, AssistantTurn("Let me look.", calls), *results)

    model(server).complete(replace(REQUEST, turns=turns, tools=(SEARCH, READ)))

    sent = server.received[0].body
    assert sent["tools"] == [
        {"name": "search", "description": "Find things.", "input_schema": SEARCH.parameters},
        {"name": "read", "description": "Read a thing.", "input_schema": READ.parameters, "cache_control": MARK},
    ]
    assert sent["system"] == [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    assert sent["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": PROMPT, "cache_control": MARK}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "t1", "name": "search", "input": {"query": "cats"}},
                {"type": "tool_use", "id": "t2", "name": "read", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "Ada"},
                {"type": "tool_result", "tool_use_id": "t2", "content": "bad arguments"},
                {"type": "text", "text": "Answer now.", "cache_control": MARK},
            ],
        },
    ]
    # Four are allowed.
    assert server.received[0].raw.count(b"cache_control") == 4


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", {"type": "auto"}),
        ("any", {"type": "any"}),
        ("none", {"type": "none"}),
        ("search", {"type": "tool", "name": "search"}),
    ],
)
def test_complete_with_tools_maps_the_choice(server: ScriptedServer, choice: str, wire: object) -> None:
    server.script(OK)
    model(server).complete(replace(REQUEST, tools=(SEARCH,), choice=choice))
    assert server.received[0].body["tool_choice"] == wire


@pytest.mark.parametrize(("name", "asked"), [("claude-haiku-4-5", 1024), ("claude-sonnet-5-5", 0)])
def test_complete_with_a_forced_choice_that_cannot_be_asks_for_none(
    server: ScriptedServer, name: str, asked: int
) -> None:
    server.script(OK)
    model(server, name).complete(replace(REQUEST, tools=(SEARCH,), choice="any", thinking_budget_tokens=asked))
    assert server.received[0].body["tool_choice"] == {"type": "auto"}


def test_complete_when_a_forced_choice_is_declined_does_without_from_then_on(server: ScriptedServer) -> None:
    complaint = "tool_choice: forced tool use is not supported on this model."
    server.script(failure(400, complaint), OK, OK)
    chat = model(server, "claude-haiku-5-5")
    for _ in range(2):
        chat.complete(replace(REQUEST, tools=(SEARCH,), choice="any"))
    assert [sent.body["tool_choice"]["type"] for sent in server.received] == ["any", "auto", "auto"]


def test_complete_after_tool_calls_sends_every_block_back_as_it_came(server: ScriptedServer) -> None:
    blocks = [thinking("Hm. é", "sig=="), redacted("xx=="), text("Let me look."), tool_use("t1", "search", {"q": 1})]
    server.script(message(*blocks, stop="tool_use"), OK)
    chat = model(server)
    asked = replace(REQUEST, tools=(SEARCH,), thinking_budget_tokens=2048)

    reply = chat.complete(asked)
    chat.complete(replace(asked, turns=(*REQUEST.turns, reply.as_turn(), ToolTurn("t1", "search", "Ada"))))

    assert server.received[1].body["messages"][1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm. é", "signature": "sig=="},
            {"type": "redacted_thinking", "data": "xx=="},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "t1", "name": "search", "input": {"q": 1}},
        ],
    }
    assert server.received[1].body["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def called(*blocks: JsonObject, of: str = "anthropic/claude-haiku-4-5") -> AssistantTurn:
    """A turn that called the tool once, as its model sent it."""
    call = tool_use("t1", "search", {"q": 1})
    return AssistantTurn("", (ToolCall("t1", "search", {"q": 1}),), {"of": of, "kept": {"content": [*blocks, call]}})


FOUND = ToolTurn("t1", "search", "Ada")
SIGNED = called(thinking("Hm.", "sig=="))


@pytest.mark.parametrize(
    ("turns", "has_budget"),
    [
        ((SIGNED, FOUND), True),
        # Only the first of the calls is thought over; the model goes on from there.
        ((SIGNED, FOUND, called(), FOUND, UserTurn("Answer now.")), True),
        ((called(), FOUND), False),
        ((called(thinking("Hm.", "sig=="), of="google/gemini"), FOUND), False),
        ((called(), FOUND, SIGNED, FOUND), False),
        # What was asked anew may be thought over again.
        ((called(), FOUND, AssistantTurn("Ada."), UserTurn("Sure?")), True),
    ],
)
def test_complete_within_calls_that_began_without_its_thoughts_sends_no_budget(
    server: ScriptedServer, turns: tuple[Turn, ...], has_budget: bool
) -> None:
    server.script(OK)
    request = replace(REQUEST, turns=(*REQUEST.turns, *turns), tools=(SEARCH,), thinking_budget_tokens=2048)
    model(server).complete(request)
    assert ("thinking" in server.received[0].body) is has_budget


def test_stream_with_thoughts_and_calls_keeps_every_block_as_it_came(server: ScriptedServer) -> None:
    blocks = [thinking("Hm. é", "sig=="), redacted("xx=="), text("Let me look."), tool_use("t1", "search", {"q": 1})]
    server.script(streamed(*blocks, stop="tool_use"), message(*blocks, stop="tool_use"))
    chat = model(server)
    *_, streamed_reply = chat.stream(replace(REQUEST, tools=(SEARCH,)))
    assert server.received[0].body["stream"] is True
    assert streamed_reply == chat.complete(replace(REQUEST, tools=(SEARCH,)))


def test_complete_with_a_call_at_the_limit_does_not_trust_its_arguments(server: ScriptedServer) -> None:
    calls = [tool_use("t1", "search", {"query": "cats"}), tool_use("t2", "search", {"query": "do"})]
    server.script(message(*calls, stop="max_tokens"))
    reply = model(server).complete(replace(REQUEST, tools=(SEARCH,)))
    assert [call.arguments for call in reply.tool_calls] == [{"query": "cats"}, None]
    assert reply.finish == "length"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("overloaded_error", ModelUnavailable),
        ("api_error", ModelUnavailable),
        ("rate_limit_error", ModelUnavailable),
        ("invalid_request_error", ModelRefused),
    ],
)
def test_stream_with_an_error_event_raises_its_class_without_its_words(
    server: ScriptedServer, error: str, expected: type[Exception]
) -> None:
    server.script(streamed(text("Her name"), error=error))
    with pytest.raises(expected) as caught:
        list(model(server).stream(REQUEST))
    assert PROMPT not in str(caught.value)


def test_complete_with_an_error_under_status_200_raises_it(server: ScriptedServer) -> None:
    server.script(as_json({"type": "error", "error": {"type": "overloaded_error", "message": PROMPT}}))
    with pytest.raises(ModelUnavailable, match="broke off"):
        model(server).complete(REQUEST)


def test_complete_with_a_full_context_says_it_was_cut(server: ScriptedServer) -> None:
    server.script(message(text("Her na"), stop="model_context_window_exceeded"))
    assert model(server).complete(REQUEST).finish == "length"


def test_complete_with_an_answer_form_sends_the_schema_as_the_vendor_enforces_it(server: ScriptedServer) -> None:
    server.script(OK)
    number = {"type": "integer", "minimum": 1}
    schema = {"type": "object", "properties": {"n": number, "t": {"type": ["string", "null"], "description": "When."}}}

    model(server).complete(replace(REQUEST, answer=Answer("facts", schema)))

    assert server.received[0].body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "description": "{minimum: 1}"},
                "t": {"description": "When.", "anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "additionalProperties": False,
        },
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": {"type": "object"}}},
    ],
)
def test_complete_with_a_form_that_cannot_be_enforced_tells_it_in_words(
    server: ScriptedServer, schema: dict[str, object]
) -> None:
    server.script(OK)
    model(server).complete(replace(REQUEST, answer=Answer("facts", schema)))
    sent = server.received[0].body
    assert "output_config" not in sent
    assert "json object that fits this JSON Schema" in sent["messages"][-1]["content"][-1]["text"]
