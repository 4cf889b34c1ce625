"""Google's Gemini API, as its server speaks it: the envelopes and the framing of the events are the vendor's."""

import json
from collections.abc import Mapping, Sequence
from threading import Event

from shared.domain.json import Json, JsonObject
from tests.support.scripted_server import Scripted, as_json

_USAGE: JsonObject = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}
_NAMES: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def text(said: str, *, signature: str | None = None) -> JsonObject:
    return _signed({"text": said}, signature)


def thought(said: str) -> JsonObject:
    return {"text": said, "thought": True}


def function_call(
    name: str, arguments: JsonObject, *, call_id: str | None = None, signature: str | None = None
) -> JsonObject:
    call: JsonObject = {"name": name, "args": arguments}
    return _signed({"functionCall": {"id": call_id, **call} if call_id else call}, signature)


def response(*parts: JsonObject, finish: str = "STOP", usage: JsonObject | None = None) -> Scripted:
    return as_json(envelope(parts, finish=finish, usage=_USAGE if usage is None else usage))


def envelope(parts: Sequence[JsonObject], *, finish: str | None, usage: JsonObject | None) -> JsonObject:
    candidate: JsonObject = {"content": {"parts": [*parts], "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    whole: JsonObject = {"candidates": [candidate], "modelVersion": "gemini", "responseId": "r1"}
    return whole if usage is None else {**whole, "usageMetadata": usage}


def embeddings(*rows: Sequence[float]) -> Scripted:
    """The answer to `batchEmbedContents`."""
    return as_json({"embeddings": [{"values": [*row]} for row in rows]})


def blocked(reason: str = "PROHIBITED_CONTENT") -> JsonObject:
    """What comes of a prompt that is not answered at all: no candidates."""
    return {"promptFeedback": {"blockReason": reason}, "usageMetadata": _USAGE, "modelVersion": "gemini"}


def failure(
    status: int, said: str, *, headers: Mapping[str, str] | None = None, details: Sequence[JsonObject] = ()
) -> Scripted:
    body: JsonObject = {"code": status, "message": said, "status": _NAMES.get(status, "UNKNOWN"), "details": [*details]}
    return Scripted(status, json.dumps({"error": body}).encode(), headers or {}, content_type="application/json")


def streamed(
    *parts: JsonObject | Event, finish: str = "STOP", usage: JsonObject | None = None, is_cut: bool = False
) -> Scripted:
    """A response as events, a part in each; the last one says how it ended. `is_cut` stops before that."""
    pieces: list[bytes | Event] = [
        part if isinstance(part, Event) else event(envelope([part], finish=None, usage=None)) for part in parts
    ]
    if not is_cut:
        # The vendor ends with an empty text beside the reason.
        pieces.append(event(envelope([{"text": ""}], finish=finish, usage=_USAGE if usage is None else usage)))
    return Scripted(parts=pieces, content_type="text/event-stream", is_cut=is_cut)


def event(data: Json) -> bytes:
    return f"data: {json.dumps(data)}\r\n\r\n".encode()


def _signed(part: JsonObject, signature: str | None) -> JsonObject:
    return part if signature is None else {**part, "thoughtSignature": signature}
