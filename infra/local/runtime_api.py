"""The Lambda Runtime API on one connection: HTTP in, one method call per request out."""

import asyncio
from typing import Protocol, cast

import httptools

ROOT = "/2018-06-01/runtime"


class Requests(Protocol):
    """What an environment does with the requests of its runtime client."""

    def on_next(self, connection: "Connection") -> None: ...
    def on_response(self, request_id: str, body: bytes) -> bool: ...
    def on_error(self, request_id: str, body: bytes) -> bool: ...
    def on_init_error(self, body: bytes) -> None: ...


class Connection(asyncio.Protocol):
    """One connection of a runtime client; it asks one thing at a time."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._reply(b"400 Bad Request")
            self.close()

    def on_message_begin(self) -> None:
        self._url = b""
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # curl waits for this before it sends a body above a megabyte.
        if name.lower() == b"expect" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path = self._url.decode("latin-1").removeprefix(ROOT)
        body = b"".join(self._body)
        match path.strip("/").split("/"):
            case ["invocation", "next"]:
                self._requests.on_next(self)
            case ["invocation", request_id, "response"]:
                self._accept(known=self._requests.on_response(request_id, body))
            case ["invocation", request_id, "error"]:
                self._accept(known=self._requests.on_error(request_id, body))
            case ["init", "error"]:
                self._requests.on_init_error(body)
                self._accept(known=True)
            case _:
                self._reply(b"404 Not Found")

    def deliver(self, request_id: str, event: bytes, *, deadline_ms: int, arn: str, trace_id: str) -> None:
        """Answer `next` with an event."""
        head = (
            f"Lambda-Runtime-Aws-Request-Id: {request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {arn}\r\n"
            f"Lambda-Runtime-Trace-Id: {trace_id}\r\n"
        )
        self._reply(b"200 OK", head.encode(), event)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _accept(self, *, known: bool) -> None:
        self._reply(b"202 Accepted" if known else b"400 Bad Request", b"", b'{"status":"OK"}' if known else b"{}")

    def _reply(self, status: bytes, head: bytes = b"", body: bytes = b"") -> None:
        if self._transport is None or self._transport.is_closing():
            return
        # Head and body leave in one write: two would wait for each other's acknowledgement (88 ms measured).
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
            % (status, head, len(body), body)
        )
