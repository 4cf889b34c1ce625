"""Each request as it is seen from outside: its trace, its span, its line in the log."""

import re
from typing import Final, cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.domain.ids import is_name
from shared.domain.trace import HEADER, Trace, parse
from shared.telemetry import tracing
from shared.telemetry.logs import logger

# What asks every few seconds whether we are there: nobody wants to read that.
_PROBES: Final = ("/health", "/metrics")
_NO_ROUTE: Final = "(none)"
_PREFIX: Final = "/v3"
_WORKSPACE: Final = re.compile(r"(?:/v3)?/workspaces/([^/]+)")


class Observing:
    """Takes `traceparent` from the request, or begins a trace, and says in the answer which span served it.

    A header that is not valid is as if it were not there, as the recommendation asks; `tracestate` is not kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        about = {"method": scope["method"], **_about(scope["path"])}
        with tracing.entry("request", _cause(scope), about) as span:

            async def telling(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.attributes["status"] = message["status"]
                    MutableHeaders(scope=message).append(HEADER, span.trace.header)
                await send(message)

            try:
                await self._app(scope, receive, telling)
            finally:
                span.attributes["route"] = route_of(scope)
                _log(span)


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


def _log(span: tracing.Span) -> None:
    log = logger.debug if str(span.attributes["route"]).endswith(_PROBES) else logger.info
    log("request_served", extra={**span.attributes, "seconds": round(span.seconds, 4)})
