"""OpenAI's protocol, as its server speaks it."""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from threading import Event

from shared.domain.json import Json, JsonObject
from tests.support.scripted_server import Received, Scripted, ScriptedServer, as_json

__all__ = ["OpenAIServer", "Received", "Scripted", "as_json"]


class OpenAIServer(ScriptedServer):
    """Its address ends with the version, as the vendor's does."""

    @property
    def url(self) -> str:
        return f"{super().url}/v1"


def completion(message: JsonObject, *, finish: str = "stop", usage: Json = None) -> Scripted:
    """A `chat.completion` with one choice."""
    choice: JsonObject = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return as_json({"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})


def said(text: str) -> Scripted:
    return completion({"content": text})


def tool_call(arguments: str, *, name: str = "search", call_id: str = "call_1") -> JsonObject:
    """A call of a tool, with its arguments as the model wrote them."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def failure(
    status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Scripted:
    """An error in the vendor's form."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return Scripted(status, json.dumps(body).encode(), headers or {})


def streamed(*chunks: JsonObject | Event, is_cut: bool = False) -> Scripted:
    """Server-sent events, one per chunk."""
    parts = [chunk if isinstance(chunk, Event) else f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    last = [] if is_cut else [b"data: [DONE]\n\n"]
    return Scripted(parts=[*parts, *last], content_type="text/event-stream", is_cut=is_cut)


def delta(fields: JsonObject, *, finish: str | None = None) -> JsonObject:
    """A `chat.completion.chunk`."""
    choice: JsonObject = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def vectors(*rows: Sequence[float], order: Sequence[int] | None = None, is_base64: bool = True) -> Scripted:
    """An embeddings list; `order` is the order in which the rows are sent."""
    data: list[Json] = []
    for index in order or range(len(rows)):
        row = rows[index]
        packed = base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()
        data.append({"object": "embedding", "index": index, "embedding": packed if is_base64 else [*row]})
    return as_json({"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})
