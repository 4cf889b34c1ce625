"""Each request as it is seen from outside: its trace, its span, its line in the log."""

import re
from collections.abc import Callable
from typing import Final, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.domain.ids import is_name
from shared.domain.trace import HEADER, Trace, parse
from shared.telemetry import tracing
from shared.telemetry.logs import logger
from shared.telemetry.tally import Tally, tallied

# What asks every few seconds whether we are there: nobody wants to read that.
_PROBES: Final = ("/health", "/health/ready", "/metrics")
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_NO_ROUTE: Final = "(none)"
_PREFIX: Final = "/v3"
_WORKSPACE: Final = re.compile(r"(?:/v3)?/workspaces/([^/]+)")


class Observing:
    """Takes `traceparent` from the request, or begins a trace, and says in the answer which span served it.

    A header that is not valid is as if it were not there, as the recommendation asks; `tracestate` is not kept.
    """

    def __init__(self, app: ASGIApp, flush: Callable[[], None] | None = None) -> None:
        self._app = app
        self._flush = flush

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []
        try:
            await self._observed(scope, receive, send, held)
        finally:
            if self._flush is not None:
                # Behind the Web Adapter the end of the answer is the end of the invocation, and then nothing runs.
                await run_in_threadpool(self._flush)
        for message in held:
            await send(message)

    async def _observed(self, scope: Scope, receive: Receive, send: Send, held: list[Message]) -> None:
        """Serve the request; where somebody flushes, the last piece of the answer is `held`."""
        # What is no method becomes a name of ours: labels are for a few words that we know.
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        about = {"method": method, **_about(scope["path"])}
        with tracing.entry("request", _cause(scope), about) as span, tallied() as tally:

            async def telling(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.attributes["status"] = message["status"]
                    MutableHeaders(scope=message).append(HEADER, span.trace.header)
                elif self._flush is not None and not message.get("more_body"):
                    held.append(message)
                    return
                await send(message)

            try:
                await self._app(scope, receive, telling)
            finally:
                span.attributes["route"] = route_of(scope)
                _log(span, tally)


def route_of(scope: Scope) -> str:
    """The template of the route, since the path itself names people."""
    route = cast(BaseRoute | None, scope.get("route"))
    path = str(getattr(route, "path", _NO_ROUTE))
    # FastAPI gives the path as its router knows it.
    return path if route is None or path.startswith(_PREFIX) else _PREFIX + path


def _about(path: str) -> dict[str, str]:
    """The workspace a path is below, where it can be the name of one."""
    found = _WORKSPACE.match(path)
    return {"workspace": found[1]} if found is not None and is_name(found[1]) else {}


def _cause(scope: Scope) -> Trace | None:
    given = Headers(scope=scope).getlist(HEADER)
    # Two say nothing: which of them would be meant?
    return parse(given[0]) if len(given) == 1 else None


def _log(span: tracing.Span, tally: Tally) -> None:
    log = logger.debug if str(span.attributes["route"]).endswith(_PROBES) else logger.info
    used = {"model": tally.model, "input_tokens": tally.input_tokens, "output_tokens": tally.output_tokens}
    line = {**span.attributes, "seconds": round(span.seconds, 4), **(used if tally.calls else {})}
    log("request_served", extra=line)
