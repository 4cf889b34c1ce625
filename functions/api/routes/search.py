"""Searching messages: of a workspace, a peer, a session."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import within_workspace
from functions.api.deps import Backed
from functions.api.scopes import refuse_scopes
from functions.api.wire.messages import Message, MessageSearchOptions, WorkspaceMessageSearchOptions
from shared.backends import Backends
from shared.domain import filters
from shared.memory.limits import check_embeddable
from shared.memory.search import search
from shared.store import filter_sql

router = APIRouter(prefix="/workspaces/{workspace_id}", dependencies=[Depends(within_workspace)])


@router.post("/search", response_model=list[Message], tags=["workspaces"])
def search_workspace(backends: Backed, workspace_id: str, body: WorkspaceMessageSearchOptions) -> Response:
    """The messages of the workspace that answer the query best."""
    refuse_scopes(body.scope, is_narrowed="session_id" in (body.filters or {}))
    return _found(backends, workspace_id, body, overridden=("workspace_id",))


@router.post("/peers/{peer_id}/search", response_model=list[Message], tags=["peers"])
def search_peer(backends: Backed, workspace_id: str, peer_id: str, body: MessageSearchOptions) -> Response:
    """The messages by the peer that answer the query best."""
    return _found(backends, workspace_id, body, overridden=("workspace_id", "peer_id"), peer=peer_id)


@router.post("/sessions/{session_id}/search", response_model=list[Message], tags=["sessions"])
def search_session(backends: Backed, workspace_id: str, session_id: str, body: MessageSearchOptions) -> Response:
    """The messages of the session that answer the query best."""
    return _found(backends, workspace_id, body, overridden=("workspace_id", "session_id"), session=session_id)


def _found(
    backends: Backends,
    workspace: str,
    body: MessageSearchOptions,
    *,
    overridden: tuple[str, ...],
    peer: str | None = None,
    session: str | None = None,
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
        sessions=None if session is None else [session],
        peer=peer,
    )
    return answer([Message.of(message) for message in found])
