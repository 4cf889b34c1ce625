"""What a model should know of a session: context and summaries."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import Asking, requires
from functions.api.deps import Backed
from functions.api.narrow_keys import check_memberships, check_perspective, refuse_scope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.fields import Name, Text, Wire
from functions.api.wire.messages import Message
from functions.api.wire.peers import Count, Distance
from functions.api.wire.sessions import SessionContext, SessionSummaries, Summary
from shared.domain.access import Reach
from shared.domain.allowlist import MAX_SESSIONS
from shared.domain.errors import Invalid
from shared.memory import peers
from shared.memory.context import ContextRequest, session_context
from shared.store import sessions, summaries

router = APIRouter(
    prefix="/workspaces/{workspace_id}/sessions/{session_id}",
    tags=["sessions"],
    dependencies=[requires(Reach.MEMBER)],
    route_class=RepeatingRoute,
)


class ContextQuery(Wire):
    """The parameters of a context, all in the query string."""

    tokens: int | None = None
    summary: bool = True
    peer_target: Text | None = None
    peer_perspective: Text | None = None
    scope: Text | None = None
    sessions: Annotated[list[Name], Query(min_length=1, max_length=MAX_SESSIONS)] | None = None
    limit_to_session: bool = False
    search_query: Text | None = None
    search_top_k: Count | None = None
    search_max_distance: Distance | None = None
    include_most_frequent: bool = False
    max_conclusions: Count | None = None

    def allowed(self, session: str) -> tuple[str, ...] | None:
        """The sessions that conclusions may come from; None for all."""
        if self.sessions is not None:
            return tuple(dict.fromkeys(self.sessions))
        return (session,) if self.limit_to_session else None


@router.get("/context", response_model=SessionContext)
def get_session_context(
    backends: Backed, asking: Asking, workspace_id: str, session_id: str, query: Annotated[ContextQuery, Query()]
) -> Response:
    """Summary and newest messages within a budget of tokens, and what is known about a peer."""
    refuse_scope(asking, query.scope)
    check_perspective(asking, query.peer_perspective, query.peer_target)
    check_memberships(backends, asking, workspace_id, query.sessions or ())
    _check(query, session_id)
    found = session_context(
        backends,
        workspace_id,
        session_id,
        ContextRequest(
            tokens=query.tokens,
            with_summary=query.summary,
            target=query.peer_target,
            perspective=query.peer_perspective,
            scope=query.scope,
            sessions=query.allowed(session_id),
            search_query=query.search_query,
            search_top_k=query.search_top_k,
            search_max_distance=query.search_max_distance,
            include_most_derived=query.include_most_frequent,
            max_conclusions=query.max_conclusions,
        ),
    )
    return answer(
        SessionContext(
            id=session_id,
            messages=[Message.of(message) for message in found.messages],
            summary=None if found.summary is None else Summary.of(found.summary),
            peer_representation=found.representation,
            peer_card=None if found.card is None else list(found.card),
        )
    )


@router.get("/summaries", response_model=SessionSummaries)
def get_session_summaries(backends: Backed, workspace_id: str, session_id: str) -> Response:
    """The session's short and long summary; both null while it is being deleted."""
    with backends.db.reading() as conn:
        session = sessions.get(conn, workspace_id, session_id)
        found = summaries.both(conn, workspace_id, session_id) if session and session.is_active else {}
    shown = {kind: Summary.of(summary) for kind, summary in found.items()}
    return answer(SessionSummaries(id=session_id, short_summary=shown.get("short"), long_summary=shown.get("long")))


def _check(query: ContextQuery, session: str) -> None:
    """Raises `Invalid` for parameters that do not go together."""
    given = {"peer_perspective": query.peer_perspective, "scope": query.scope, "sessions": query.sessions}
    for name, value in given.items():
        if value is not None and query.peer_target is None:
            raise Invalid(f"{name} needs peer_target")
    for peer in (query.peer_target, query.peer_perspective):
        peers.refuse_scope(peer or "")
    if query.scope is not None and query.peer_perspective is not None:
        raise Invalid("scope cannot be combined with peer_perspective")
    if query.sessions is not None:
        if query.limit_to_session:
            raise Invalid("sessions cannot be combined with limit_to_session")
        if query.scope is not None:
            raise Invalid("sessions cannot be combined with scope")
        if session not in query.sessions:
            raise Invalid("sessions must contain the session itself")
