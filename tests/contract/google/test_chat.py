"""Chat through the genuine google-genai SDK: the bytes sent, and what is made of what only this vendor sends."""

from dataclasses import replace

import pytest

from shared.domain.errors import ModelRefused, ModelUnavailable
from shared.llm.google_chat import open_chat
from shared.llm.provider import ChatModel
from shared.llm.types import Answer, AssistantTurn, Completion, SystemTurn, Tool, ToolCall, ToolTurn, UserTurn
from shared.settings.models import ModelSpec
from tests.support.google_server import blocked, envelope, event, failure, function_call, response, text, thought
from tests.support.scripted_server import Scripted, ScriptedServer, as_json

KEY = "AIza-secret"
PROMPT = "My cat is called Ada."
REQUEST = Completion((SystemTurn("Be brief."), UserTurn(PROMPT)), "derive", 400)
SEARCH = Tool(
    "search",
    "Find things.",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string", "pattern": ".+", "description": "What."},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "maximum": 9},
            "tags": {"type": ["array", "null"], "items": {"type": "string", "minLength": 1}, "minItems": 1},
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)
READ = Tool("read", "Read a thing.", {"type": "object", "properties": {}})
FACTS = Answer("facts", {"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}}})
OK = response(text("ok"))


def model(server: ScriptedServer, name: str = "gemini-2.5-flash") -> ChatModel:
    return open_chat(ModelSpec("google", name, KEY, server.url))


def test_complete_with_turns_sends_exactly_the_protocol(server: ScriptedServer) -> None:
    server.script(OK)

    model(server).complete(replace(REQUEST, temperature=0.3))

    sent = server.received[0]
    assert sent.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert sent.headers["x-goog-api-key"] == KEY
    assert sent.body == {
        "contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
        "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
        "generationConfig": {"temperature": 0.3, "maxOutputTokens": 400, "thinkingConfig": {"thinking_budget": 0}},
    }


def test_stream_sends_the_same_to_the_address_for_streams(server: ScriptedServer) -> None:
    server.script(OK, Scripted(parts=[event(envelope([text("ok")], finish="STOP", usage=None))]))
    model(server).complete(REQUEST)
    list(model(server).stream(REQUEST))
    assert server.received[1].path == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert server.received[1].body == server.received[0].body


def test_complete_with_tools_reduces_their_schemas_to_what_the_api_knows(server: ScriptedServer) -> None:
    server.script(OK)

    model(server).complete(replace(REQUEST, tools=(SEARCH, READ)))

    sent = server.received[0].body
    # Some names stay as the SDK has them inside; the API takes both spellings.
    assert sent["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "search",
                    "description": "Find things.",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {
                            "query": {"type": "STRING", "description": "What."},
                            "limit": {"type": "INTEGER", "nullable": True, "maximum": 9.0},
                            "tags": {"type": "ARRAY", "nullable": True, "items": {"type": "STRING"}, "min_items": 1},
                        },
                        "required": ["query"],
                    },
                },
                {"name": "read", "description": "Read a thing."},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", {"mode": "AUTO"}),
        ("any", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ("search", {"mode": "ANY", "allowedFunctionNames": ["search"]}),
    ],
)
def test_complete_with_tools_maps_the_choice(server: ScriptedServer, choice: str, wire: object) -> None:
    server.script(OK)
    model(server).complete(replace(REQUEST, tools=(SEARCH,), choice=choice))
    assert server.received[0].body["toolConfig"] == {"functionCallingConfig": wire}


@pytest.mark.parametrize("call_id", [None, "fc-7"])
def test_complete_after_tool_calls_sends_signed_parts_back_as_they_came(
    server: ScriptedServer, call_id: str | None
) -> None:
    calls = [
        function_call("search", {"query": "é"}, call_id=call_id, signature="c2lnbmVkLTE="),
        function_call("read", {}, call_id=call_id and "fc-8"),
    ]
    server.script(response(thought("Hm."), text("Let me look."), *calls), OK)
    chat = model(server)
    asked = replace(REQUEST, tools=(SEARCH, READ))

    reply = chat.complete(asked)
    results = [ToolTurn(call.id, call.name, "Ada") for call in reply.tool_calls]
    chat.complete(replace(asked, turns=(*REQUEST.turns, reply.as_turn(), *results)))

    assert reply.text == "Let me look."
    answers = [{"name": "search", "response": {"output": "Ada"}}, {"name": "read", "response": {"output": "Ada"}}]
    if call_id:
        answers = [{"id": wire_id, **answer} for wire_id, answer in zip(("fc-7", "fc-8"), answers, strict=True)]
    assert server.received[1].body["contents"][1:] == [
        {"role": "model", "parts": [text("Let me look."), *calls]},
        {"role": "user", "parts": [{"functionResponse": answer} for answer in answers]},
    ]


def test_complete_with_calls_that_another_model_made_says_that_they_are_unsigned(server: ScriptedServer) -> None:
    server.script(OK)
    calls = (ToolCall("t1", "search", {"query": "cats"}), ToolCall("t2", "read", None))
    turn = AssistantTurn("", calls, {"of": "anthropic/other", "kept": {"content": []}})
    turns = (*REQUEST.turns, turn, ToolTurn("t1", "search", "Ada"), ToolTurn("t2", "read", "none"))

    model(server, "gemini-3.5-flash-lite").complete(replace(REQUEST, turns=turns, tools=(SEARCH,)))

    assert server.received[0].body["contents"][1]["parts"] == [
        {
            "functionCall": {"id": "t1", "name": "search", "args": {"query": "cats"}},
            "thoughtSignature": "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
        },
        {"functionCall": {"id": "t2", "name": "read", "args": {}}},
    ]


def test_complete_with_a_signature_in_an_empty_part_keeps_it(server: ScriptedServer) -> None:
    server.script(response(text("Ada."), text("", signature="c2lnbmVkLTE=")), OK)
    chat = model(server, "gemini-3.5-flash-lite")
    reply = chat.complete(REQUEST)
    chat.complete(replace(REQUEST, turns=(*REQUEST.turns, reply.as_turn(), UserTurn("And?"))))
    parts = server.received[1].body["contents"][1]["parts"]
    assert parts == [{"text": "Ada."}, {"text": "", "thoughtSignature": "c2lnbmVkLTE="}]


def test_complete_with_an_answer_form_asks_for_json_of_that_schema(server: ScriptedServer) -> None:
    server.script(OK)
    model(server).complete(replace(REQUEST, answer=FACTS))
    config = server.received[0].body["generationConfig"]
    assert (config["responseMimeType"], config["responseJsonSchema"]) == ("application/json", FACTS.schema)


def test_complete_with_an_answer_form_and_tools_tells_it_in_the_last_turn_only(server: ScriptedServer) -> None:
    server.script(OK, OK)
    asked = replace(REQUEST, tools=(SEARCH,), answer=FACTS)

    model(server).complete(asked)
    model(server).complete(replace(asked, choice="none"))

    first, last = (sent.body for sent in server.received)
    assert "responseJsonSchema" not in first["generationConfig"]
    assert first["contents"][-1]["parts"][-1]["text"].startswith("When you have called all the tools you need")
    # Where no tool may be called they are left out, so that the schema can be enforced.
    assert "tools" not in last
    assert last["generationConfig"]["responseJsonSchema"] == FACTS.schema


@pytest.mark.parametrize(
    ("asked", "complaint", "sent"),
    [
        (0, "Thinking level MINIMAL is not supported for this model.", ["MINIMAL", "LOW", "LOW"]),
        (4096, "Thinking level is not supported for this model.", ["MEDIUM", None, None]),
    ],
)
def test_complete_when_a_thinking_level_is_declined_does_without_from_then_on(
    server: ScriptedServer, asked: int, complaint: str, sent: list[str | None]
) -> None:
    server.script(failure(400, complaint), OK, OK)
    chat = model(server, "gemini-4-argon")
    for _ in range(2):
        chat.complete(replace(REQUEST, thinking_budget_tokens=asked))
    configs = [one.body["generationConfig"].get("thinkingConfig", {}) for one in server.received]
    assert [config.get("thinking_level") for config in configs] == sent


@pytest.mark.parametrize("is_streamed", [False, True])
def test_complete_with_a_blocked_prompt_is_a_refusal(server: ScriptedServer, is_streamed: bool) -> None:
    if is_streamed:
        server.script(Scripted(parts=[event(blocked())], content_type="text/event-stream"))
        *_, reply = model(server).stream(REQUEST)
    else:
        server.script(as_json(blocked()))
        reply = model(server).complete(REQUEST)
    assert (reply.text, reply.finish, reply.usage.input_tokens) == ("", "refusal", 9)


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER"])
def test_complete_with_a_call_that_is_none_raises_unavailable(server: ScriptedServer, reason: str) -> None:
    server.script(response(finish=reason))
    with pytest.raises(ModelUnavailable, match=reason):
        model(server).complete(REQUEST)


def test_complete_with_a_used_up_quota_carries_the_delay_of_its_details(server: ScriptedServer) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"}
    server.script(failure(429, "quota", details=[{"@type": "QuotaFailure"}, info]))
    with pytest.raises(ModelUnavailable, match="RESOURCE_EXHAUSTED") as caught:
        model(server).complete(REQUEST)
    assert caught.value.retry_after_s == 37.5


def test_complete_with_an_invalid_key_is_refused_without_the_vendors_words(server: ScriptedServer) -> None:
    server.script(failure(400, f"API key not valid: {KEY}", details=[{"reason": "API_KEY_INVALID"}]))
    with pytest.raises(ModelRefused) as caught:
        model(server).complete(REQUEST)
    assert str(caught.value) == "google/gemini-2.5-flash refused the request (HTTP 400, INVALID_ARGUMENT)"


def test_stream_with_an_error_in_the_middle_raises_it(server: ScriptedServer) -> None:
    broken = {"error": {"code": 503, "message": PROMPT, "status": "UNAVAILABLE"}}
    pieces = [event(envelope([text("Her name")], finish=None, usage=None)), event(broken)]
    server.script(Scripted(parts=pieces, content_type="text/event-stream"))
    with pytest.raises(ModelUnavailable) as caught:
        list(model(server).stream(REQUEST))
    assert PROMPT not in str(caught.value)
