"""Scopes: get or create, list, and the sessions that are in them."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer, got_or_made, nothing
from functions.api.auth import requires
from functions.api.deps import Backed, ReversiblyPaged
from functions.api.description import also
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.scopes import Scope, ScopeCreate, ScopeSessionsAdd, ScopeStatus, shown
from functions.api.wire.sessions import Session
from shared.domain import scope
from shared.domain.access import Reach
from shared.memory import scopes
from shared.store import scopes as stored_scopes

router = APIRouter(
    prefix="/workspaces/{workspace_id}/scopes",
    tags=["scopes"],
    dependencies=[requires(Reach.WORKSPACE)],
    route_class=RepeatingRoute,
)


@router.post("", response_model=Scope, responses=also(201, 409))
def get_or_create_scope(backends: Backed, once: Once, workspace_id: str, body: ScopeCreate) -> Response:
    """The scope of this name, made if there is none; given metadata replaces what is stored."""
    return once.take(
        workspace_id,
        lambda note: scopes.get_or_create(backends, workspace_id, body.id, metadata=body.metadata, note=note),
        lambda found: got_or_made(Scope.of(found[0]), is_new=found[1]),
        of="scope",
    )


@router.post("/list", response_model=Page[Scope])
def get_scopes(backends: Backed, workspace_id: str, page: ReversiblyPaged) -> Response:
    """The workspace's scopes, oldest first."""
    with backends.db.reading() as conn:
        found = stored_scopes.page(conn, workspace_id, page)
    return envelope(found, page, lambda peer: Scope.of(scope.Scope.of(peer)))


@router.get("/{scope_id}", response_model=Scope)
def get_scope(backends: Backed, workspace_id: str, scope_id: str) -> Response:
    """One scope; never makes it."""
    return answer(Scope.of(scopes.require(backends, workspace_id, scope_id)))


@router.post("/{scope_id}/sessions", status_code=204)
def add_sessions_to_scope(
    backends: Backed, once: Once, workspace_id: str, scope_id: str, body: ScopeSessionsAdd
) -> Response:
    """Put sessions into the scope, all or none. What they hold already is taken over in the background."""
    return once.take(
        workspace_id,
        lambda note: scopes.add_sessions(backends, workspace_id, scope_id, body.session_ids, note=note),
        lambda _: nothing(),
        of="scope",
    )


@router.delete("/{scope_id}/sessions/{session_id}", status_code=204)
def remove_session_from_scope(backends: Backed, workspace_id: str, scope_id: str, session_id: str) -> Response:
    """Take a session out of the scope, and in the background what the scope has from it."""
    scopes.remove_session(backends, workspace_id, scope_id, session_id)
    return nothing()


@router.post("/{scope_id}/sessions/list", response_model=Page[Session])
def get_scope_sessions(backends: Backed, workspace_id: str, scope_id: str, page: ReversiblyPaged) -> Response:
    """The sessions that are in the scope, in the order they joined."""
    return envelope(scopes.sessions_page(backends, workspace_id, scope_id, page), page, Session.of)


@router.get("/{scope_id}/status", response_model=ScopeStatus)
def get_scope_status(backends: Backed, workspace_id: str, scope_id: str) -> Response:
    """How far the scope is with each session that it takes something over from."""
    return answer(shown(scopes.status(backends, workspace_id, scope_id)))
