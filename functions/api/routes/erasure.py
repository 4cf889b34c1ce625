"""Erasing peers and messages: ours, since no client of the API knows it. Accepted at once, carried out by a worker."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.lazy_route import LazyRoute
from functions.api.wire.admin import Accepted
from shared.domain.access import Reach
from shared.memory import erase

router = APIRouter(prefix="/workspaces/{workspace_id}", route_class=LazyRoute)


@router.delete(
    "/peers/{peer_id}",
    response_model=Accepted,
    status_code=202,
    tags=["peers"],
    dependencies=[requires(Reach.WORKSPACE)],
)
def erase_peer(backends: Backed, workspace_id: str, peer_id: str) -> Response:
    """Accept no more writes for the peer, and erase it soon: its messages, all that was concluded from them or is
    known about it or held by it, cards, memberships. The queue status counts the erasure until it is done."""
    erase.erase_peer(backends, workspace_id, peer_id)
    return answer(Accepted(message=f"peer {peer_id} is being erased"), 202)


@router.delete(
    "/sessions/{session_id}/messages/{message_id}",
    response_model=Accepted,
    status_code=202,
    tags=["messages"],
    dependencies=[requires(Reach.SESSION)],
)
def erase_message(backends: Backed, workspace_id: str, session_id: str, message_id: str) -> Response:
    """Erase the message soon, with what was derived from it; what other messages say too is read from them again.
    The queue status counts the erasure until it is done."""
    erase.erase_message(backends, workspace_id, session_id, message_id)
    return answer(Accepted(message=f"message {message_id} is being erased"), 202)
