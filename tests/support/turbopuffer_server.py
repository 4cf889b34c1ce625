"""A server on this machine that speaks Turbopuffer's protocol, keeps what it is given, and fails when told to."""

import gzip
import json
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from tests.support.turbopuffer_rows import BadRequest, Namespace

KEY = "tpuf_secret"
_NAME = re.compile(r"[A-Za-z0-9\-_.]{1,128}")
_PATH = re.compile(r"/v[12]/namespaces(?:/([^/?]+)(?:/(query|schema|metadata))?)?$")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came, its body unpacked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class Failure:
    """What is answered instead, the next `times`; None goes on until it is taken back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    times: int | None = None


class TurbopufferServer:
    """Serves on a free port while entered; `down` and `up` close and open that port."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.namespaces: dict[str, Namespace] = {}
        self.failure: Failure | None = None
        self.hangs = False
        self.drops = 0
        self.connections = 0
        self.released = Event()
        self.lock = Lock()
        self._http: _Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def documents(self) -> dict[str, dict[str, Any]]:
        """Every document of every namespace, by its id."""
        with self.lock:
            return {key: one for space in self.namespaces.values() for key, one in space.documents.items()}

    def up(self) -> None:
        self._http = _Server(("127.0.0.1", self._port), _Handler)
        self._http.play, self._http.connections = self, []
        self._port = self._http.server_address[1]
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def down(self) -> None:
        """Nobody listens any more, and open connections end."""
        if self._http is not None:
            self._http.is_closed = True
            self._http.shutdown()
            self._http.server_close()
            for connection in self._http.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._http = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.down()

    def answer(self, request: Received) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        with self.lock:
            self.received.append(request)
            if request.headers.get("authorization") != f"Bearer {KEY}":
                return _refused(401, "invalid API key")
            if (failure := self._next_failure()) is not None:
                return _refused(failure.status, "told to fail", failure.headers)
            try:
                return self._done(request)
            except BadRequest as error:
                return _refused(400, str(error))

    def _next_failure(self) -> Failure | None:
        failure = self.failure
        if failure is not None and failure.times is not None:
            failure.times -= 1
            if failure.times <= 0:
                self.failure = None
        return failure

    def _done(self, request: Received) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        url = urlsplit(request.path)
        found = _PATH.match(url.path)
        if found is None:
            return _refused(404, "no such route")
        name, verb = found.group(1), found.group(2)
        if name is None:
            prefix = parse_qs(url.query).get("prefix", [""])[0]
            return 200, {"namespaces": [{"id": one} for one in self.namespaces if one.startswith(prefix)]}, {}
        if not _NAME.fullmatch(name):
            raise BadRequest("not the name of a namespace")
        if request.method == "POST" and verb is None and _upserts(request.body):
            if name not in self.namespaces and "distance_metric" not in request.body:
                raise BadRequest("distance_metric is required")
            return 200, self.namespaces.setdefault(name, Namespace()).write(request.body), {}
        if name not in self.namespaces:
            return _refused(404, f"namespace '{name}' was not found")
        return 200, self._on(self.namespaces[name], name, verb, request), {}

    def _on(self, space: Namespace, name: str, verb: str | None, request: Received) -> dict[str, Any]:
        match request.method, verb:
            case "DELETE", None:
                del self.namespaces[name]
                return {"status": "OK"}
            case "POST", None:
                return space.write(request.body)
            case "POST", "query":
                return _queried(space, request.body)
            case "GET", "schema":
                return space.schema
            case _:
                return {"schema": space.schema, "approx_row_count": len(space.documents)}


def _upserts(body: Mapping[str, Any]) -> bool:
    return bool(body.get("upsert_columns") or body.get("upsert_rows"))


def _queried(space: Namespace, body: dict[str, Any]) -> dict[str, Any]:
    used = {
        "billing": {"billable_logical_bytes_queried": 1, "billable_logical_bytes_returned": 1},
        "performance": {
            "approx_namespace_size": len(space.documents),
            "cache_hit_ratio": 1.0,
            "cache_temperature": "hot",
            "exhaustive_search_count": 0,
            "query_execution_ms": 1,
            "server_total_ms": 1,
        },
    }
    if "queries" not in body:
        return {"rows": space.query(body), **used}
    queries = cast("list[dict[str, Any]]", body["queries"])
    if not 0 < len(queries) <= 16:
        raise BadRequest("a multi-query has 1 to 16 queries")
    return {"results": [{"rows": space.query({**body, **one})} for one in queries], **used}


def _refused(
    status: int, words: str, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    return status, {"status": "error", "error": words}, headers or {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    is_closed = False
    connections: list[socket.socket]
    play: TurbopufferServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # always made by _Server

    def setup(self) -> None:
        super().setup()
        self.server.play.connections += 1
        self.server.connections.append(self.connection)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.play.drops > 0 or self.server.is_closed:
            self.server.play.drops -= 1
            self.close_connection = True
            return
        if self.server.play.hangs:
            self.server.play.released.wait(20)
            self.close_connection = True
            return
        data = gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw
        heads = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.command, self.path, heads, json.loads(data) if data else {})
        status, body, headers = self.server.play.answer(request)
        sent = gzip.compress(json.dumps(body).encode())
        shown = {"Content-Type": "application/json", "Content-Encoding": "gzip", "Content-Length": str(len(sent))}
        lines = [f"HTTP/1.1 {status} .", *(f"{name}: {value}" for name, value in {**shown, **headers}.items()), "", ""]
        self.wfile.write("\r\n".join(lines).encode() + sent)

    do_POST = do_GET = do_DELETE = _serve
