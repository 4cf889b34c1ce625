"""Sessions: get or create, list, update, clone."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer, got_or_made
from functions.api.auth import Asking, requires
from functions.api.deps import NO_BODY, Backed, ReversiblyPaged
from functions.api.description import also
from functions.api.narrow_keys import check_session
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.fields import Text
from functions.api.wire.sessions import Session, SessionCreate, SessionGet, SessionUpdate
from shared.domain import filters
from shared.domain.access import Reach
from shared.memory import sessions
from shared.memory.cloning import clone
from shared.store import filter_sql, selections
from shared.store import sessions as stored_sessions

router = APIRouter(prefix="/workspaces/{workspace_id}/sessions", tags=["sessions"], route_class=RepeatingRoute)


@router.post("/list", response_model=Page[Session], dependencies=[requires(Reach.WORKSPACE)])
def get_sessions(
    backends: Backed, workspace_id: str, page: ReversiblyPaged, body: SessionGet | None = NO_BODY
) -> Response:
    """The workspace's sessions that are not being deleted, oldest first."""
    wanted = filters.parse(body.filters if body else None, filters.SESSIONS)
    where = selections.active_sessions(workspace_id).and_(filter_sql.condition(wanted, filter_sql.SESSIONS))
    with backends.db.reading() as conn:
        found = stored_sessions.page(conn, where, page)
    return envelope(found, page, Session.of)


@router.post("", response_model=Session, dependencies=[requires(Reach.NAMED)], responses=also(201, 409))
def get_or_create_session(
    backends: Backed, once: Once, asking: Asking, workspace_id: str, body: SessionCreate
) -> Response:
    """The session of this name, made if there is none; `peers` are added to it, and it to `scopes`."""
    check_session(backends, asking, workspace_id, body)
    return once.take(
        workspace_id,
        lambda note: sessions.get_or_create(
            backends,
            workspace_id,
            body.id,
            metadata=body.metadata,
            configuration=None if body.configuration is None else body.configuration.given(),
            joining={peer: config.settings() for peer, config in (body.peers or {}).items()},
            within=body.scopes or (),
            note=note,
        ),
        lambda found: got_or_made(Session.of(found[0]), is_new=found[1]),
        of="session",
    )


@router.put("/{session_id}", response_model=Session, dependencies=[requires(Reach.SESSION)])
def update_session(backends: Backed, workspace_id: str, session_id: str, body: SessionUpdate) -> Response:
    """Replace metadata, lay configuration over the stored one. Makes the session when missing."""
    changed, _ = sessions.get_or_create(
        backends,
        workspace_id,
        session_id,
        metadata=body.metadata,
        configuration=None if body.configuration is None else body.configuration.given(),
    )
    return answer(Session.of(changed))


@router.post("/{session_id}/clone", response_model=Session, status_code=201, dependencies=[requires(Reach.SESSION)])
def clone_session(
    backends: Backed, once: Once, workspace_id: str, session_id: str, message_id: Text | None = None
) -> Response:
    """A copy of the session under a new id, with its messages up to and including `message_id`, or all of them."""
    return once.take(
        workspace_id,
        lambda note: clone(backends, workspace_id, session_id, up_to=message_id, note=note),
        lambda made: answer(Session.of(made), 201),
        of="session",
    )
