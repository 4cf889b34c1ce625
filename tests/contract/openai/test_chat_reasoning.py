"""How much OpenAI's models are told to reason, and what is marked for the caches behind a proxy: the bytes sent."""

from dataclasses import replace

import pytest

from shared.llm.openai_compatible import open_chat
from shared.llm.provider import ChatModel
from shared.llm.types import Completion, SystemTurn, Tool, UserTurn
from shared.settings.models import ModelSpec, Provider
from tests.support.openai_server import OpenAIServer, failure, said

REQUEST = Completion((SystemTurn("Be brief."), UserTurn("My cat is called Ada.")), "derive", 400)
SEARCH = Tool("search", "Find things.", {"type": "object", "properties": {"query": {"type": "string"}}})


def model(server: OpenAIServer, *, provider: Provider = "custom", name: str = "m") -> ChatModel:
    return open_chat(ModelSpec(provider, name, "sk-secret-key", server.url))


@pytest.mark.parametrize(
    ("name", "asked", "effort", "room"),
    [
        ("gpt-5.4-mini", 0, "none", 0),
        ("gpt-5.4-mini", 1024, "low", 2048),
        ("openai/gpt-5", 0, "minimal", 1024),
        ("gpt-5", 4096, "medium", 4096),
        ("o1", 0, "low", 2048),
        ("o3-mini", 8192, "high", 8192),
        ("o4-mini", 16_384, "high", 16_384),
    ],
)
def test_complete_with_a_reasoning_model_tells_an_effort_and_leaves_room_for_it(
    server: OpenAIServer, name: str, asked: int, effort: str, room: int
) -> None:
    server.script(said("ok"))

    request = replace(REQUEST, temperature=0.3, thinking_budget_tokens=asked)
    model(server, provider="openai", name=name).complete(request)

    sent = server.received[0].body
    assert (sent["max_completion_tokens"], sent["reasoning_effort"]) == (400 + room, effort)
    assert not sent.keys() & {"max_tokens", "temperature"}


@pytest.mark.parametrize(("name", "effort"), [("gpt-5.6-terra", "none"), ("gpt-5-mini", "low")])
def test_complete_with_tools_and_a_reasoning_model_tells_the_effort_that_goes_with_tools(
    server: OpenAIServer, name: str, effort: str
) -> None:
    server.script(said("ok"))
    request = replace(REQUEST, tools=(SEARCH,), thinking_budget_tokens=1024)
    model(server, provider="openai", name=name).complete(request)
    assert server.received[0].body["reasoning_effort"] == effort


def test_complete_when_an_effort_is_declined_tells_the_next_one_from_then_on(server: OpenAIServer) -> None:
    complaint = "Unsupported value: 'reasoning_effort' does not support 'none' with this model."
    server.script(failure(400, complaint), failure(400, complaint), said("ok"), said("ok"))
    chat = model(server, provider="openai", name="gpt-5.2")
    for _ in range(2):
        chat.complete(REQUEST)
    assert [sent.body.get("reasoning_effort") for sent in server.received] == ["none", "minimal", "low", "low"]


def test_complete_with_a_model_that_does_not_reason_drops_the_thinking(server: OpenAIServer) -> None:
    server.script(said("ok"))
    model(server).complete(replace(REQUEST, thinking_budget_tokens=1024))
    sent = server.received[0].body
    assert (sent["max_tokens"], sent.get("reasoning_effort")) == (400, None)


def test_complete_of_a_claude_behind_a_proxy_marks_what_stays_the_same(server: OpenAIServer) -> None:
    server.script(said("ok"), failure(400, "messages.0.content: cache_control is not supported"), said("ok"))
    marked = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    for _ in range(2):
        model(server, name="anthropic/claude-haiku-5.5").complete(REQUEST)
    assert [sent.body["messages"][0]["content"] for sent in server.received] == [marked, marked, "Be brief."]
