"""A TCP proxy in front of Postgres that counts round trips and can cut the line."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65536
Direction = Literal["up", "down"]


@dataclass
class _Line:
    """One connection: both sockets, and who spoke last on it."""

    client: socket.socket
    server: socket.socket
    last: Direction = "down"

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class DatabaseProxy:
    """Stands at `dsn` for the database behind it; `trips` counts how often a client spoke after the server had."""

    def __init__(self, dsn: str) -> None:
        address = urlsplit(dsn)
        self._behind = (address.hostname or "127.0.0.1", address.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        login = address.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(address._replace(netloc=f"{login}@127.0.0.1:{port}"))
        self.trips = 0
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
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut the lines there are; new ones are taken."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            line = _Line(client, socket.create_connection(self._behind))
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
                target.sendall(data)
            except OSError:
                break
        line.close()
