"""A server on this machine that speaks OpenAI's protocol: it plays a script and keeps what it was sent."""

import base64
import json
import struct
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Self, cast

from shared.domain.json import Json, JsonObject

_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came over the wire."""

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> JsonObject:
        return cast(JsonObject, json.loads(self.raw))


@dataclass(frozen=True, slots=True)
class Scripted:
    """One answer. `parts` go out as chunks, and an `Event` among them is waited for; `is_cut` drops the connection."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    parts: Iterable[bytes | Event] = ()
    content_type: str = "application/json"
    is_cut: bool = False


class OpenAIServer:
    """Serves on a free port while entered. A request beyond the script gets status 418."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.closing = Event()
        self._script: deque[Scripted] = deque()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.play = self
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def script(self, *answers: Scripted) -> None:
        self._script.extend(answers)

    def next(self, request: Received) -> Scripted:
        return self._script.popleft() if self._script else failure(418, "the script has ended")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    play: OpenAIServer

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that gives up in the middle is what some tests are about.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]  # passed on as it came


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # always made by _Server

    def setup(self) -> None:
        super().setup()
        self.server.play.connections += 1

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        request = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, raw)
        self.server.play.received.append(request)
        self._answer(self.server.play.next(request))

    def _answer(self, answer: Scripted) -> None:
        framing = {"Transfer-Encoding": "chunked"} if answer.parts else {"Content-Length": str(len(answer.body))}
        head = {"Content-Type": answer.content_type, **framing, **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        # In one piece: a second small packet would wait for the acknowledgement of the first.
        self.wfile.write("\r\n".join(lines).encode() + (answer.body if not answer.is_cut else answer.body[:-20]))
        for part in answer.parts:
            self._send_part(part)
        if answer.is_cut:
            self.close_connection = True
        elif answer.parts:
            self.wfile.write(b"0\r\n\r\n")

    def _send_part(self, part: bytes | Event) -> None:
        if isinstance(part, bytes):
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        elif not part.wait(_PATIENCE_S):
            raise TimeoutError("nobody let the script go on")


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


def as_json(value: Json) -> Scripted:
    return Scripted(body=json.dumps(value).encode())


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
