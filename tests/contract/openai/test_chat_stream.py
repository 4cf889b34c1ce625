"""Streaming through the genuine openai SDK: what is handed out when, and how a stream may end."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import pytest

from shared.domain.errors import ModelUnavailable
from shared.llm.openai_compatible import open_chat
from shared.llm.provider import ChatModel
from shared.llm.types import Answer, Completion, Reply, SystemTurn, TextDelta, Tool, ToolCall, Usage, UserTurn
from shared.settings.models import ModelSpec
from tests.support.openai_server import OpenAIServer, Scripted, delta, failure, said, streamed, tool_call

REQUEST = Completion((SystemTurn("Be brief."), UserTurn("My cat is called Ada.")), "dialectic", 400)
SEARCH = Tool("search", "Find things.", {"type": "object", "properties": {"query": {"type": "string"}}})
LOOSE = Answer("facts", {"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}}})


def model(server: OpenAIServer) -> ChatModel:
    return open_chat(ModelSpec("custom", "m", "key", server.url))


def test_stream_with_text_hands_pieces_out_as_they_arrive(server: OpenAIServer) -> None:
    go_on = Event()
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    server.script(
        streamed(delta({"role": "assistant", "content": ""}), delta({"content": "Her name "}), go_on,
                 delta({"content": "is Ada."}), delta({}, finish="stop"), usage)
    )  # fmt: skip

    deltas = model(server).stream(REQUEST)
    first = next(deltas)
    go_on.set()

    assert first == TextDelta("Her name ")
    assert [*deltas] == [
        TextDelta("is Ada."),
        Reply("Her name is Ada.", usage=Usage(9, 2), finish="stop", model="custom/m"),
    ]
    assert server.received[0].body["stream_options"] == {"include_usage": True}


def test_stream_with_tool_calls_joins_their_fragments(server: OpenAIServer) -> None:
    def piece(index: int, arguments: str, **head: object) -> dict[str, object]:
        return delta({"tool_calls": [{"index": index, "function": {"arguments": arguments, **head}}]})

    opened = delta({"tool_calls": [{"index": 0, **tool_call("")}, {"index": 1, **tool_call("", call_id="call_2")}]})
    server.script(
        streamed(delta({"reasoning_content": "H"}), delta({"reasoning_content": "m."}), opened, piece(0, '{"que'),
                 piece(1, '{"query":'), piece(0, 'ry":"cats"}'), piece(1, '"dogs"}'), delta({}, finish="tool_calls"))
    )  # fmt: skip

    (reply,) = model(server).stream(replace(REQUEST, tools=(SEARCH,)))

    assert isinstance(reply, Reply)
    assert reply.finish == "tool_calls"
    assert reply.tool_calls == (
        ToolCall("call_1", "search", {"query": "cats"}),
        ToolCall("call_2", "search", {"query": "dogs"}),
    )
    assert reply.replay == {"of": "custom/m", "kept": {"message": {"reasoning_content": "Hm."}, "extras": {}}}


def test_stream_with_calls_that_share_an_index_keeps_them_apart(server: OpenAIServer) -> None:
    calls = [{"index": 0, **tool_call('{"query":"cats"}')}, {"index": 0, **tool_call("{}", call_id="call_2")}]
    server.script(streamed(delta({"tool_calls": calls}), delta({}, finish="stop")))
    (reply,) = model(server).stream(replace(REQUEST, tools=(SEARCH,)))
    assert isinstance(reply, Reply)
    assert [call.arguments for call in reply.tool_calls] == [{"query": "cats"}, {}]


def test_stream_with_a_refusal_shows_it_as_text(server: OpenAIServer) -> None:
    server.script(streamed(delta({"refusal": "I cannot."}), delta({}, finish="stop")))
    assert [*model(server).stream(REQUEST)] == [
        TextDelta("I cannot."),
        Reply("I cannot.", finish="refusal", model="custom/m"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        streamed(delta({"content": "Her name"}), is_cut=True),
        streamed(delta({"content": "Her name"})),
        streamed(delta({"content": "Her name"}), {"error": {"message": "overloaded", "code": 503}}),
        Scripted(parts=[b'data: {"choices": [{"del\n\n'], content_type="text/event-stream"),
    ],
)
def test_stream_when_it_is_cut_raises_unavailable(server: OpenAIServer, answer: Scripted) -> None:
    server.script(answer)
    with pytest.raises(ModelUnavailable):
        [*model(server).stream(REQUEST)]


def test_stream_when_pieces_trickle_on_ends_at_the_requests_timeout(server: OpenAIServer) -> None:
    def trickle() -> Iterator[bytes]:
        for _ in range(150):
            server.closing.wait(0.02)
            yield b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'

    server.script(Scripted(parts=trickle(), content_type="text/event-stream"))
    with pytest.raises(ModelUnavailable, match="did not finish in time"):
        [*model(server).stream(replace(REQUEST, timeout_s=0.3))]


def test_stream_when_the_schema_is_declined_asks_again_before_any_piece(server: OpenAIServer) -> None:
    server.script(failure(400, "unknown response_format"), streamed(delta({"content": "{}"}), delta({}, finish="stop")))
    *pieces, reply = model(server).stream(replace(REQUEST, answer=LOOSE))
    assert pieces == [TextDelta("{}")]
    assert isinstance(reply, Reply)


def test_stream_when_abandoned_gives_its_connection_free(server: OpenAIServer) -> None:
    server.script(streamed(delta({"content": "a"}), server.closing), said("next"))
    chat = model(server)
    deltas = chat.stream(REQUEST)
    next(deltas)
    del deltas
    assert chat.complete(REQUEST).text == "next"
