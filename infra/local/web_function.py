"""A function that is a web server of its own (in the cloud behind the Web Adapter): uvicorn, and the way to it."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import httptools

from infra.local.code import Code
from infra.local.environment import watch_exit, watch_output
from infra.local.guard import Guard
from infra.local.logs import FunctionLog, Lines
from infra.local.rest_event import Headers, Request
from infra.local.template import FunctionSpec
from infra.local.web import Receive, Send, until_gone

_QUEUED_CHUNKS = 32
# They belong to one connection, and each side of the proxy has its own.
_PER_CONNECTION = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te", b"trailer", b"content-length"}


class WebFunctionStatus(TypedDict):
    """What `status` shows of a web server."""

    running: bool
    open_requests: int
    starts: int


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    headers: Headers


class Upstream(asyncio.Protocol):
    """One request to the web server; the answer comes as a head, chunks and None, in `events`."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._headers: Headers = []
        self.events: asyncio.Queue[_Head | bytes | None] = asyncio.Queue()
        self.complete = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()
        if self.events.qsize() > _QUEUED_CHUNKS and self._transport is not None:
            self._transport.pause_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in _PER_CONNECTION:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.events.put_nowait(_Head(self._parser.get_status_code(), self._headers))

    def on_body(self, body: bytes) -> None:
        self.events.put_nowait(body)

    def on_message_complete(self) -> None:
        self.complete = True
        self.events.put_nowait(None)
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.complete:
            self.events.put_nowait(None)

    async def next(self) -> _Head | bytes | None:
        event = await self.events.get()
        if self.events.empty() and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return event

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class WebFunction:
    """The process and its socket. The socket is the launcher's: requests that come early wait in its backlog."""

    def __init__(
        self, function: FunctionSpec, *, guard: Guard, variables: Mapping[str, str], code: Code, log: Path
    ) -> None:
        self.function = function
        self._guard = guard
        self._variables = variables
        self._code = code
        self._log = FunctionLog(log)
        self._loop = asyncio.get_running_loop()
        self._socket = socket.create_server(("127.0.0.1", 0))
        # Inherited by what it accepts: uvicorn may open the descriptor as a socket of another family and not set it.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._process: subprocess.Popen[bytes] | None = None
        self._open: set[Upstream] = set()
        self._starts = 0
        self._has_served = False

    def prewarm(self) -> None:
        """Start the server unless it runs."""
        if self._process is not None:
            return
        read_end, write_end = os.pipe()
        descriptor = self._socket.fileno()
        # uvicorn takes each of its options from the environment, too; this one outweighs a port.
        env = {**self._variables, "UVICORN_FD": str(descriptor)}
        try:
            self._process = self._guard.spawn(
                self._code.serve, env=env, cwd=self._code.folder, output=write_end, pass_fds=[descriptor]
            )
        finally:
            os.close(write_end)
        self._starts += 1
        self._has_served = False
        watch_output(self._loop, read_end, Lines(self._log))
        watch_exit(self._loop, self._process, self._on_exit)

    async def proxy(self, request: Request, receive: Receive, send: Send) -> bool:
        """Pass a request on and the answer back as it comes; False when there was none. A caller who leaves ends it."""
        self.prewarm()
        upstream = Upstream(_written(request))
        await self._loop.create_connection(lambda: upstream, *self._socket.getsockname())
        self._open.add(upstream)
        left = self._loop.create_task(until_gone(receive))
        left.add_done_callback(lambda _: upstream.abort())
        limit = self._loop.call_later(self.function.timeout_s, upstream.abort)
        try:
            head = await upstream.next()
            if not isinstance(head, _Head):
                return False
            self._has_served = True
            await send({"type": "http.response.start", "status": head.status, "headers": head.headers})
            while isinstance(chunk := await upstream.next(), bytes):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if upstream.complete:
                await send({"type": "http.response.body", "body": b""})
            # Otherwise the server cuts the connection: an answer that broke off must not look whole.
            return True
        finally:
            limit.cancel()
            left.cancel()
            self._open.discard(upstream)
            upstream.abort()

    def describe(self) -> WebFunctionStatus:
        return {"running": self._process is not None, "open_requests": len(self._open), "starts": self._starts}

    @property
    def is_busy(self) -> bool:
        return bool(self._open)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._socket.close()

    def _on_exit(self, status: int) -> None:
        self._process = None
        self._log.write(f"The web server ended with status {status}; the next request starts it again.".encode())
        if self._has_served and self._open:
            # What it had accepted ended with it; what came since waits in the backlog of the socket for the next one.
            self.prewarm()
            return
        for upstream in list(self._open):
            upstream.abort()


def _written(request: Request) -> bytes:
    target = request.path.encode("latin-1") + (b"?" + request.query if request.query else b"")
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), target)]
    lines += [b"%b: %b" % (name, value) for name, value in request.headers if name.lower() not in _PER_CONNECTION]
    lines += [b"x-forwarded-for: " + request.client.encode(), b"x-forwarded-proto: http"]
    lines += [b"connection: close", b"content-length: %d" % len(request.body), b"", request.body]
    return b"\r\n".join(lines)
