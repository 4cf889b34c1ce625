"""Anthropic's Messages API, as its server speaks it: the envelopes and the framing of the events are the vendor's."""

import json
from collections.abc import Iterator, Mapping, Sequence
from threading import Event

from shared.domain.json import Json, JsonObject
from tests.support.scripted_server import Scripted, as_json

_USAGE: JsonObject = {"input_tokens": 9, "output_tokens": 3}
_KINDS: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def text(said: str) -> JsonObject:
    return {"type": "text", "text": said, "citations": None}


def thinking(thought: str, signature: str) -> JsonObject:
    return {"type": "thinking", "thinking": thought, "signature": signature}


def redacted(data: str) -> JsonObject:
    return {"type": "redacted_thinking", "data": data}


def tool_use(call_id: str, name: str, arguments: JsonObject) -> JsonObject:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments, "caller": {"type": "direct"}}


def message(*blocks: JsonObject, stop: str = "end_turn", usage: JsonObject | None = None) -> Scripted:
    return as_json(envelope(blocks, stop=stop, usage=_USAGE if usage is None else usage))


def envelope(blocks: Sequence[JsonObject], *, stop: str | None, usage: JsonObject) -> JsonObject:
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [*blocks],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": "cyber"} if stop == "refusal" else None,
        "usage": usage,
    }


def failure(status: int, said: str, *, headers: Mapping[str, str] | None = None) -> Scripted:
    body = {"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": said}, "request_id": "req_1"}
    return Scripted(status, json.dumps(body).encode(), {"request-id": "req_1", **(headers or {})})


def streamed(
    *blocks: JsonObject | Event,
    stop: str = "end_turn",
    usage: JsonObject | None = None,
    is_cut: bool = False,
    error: str | None = None,
) -> Scripted:
    """A message as events. It stops after the last block when `is_cut`, or with an `error` of that type."""
    counts = _USAGE if usage is None else usage
    begun = envelope((), stop=None, usage={**counts, "output_tokens": 1})
    parts: list[bytes | Event] = [event("message_start", {"message": begun}), event("ping", {})]
    index = 0
    for block in blocks:
        if isinstance(block, Event):
            parts.append(block)
            continue
        parts += _block(index, block)
        index += 1
    if error is not None:
        parts.append(event("error", {"error": {"type": error, "message": "My cat is called Ada."}}))
    elif not is_cut:
        ending: JsonObject = {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {**counts}}
        parts += [event("message_delta", ending), event("message_stop", {})]
    return Scripted(parts=parts, content_type="text/event-stream; charset=utf-8", is_cut=is_cut)


def event(kind: str, data: JsonObject) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def _block(index: int, block: JsonObject) -> Iterator[bytes]:
    yield event(
        "content_block_start", {"index": index, "content_block": {**block, **_BARE.get(str(block["type"]), {})}}
    )
    for delta in _deltas(block):
        yield event("content_block_delta", {"index": index, "delta": delta})
    yield event("content_block_stop", {"index": index})


# What a block holds when it begins; the rest arrives piece by piece.
_BARE: dict[str, JsonObject] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


def _deltas(block: JsonObject) -> list[JsonObject]:
    match block["type"]:
        case "text":
            return [{"type": "text_delta", "text": piece} for piece in _halves(block["text"])]
        case "thinking":
            thought: list[JsonObject] = [
                {"type": "thinking_delta", "thinking": piece} for piece in _halves(block["thinking"])
            ]
            return [*thought, {"type": "signature_delta", "signature": block["signature"]}]
        case "tool_use":
            written = ["", *_halves(json.dumps(block["input"]))]
            return [{"type": "input_json_delta", "partial_json": piece} for piece in written]
        case _:
            return []


def _halves(whole: Json) -> list[str]:
    written = str(whole)
    middle = len(written) // 2
    return [piece for piece in (written[:middle], written[middle:]) if piece]
