"""An HTTP server on this machine in a vendor's place: it plays a script and keeps what it was sent."""

import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
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


class ScriptedServer:
    """Serves on a free port while entered. A request beyond the script gets status 418."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.closing = Event()
        # What answers each request, instead of the script.
        self.mind: Callable[[Received], Scripted] | None = None
        self._script: deque[Scripted] = deque()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.play = self
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def script(self, *answers: Scripted) -> None:
        self._script.extend(answers)

    def forget(self) -> None:
        """Begin anew, for the next test: whoever still waits for `closing` is let go."""
        self.closing.set()
        self.closing = Event()
        self.received.clear()
        self.mind = None
        self._script.clear()

    def next(self, request: Received) -> Scripted:
        if self.mind is not None:
            return self.mind(request)
        return (
            self._script.popleft() if self._script else Scripted(418, b'{"error": {"message": "the script has ended"}}')
        )

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
    play: ScriptedServer

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


def as_json(value: Json) -> Scripted:
    return Scripted(body=json.dumps(value).encode())
