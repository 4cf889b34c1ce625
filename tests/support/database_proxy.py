"""A TCP proxy in front of Postgres that counts round trips and can cut the line, also at a chosen moment."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65536
_ENCRYPTION = (80877103, 80877104)
Direction = Literal["up", "down"]
# Before the words reach the server, before its answer reaches the client, or with the words held back until `release`.
Moment = Literal["before", "answer", "late"]


class ClientWords:
    """What a client says on one connection, message by message: counts the statements among it."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_greeting = True

    def hear(self, data: bytes) -> int:
        """How many statements `data` completes, transaction control included."""
        self._rest += data
        statements = 0
        while (size := self._size()) is not None and len(self._rest) >= size:
            message, self._rest = self._rest[:size], self._rest[size:]
            if self._is_greeting:
                # A question about encryption comes before the greeting, and has the same form.
                self._is_greeting = int.from_bytes(message[4:8]) in _ENCRYPTION
            else:
                # A simple query, or the execution of a prepared one.
                statements += message[:1] in (b"Q", b"E")
        return statements

    def _size(self) -> int | None:
        start = 0 if self._is_greeting else 1
        head = self._rest[start : start + 4]
        return start + int.from_bytes(head) if len(head) == 4 else None


@dataclass
class _Line:
    """One connection: both sockets, and who spoke last on it."""

    client: socket.socket
    server: socket.socket
    words: "ClientWords"
    last: Direction = "down"
    moment: Moment | None = None

    def close(self) -> None:
        for end in (self.client, self.server):
            _close(end)


@dataclass
class _Trap:
    """Where lines are cut: at `moment` of the next `times` that a client says `words`."""

    moment: Moment
    words: bytes
    times: int


class DatabaseProxy:
    """Stands at `dsn` for the database behind it.

    `trips` counts how often a client spoke after the server had, `statements` what it asked to be executed.
    """

    def __init__(self, dsn: str) -> None:
        address = urlsplit(dsn)
        self._behind = (address.hostname or "127.0.0.1", address.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        login = address.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(address._replace(netloc=f"{login}@127.0.0.1:{port}"))
        self.trips = 0
        self.statements = 0
        self._trap: _Trap | None = None
        self._held: list[tuple[socket.socket, bytes]] = []
        self._lines: list[_Line] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sever()

    def sever(self) -> None:
        """Cut every line and take no new one."""
        self.refuse()
        self.cut()

    def refuse(self) -> None:
        """Take no new line; those there are go on."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def cut(self) -> None:
        """Cut the lines there are; new ones are taken."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    def cut_at(self, moment: Moment, words: bytes = b"COMMIT", *, times: int = 1) -> None:
        """Cut the line of whoever says `words` next."""
        with self._lock:
            self._trap = _Trap(moment, words, times)

    def release(self) -> None:
        """Let the server hear what was held back."""
        with self._lock:
            held, self._held = self._held, []
        for server, words in held:
            server.sendall(words)

    @property
    def is_sprung(self) -> bool:
        """Whether every cut that was asked for has been made."""
        return self._trap is None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            line = _Line(client, socket.create_connection(self._behind), ClientWords())
            for end in (line.client, line.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._lines.append(line)
            threading.Thread(target=self._pump, args=(line, "up"), daemon=True).start()
            threading.Thread(target=self._pump, args=(line, "down"), daemon=True).start()

    def _pump(self, line: _Line, direction: Direction) -> None:
        source, target = (line.client, line.server) if direction == "up" else (line.server, line.client)
        while True:
            try:
                data = source.recv(_CHUNK)
                if not data:
                    break
                with self._lock:
                    self.trips += direction == "up" and line.last == "down"
                    line.last = direction
                    self.statements += line.words.hear(data) if direction == "up" else 0
                if self._is_cut(line, direction, data):
                    break
                target.sendall(data)
            except OSError:
                break
        if line.moment == "late":
            _close(line.client)
        else:
            line.close()

    def _is_cut(self, line: _Line, direction: Direction, data: bytes) -> bool:
        if direction == "down":
            return line.moment is not None
        with self._lock:
            trap = self._trap
            if trap is None or trap.words not in data:
                return False
            trap.times -= 1
            self._trap = trap if trap.times else None
            line.moment = trap.moment
            if trap.moment == "late":
                self._held.append((line.server, data))
        return trap.moment != "answer"


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
