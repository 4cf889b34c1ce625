"""Searching messages: of a workspace, a peer, a session."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.repeating import RepeatingRoute
from functions.api.scopes import sessions_of
from functions.api.wire.messages import Message, MessageSearchOptions, WorkspaceMessageSearchOptions
from shared.backends import Backends
from shared.domain import filters
from shared.domain.access import Reach
from shared.domain.json import Json
from shared.memory.limits import check_embeddable
from shared.memory.search import search
from shared.store import filter_sql

router = APIRouter(prefix="/workspaces/{workspace_id}", route_class=RepeatingRoute)


@router.post("/search", response_model=list[Message], tags=["workspaces"], dependencies=[requires(Reach.WORKSPACE)])
def search_workspace(backends: Backed, workspace_id: str, body: WorkspaceMessageSearchOptions) -> Response:
    """The messages of the workspace that answer the query best."""
    is_narrowed = _names_session(body.filters)
    within = sessions_of(backends, workspace_id, body.scope, is_narrowed=is_narrowed, most=None)
    return _found(backends, workspace_id, body, overridden=("workspace_id",), sessions=within)


@router.post(
    "/peers/{peer_id}/search", response_model=list[Message], tags=["peers"], dependencies=[requires(Reach.PEER)]
)
def search_peer(backends: Backed, workspace_id: str, peer_id: str, body: MessageSearchOptions) -> Response:
    """The messages by the peer that answer the query best."""
    return _found(backends, workspace_id, body, overridden=("workspace_id", "peer_id"), peer=peer_id)


@router.post(
    "/sessions/{session_id}/search",
    response_model=list[Message],
    tags=["sessions"],
    dependencies=[requires(Reach.MEMBER)],
)
def search_session(backends: Backed, workspace_id: str, session_id: str, body: MessageSearchOptions) -> Response:
    """The messages of the session that answer the query best."""
    return _found(backends, workspace_id, body, overridden=("workspace_id", "session_id"), sessions=[session_id])


def _found(
    backends: Backends,
    workspace: str,
    body: MessageSearchOptions,
    *,
    overridden: tuple[str, ...],
    peer: str | None = None,
    sessions: Sequence[str] | None = None,
) -> Response:
    """What the path says wins over filters of the same name."""
    check_embeddable(backends.settings, body.query)
    given = {key: value for key, value in (body.filters or {}).items() if key not in overridden}
    wanted = filters.parse(given, filters.SEARCHED_MESSAGES)
    found = search(
        backends,
        workspace=workspace,
        query=body.query,
        limit=body.limit,
        where=filter_sql.condition(wanted, filter_sql.MESSAGES),
        sessions=sessions,
        peer=peer,
    )
    return answer([Message.of(message) for message in found])


def _names_session(filters: Json) -> bool:
    """Whether the filters say anything about sessions, at any depth."""
    if isinstance(filters, list):
        return any(_names_session(one) for one in filters)
    if not isinstance(filters, dict):
        return False
    return "session_id" in filters or any(_names_session(filters.get(joined)) for joined in ("AND", "OR", "NOT"))
