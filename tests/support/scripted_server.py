"""An HTTP server on this machine in a vendor's place: it plays a script and keeps what it was sent."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import cast

from shared.domain.json import Json, JsonObject
from tests.support.served import QuietHandler, Served

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


class ScriptedServer(Served):
    """Serves on a free port while entered. A request beyond the script gets status 418."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.received: list[Received] = []
        self.connections = 0
        self.closing = Event()
        # What answers each request, instead of the script.
        self.mind: Callable[[Received], Scripted] | None = None
        self._script: deque[Scripted] = deque()

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

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        super().__exit__()


class _Handler(QuietHandler):
    def setup(self) -> None:
        super().setup()
        self.server.owner.connections += 1

    def do_POST(self) -> None:
        request = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, self.body())
        self.server.owner.received.append(request)
        self._answer(self.server.owner.next(request))

    do_GET = do_POST

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
