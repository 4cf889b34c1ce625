"""A server on a free port of this machine, as long as it is entered."""

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
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

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


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections open, and says nothing."""

    protocol_version = "HTTP/1.1"
    server: OwnedServer  # pyright: ignore[reportIncompatibleVariableOverride]  # always made by Served

    def log_message(self, format: str, *args: object) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))
