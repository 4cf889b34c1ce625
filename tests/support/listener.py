"""An endpoint that keeps what it is sent: somebody's webhook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event

from tests.support.served import QuietHandler, Served


@dataclass(frozen=True)
class Received:
    """One request, header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Listener(Served):
    """Answers each POST with the next of `statuses`, then with 200; `location` is where its redirects point."""

    statuses: list[int] = field(default_factory=list[int])
    # Nothing is answered before it is set.
    gate: Event | None = None
    location: str = ""
    received: list[Received] = field(default_factory=list[Received])

    def __post_init__(self) -> None:
        super().__init__(_Handler)

    @property
    def url(self) -> str:
        return f"{super().url}/hook?of=tests"

    def status(self, received: Received) -> int:
        """What the next request is answered."""
        self.received.append(received)
        if self.gate is not None:
            self.gate.wait(30)
        return self.statuses.pop(0) if self.statuses else 200


class _Handler(QuietHandler):
    # As many endpoints do: one request a connection.
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        owner: Listener = self.server.owner
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = owner.status(Received(self.path, headers, self.body()))
        self.answer(status, headers={"Location": owner.location} if owner.location else None)
