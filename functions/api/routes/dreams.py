"""Dreams: asked for, as clients know it; and, of our own, shown with what they changed."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer, nothing
from functions.api.auth import requires
from functions.api.deps import Backed, Paged
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.dreams import Dream, DreamWithChanges, ScheduleDream
from shared.domain.access import Reach
from shared.domain.errors import NotFound
from shared.memory import dreams, undo
from shared.store import dream_records

router = APIRouter(
    prefix="/workspaces/{workspace_id}",
    tags=["dreams"],
    dependencies=[requires(Reach.WORKSPACE)],
    route_class=RepeatingRoute,
)


@router.post("/schedule_dream", status_code=204, response_model=None)
def schedule_dream(backends: Backed, once: Once, workspace_id: str, body: ScheduleDream) -> Response:
    """Have a collection thought over now. One of its kind that waits or goes on already is the same one."""
    wanted = body.wanted(workspace_id)
    return once.take(
        workspace_id,
        lambda note: dreams.schedule(backends, wanted, note=note),
        lambda _: nothing(),
        of="dream",
    )


@router.get("/dreams", response_model=Page[Dream])
def get_dreams(backends: Backed, workspace_id: str, page: Paged) -> Response:
    """The workspace's dreams, the newest first."""
    with backends.db.reading() as conn:
        found = dream_records.page(conn, workspace_id, page)
    return envelope(found, page, Dream.of)


@router.get("/dreams/{dream_id}", response_model=DreamWithChanges)
def get_dream(backends: Backed, workspace_id: str, dream_id: str) -> Response:
    """A dream with each of its changes."""
    with backends.db.reading() as conn:
        found = dream_records.get(conn, workspace_id, dream_id)
        changes = dream_records.changes(conn, workspace_id, dream_id)
    if found is None:
        raise NotFound(f"dream {dream_id} not found")
    return answer(DreamWithChanges.whole(found, changes))


@router.post("/dreams/{dream_id}/undo", response_model=Dream)
def undo_dream(backends: Backed, once: Once, workspace_id: str, dream_id: str) -> Response:
    """Take back all that a dream changed. Once more changes nothing, and gives the same answer.

    Refused with 409, and a reason, before the dream has ended and where something that came later is built on it.
    What has been erased, forgotten or deleted since does not come back.
    """
    return once.take(
        workspace_id,
        lambda note: undo.undo(backends, workspace_id, dream_id, note=note),
        lambda found: answer(Dream.of(found)),
        of="dream",
    )
