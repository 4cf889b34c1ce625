"""The routes of the API with the rule each declares, and the rule each must have: chapter 3.3 of the wire format."""

from collections.abc import Iterator, Sequence
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute

from shared.domain.access import Reach

W: Final = "/workspaces/{workspace_id}"
S: Final = f"{W}/sessions/{{session_id}}"
P: Final = f"{W}/peers/{{peer_id}}"

RULES: Final[dict[Reach, Sequence[str]]] = {
    Reach.EVERYBODY: ["GET /health", "GET /health/ready", "GET /metrics", "HEAD /metrics"],
    Reach.ADMIN: [
        "POST /workspaces/list",
        "POST /keys",
        # Ours.
        f"PUT {W}/budget",
        f"DELETE {W}/budget",
    ],
    Reach.NAMED: ["POST /workspaces", f"POST {W}/peers", f"POST {W}/sessions"],
    Reach.WORKSPACE: [
        f"PUT {W}",
        f"DELETE {W}",
        f"POST {W}/search",
        f"GET {W}/queue/status",
        f"POST {W}/schedule_dream",
        f"POST {W}/chat",
        f"POST {W}/peers/list",
        f"POST {W}/sessions/list",
        f"POST {W}/conclusions",
        f"POST {W}/conclusions/list",
        f"POST {W}/conclusions/query",
        f"GET {W}/conclusions/{{conclusion_id}}",
        f"DELETE {W}/conclusions/{{conclusion_id}}",
        f"POST {W}/scopes",
        f"POST {W}/scopes/list",
        f"GET {W}/scopes/{{scope_id}}",
        f"POST {W}/scopes/{{scope_id}}/sessions",
        f"DELETE {W}/scopes/{{scope_id}}/sessions/{{session_id}}",
        f"POST {W}/scopes/{{scope_id}}/sessions/list",
        f"GET {W}/scopes/{{scope_id}}/status",
        f"POST {W}/webhooks",
        f"GET {W}/webhooks",
        f"DELETE {W}/webhooks/{{endpoint_id}}",
        f"GET {W}/webhooks/test",
        # Ours.
        f"GET {W}/dreams",
        f"GET {W}/dreams/{{dream_id}}",
        f"POST {W}/dreams/{{dream_id}}/undo",
        f"GET {W}/usage",
        f"GET {W}/budget",
        # Ours: it takes more with it than the peer's own.
        f"DELETE {P}",
    ],
    Reach.PEER: [
        f"PUT {P}",
        f"POST {P}/sessions",
        f"POST {P}/chat",
        f"POST {P}/representation",
        f"GET {P}/card",
        f"PUT {P}/card",
        f"GET {P}/context",
        f"POST {P}/search",
    ],
    Reach.SESSION: [
        f"PUT {S}",
        f"DELETE {S}",
        f"POST {S}/clone",
        f"POST {S}/peers",
        f"PUT {S}/peers",
        f"DELETE {S}/peers",
        f"PUT {S}/peers/{{peer_id}}/config",
        f"POST {S}/messages",
        f"POST {S}/messages/",
        f"POST {S}/messages/upload",
        f"PUT {S}/messages/{{message_id}}",
        # Ours.
        f"DELETE {S}/messages/{{message_id}}",
    ],
    Reach.MEMBER: [
        f"GET {S}/peers",
        f"POST {S}/messages/list",
        f"GET {S}/messages/{{message_id}}",
        f"GET {S}/context",
        f"GET {S}/summaries",
        f"POST {S}/search",
    ],
    Reach.OWN_MEMBERSHIP: [f"GET {S}/peers/{{peer_id}}/config"],
}
EXPECTED: Final = {route: reach for reach, routes in RULES.items() for route in routes}


def declared(routers: Sequence[APIRouter]) -> dict[str, list[Reach]]:
    """The rules that each route declares, by `METHOD path`."""
    return {
        f"{method} {route.path}": list(_rules(route))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    }


def _rules(route: APIRoute) -> Iterator[Reach]:
    for dependency in route.dependant.dependencies:
        reach: object = getattr(dependency.call, "reach", None)
        if isinstance(reach, Reach):
            yield reach
