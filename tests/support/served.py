"""A server on a free port of this machine, as long as it is entered."""

import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self


class Served:
    """Serves with `handler`, whose `self.server.owner` is this object."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._http = OwnedServer(("127.0.0.1", 0), handler)
        self._http.owner = self
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class OwnedServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: Any

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that gives up in the middle is what some tests are about.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]  # passed on as it came


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections open, and says nothing."""

    protocol_version = "HTTP/1.1"
    server: OwnedServer  # pyright: ignore[reportIncompatibleVariableOverride]  # always made by Served

    def log_message(self, format: str, *args: object) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send an answer, whole."""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
