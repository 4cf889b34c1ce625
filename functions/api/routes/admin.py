"""Background work as clients may see it."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.repeating import RepeatingRoute
from functions.api.wire.admin import QueueStatus
from functions.api.wire.fields import Text
from shared.domain.access import Reach
from shared.memory.status import queue_status

router = APIRouter(
    prefix="/workspaces/{workspace_id}",
    tags=["workspaces"],
    dependencies=[requires(Reach.WORKSPACE)],
    route_class=RepeatingRoute,
)


@router.get("/queue/status", response_model=QueueStatus)
def get_queue_status(
    backends: Backed,
    workspace_id: str,
    observer_id: Text | None = None,
    sender_id: Text | None = None,
    session_id: Text | None = None,
) -> Response:
    """How much reasoning is done, under way and pending."""
    found = queue_status(backends, workspace_id, observer=observer_id, sender=sender_id, session=session_id)
    return answer(QueueStatus.of(found, by_session=session_id is None))
