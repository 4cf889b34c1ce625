"""Deleting sessions and workspaces: accepted at once, carried out by a worker."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.description import also
from functions.api.lazy_route import LazyRoute
from functions.api.wire.admin import Accepted
from shared.domain.access import Reach
from shared.memory import forget

router = APIRouter(prefix="/workspaces/{workspace_id}", route_class=LazyRoute)


@router.delete(
    "/sessions/{session_id}",
    response_model=Accepted,
    status_code=202,
    tags=["sessions"],
    dependencies=[requires(Reach.SESSION)],
)
def delete_session(backends: Backed, workspace_id: str, session_id: str) -> Response:
    """Accept no more writes to the session, and forget all of it soon: messages, conclusions, summaries, members."""
    forget.delete_session(backends, workspace_id, session_id)
    return answer(Accepted(message=f"session {session_id} is being deleted"), 202)


@router.delete(
    "",
    response_model=Accepted,
    status_code=202,
    tags=["workspaces"],
    dependencies=[requires(Reach.WORKSPACE)],
    responses=also(409),
)
def delete_workspace(backends: Backed, workspace_id: str) -> Response:
    """Forget everything in the workspace soon. Its sessions must be deleted before."""
    forget.delete_workspace(backends, workspace_id)
    return answer(Accepted(message=f"workspace {workspace_id} is being deleted"), 202)
