"""Chat through the genuine openai SDK: the bytes sent, and what is made of the answers."""

import json
from dataclasses import replace

import pytest

from shared.domain.errors import ModelRefused, ModelUnavailable
from shared.llm.openai_compatible import open_chat
from shared.llm.provider import ChatModel, open_chat_model
from shared.llm.types import (
    Answer,
    AssistantTurn,
    Completion,
    Reply,
    SystemTurn,
    Tool,
    ToolCall,
    ToolTurn,
    Usage,
    UserTurn,
)
from shared.settings.models import ModelSpec, Provider
from tests.support.openai_server import (
    OpenAIServer,
    Scripted,
    as_json,
    completion,
    failure,
    said,
    tool_call,
)

KEY = "sk-secret-key"
PROMPT = "My cat is called Ada."
REQUEST = Completion((SystemTurn("Be brief."), UserTurn(PROMPT)), "derive", 400)
SEARCH = Tool("search", "Find things.", {"type": "object", "properties": {"query": {"type": "string"}}})
LOOSE = Answer("facts", {"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}}})
TIGHT = Answer("facts", {**LOOSE.schema, "required": ["facts"], "additionalProperties": False})


def model(server: OpenAIServer, *, provider: Provider = "custom", name: str = "m") -> ChatModel:
    return open_chat(ModelSpec(provider, name, KEY, server.url))


def test_complete_with_turns_sends_exactly_the_protocol(server: OpenAIServer) -> None:
    server.script(completion({"content": "Ada."}, usage={"prompt_tokens": 9, "completion_tokens": 3}))

    reply = model(server).complete(replace(REQUEST, temperature=0.3, thinking_budget_tokens=1024))

    sent = server.received[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}],
        "max_tokens": 400,
        "temperature": 0.3,
    }
    assert reply == Reply("Ada.", usage=Usage(9, 3), finish="stop", model="custom/m")


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", "auto"),
        ("any", "required"),
        ("search", {"type": "function", "function": {"name": "search"}}),
    ],
)
def test_complete_with_tools_maps_the_choice(server: OpenAIServer, choice: str, wire: object) -> None:
    server.script(said("ok"))

    model(server).complete(replace(REQUEST, tools=(SEARCH,), choice=choice))

    sent = server.received[0].body
    function = {"name": "search", "description": "Find things.", "parameters": SEARCH.parameters}
    assert sent["tools"] == [{"type": "function", "function": function}]
    assert sent["tool_choice"] == wire


def test_complete_with_tools_that_may_not_be_called_sends_them_only_where_that_is_obeyed(server: OpenAIServer) -> None:
    server.script(said("ok"), said("ok"))
    request = replace(REQUEST, tools=(SEARCH,), choice="none")
    for provider in ("openai", "custom"):
        model(server, provider=provider).complete(request)
    offered = [(len(sent.body.get("tools", [])), sent.body.get("tool_choice")) for sent in server.received]
    assert offered == [(1, "none"), (0, None)]


def test_complete_without_tools_sends_no_choice(server: OpenAIServer) -> None:
    server.script(said("ok"))
    model(server).complete(replace(REQUEST, choice="any"))
    assert "tool_choice" not in server.received[0].body


@pytest.mark.parametrize(
    ("written", "finish", "parsed"),
    [('{"query": "ca', "length", None), ('["cats"]', "tool_calls", None), ("", "tool_calls", {}), ("", "length", None)],
)
def test_complete_with_odd_tool_arguments_never_invents_a_call(
    server: OpenAIServer, written: str, finish: str, parsed: object
) -> None:
    server.script(completion({"content": None, "tool_calls": [tool_call(written)]}, finish=finish))
    assert model(server).complete(replace(REQUEST, tools=(SEARCH,))).tool_calls[0].arguments == parsed


def test_complete_after_tool_calls_sends_the_reasoning_back_unchanged(server: OpenAIServer) -> None:
    details = [{"type": "reasoning.encrypted", "data": "x=="}]
    call = {**tool_call('{"query":"cats"}'), "extra_content": {"google": {"thought_signature": "s"}}}
    thinking = {"reasoning_content": "Hm.", "reasoning_details": details}
    server.script(completion({"content": None, "tool_calls": [call], **thinking}, finish="stop"), said("Ada."))
    chat = model(server)

    reply = chat.complete(replace(REQUEST, tools=(SEARCH,)))
    answered = (*REQUEST.turns, reply.as_turn(), ToolTurn("call_1", "search", "Ada"))
    chat.complete(replace(REQUEST, turns=answered, tools=(SEARCH,)))

    assert server.received[1].body["messages"][2:] == [
        {"role": "assistant", "content": None, "tool_calls": [call], **thinking},
        {"role": "tool", "tool_call_id": "call_1", "content": "Ada"},
    ]


def test_complete_with_another_models_replay_leaves_it_out(server: OpenAIServer) -> None:
    server.script(said("Ada."))
    replay = {"of": "vllm/other", "kept": {"message": {"reasoning_content": "Hm."}}}
    turn = AssistantTurn("", (ToolCall("call_1", "search", None),), replay)

    model(server).complete(replace(REQUEST, turns=(turn, ToolTurn("call_1", "search", "bad arguments"))))

    sent = server.received[0].body["messages"][0]
    assert sent == {"role": "assistant", "content": None, "tool_calls": [tool_call("{}")]}


@pytest.mark.parametrize(("answer", "strict"), [(LOOSE, False), (TIGHT, True)])
def test_complete_with_an_answer_form_sends_its_schema(server: OpenAIServer, answer: Answer, strict: bool) -> None:
    server.script(said('{"facts":[]}'))

    model(server, provider="openai").complete(replace(REQUEST, answer=answer))

    form = {"name": "facts", "schema": answer.schema, "strict": strict}
    assert server.received[0].body["response_format"] == {"type": "json_schema", "json_schema": form}


def test_complete_with_an_answer_form_at_groq_writes_the_schema_into_the_system_message(server: OpenAIServer) -> None:
    server.script(said('{"facts":[]}'))

    model(server, provider="groq").complete(replace(REQUEST, answer=LOOSE))

    sent = server.received[0].body
    system = sent["messages"][0]["content"]
    assert sent["response_format"] == {"type": "json_object"}
    assert system.startswith("Be brief.\n\n")
    assert "json" in system
    assert json.dumps(LOOSE.schema, separators=(",", ":")) in system


def test_complete_when_the_schema_is_declined_asks_for_plain_json_from_then_on(server: OpenAIServer) -> None:
    complaint = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    server.script(failure(400, complaint), said("{}"), said("{}"))
    chat = model(server)

    for _ in range(2):
        chat.complete(replace(REQUEST, answer=LOOSE))

    forms = [received.body["response_format"]["type"] for received in server.received]
    assert forms == ["json_schema", "json_object", "json_object"]


def test_complete_when_plain_json_is_declined_too_raises_refused(server: OpenAIServer) -> None:
    complaint = failure(400, "response_format is not supported")
    server.script(complaint, complaint)
    with pytest.raises(ModelRefused):
        model(server).complete(replace(REQUEST, answer=LOOSE))
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        (completion({"content": "cut", "refusal": None}, finish="length"), "cut", "length"),
        (completion({"content": None, "refusal": "I cannot."}), "I cannot.", "refusal"),
        (completion({"content": ""}, finish="content_filter"), "", "refusal"),
        (completion({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}), "ab", "stop"),
    ],
)
def test_complete_with_each_ending_says_how_it_ended(
    server: OpenAIServer, answer: Scripted, text: str, finish: str
) -> None:
    server.script(answer)
    reply = model(server).complete(REQUEST)
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_complete_with_a_lasting_status_raises_refused_without_key_or_prompt(server: OpenAIServer, status: int) -> None:
    server.script(failure(status, f"no: {KEY} {PROMPT}", code="model_not_found"))
    with pytest.raises(ModelRefused) as caught:
        model(server).complete(REQUEST)
    assert str(caught.value) == f"custom/m refused the request (HTTP {status}, model_not_found)"


def test_complete_with_a_retry_after_in_the_past_carries_zero(server: OpenAIServer) -> None:
    server.script(failure(503, "slow down", headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    with pytest.raises(ModelUnavailable) as caught:
        model(server).complete(REQUEST)
    assert caught.value.retry_after_s == 0


@pytest.mark.parametrize(
    "answer",
    [
        completion({"content": "  "}),
        completion({"content": None, "reasoning_content": "Hm."}, finish="length"),
        as_json({"choices": []}),
        as_json(["not an object"]),
        as_json({"error": {"message": "upstream is busy", "code": 502}}),
        Scripted(body=b'{"choices": [{"mess'),
        Scripted(body=b"<html>proxy</html>", content_type="text/html"),
        replace(said("the connection breaks before the end of this"), is_cut=True),
    ],
)
def test_complete_with_an_empty_or_broken_answer_raises_unavailable(server: OpenAIServer, answer: Scripted) -> None:
    server.script(answer)
    with pytest.raises(ModelUnavailable):
        model(server).complete(REQUEST)


def test_complete_with_a_lasting_error_under_status_200_raises_refused(server: OpenAIServer) -> None:
    server.script(as_json({"error": {"message": "no credits", "code": 402}}))
    with pytest.raises(ModelRefused):
        model(server).complete(REQUEST)


def test_complete_by_several_models_of_one_server_shares_a_connection(server: OpenAIServer) -> None:
    server.script(said("1"), said("2"), said("3"))
    for name in ("m", "n", "m"):
        model(server, name=name).complete(REQUEST)
    assert server.connections == 1


def test_open_chat_model_with_a_refused_key_asks_the_backup_at_once(server: OpenAIServer) -> None:
    server.script(failure(401, "bad key"), said("from the backup"))
    backup = ModelSpec("vllm", "spare", KEY, server.url)

    reply = open_chat_model(ModelSpec("custom", "m", KEY, server.url, backup)).complete(REQUEST)

    assert (reply.text, reply.model) == ("from the backup", "vllm/spare")
    assert [received.body["model"] for received in server.received] == ["m", "spare"]
