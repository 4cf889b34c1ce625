"""Workspaces: get or create, list, update."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer, got_or_made
from functions.api.auth import Asking, requires
from functions.api.deps import NO_BODY, Backed, ReversiblyPaged
from functions.api.description import also
from functions.api.narrow_keys import check_workspace
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.workspaces import Workspace, WorkspaceCreate, WorkspaceGet, WorkspaceUpdate
from shared.domain import filters
from shared.domain.access import Reach
from shared.memory import workspaces
from shared.store import filter_sql, selections
from shared.store import workspaces as stored_workspaces

router = APIRouter(prefix="/workspaces", tags=["workspaces"], route_class=RepeatingRoute)


@router.post("", response_model=Workspace, dependencies=[requires(Reach.NAMED)], responses=also(201))
def get_or_create_workspace(backends: Backed, once: Once, asking: Asking, body: WorkspaceCreate) -> Response:
    """The workspace of this name, made if there is none. An existing one stays as it is."""
    check_workspace(asking, body.id)
    return once.take(
        body.id,
        lambda note: workspaces.get_or_create(
            backends, body.id, metadata=body.metadata, configuration=body.configuration.given(), note=note
        ),
        lambda found: got_or_made(Workspace.of(found[0]), is_new=found[1]),
        of="workspace",
    )


@router.post("/list", response_model=Page[Workspace], dependencies=[requires(Reach.ADMIN)])
def get_all_workspaces(backends: Backed, page: ReversiblyPaged, body: WorkspaceGet | None = NO_BODY) -> Response:
    """All workspaces, oldest first."""
    wanted = filters.parse(body.filters if body else None, filters.WORKSPACES)
    where = selections.EVERY_WORKSPACE.and_(filter_sql.condition(wanted, filter_sql.WORKSPACES))
    with backends.db.reading() as conn:
        found = stored_workspaces.page(conn, where, page)
    return envelope(found, page, Workspace.of)


@router.put("/{workspace_id}", response_model=Workspace, dependencies=[requires(Reach.WORKSPACE)])
def update_workspace(backends: Backed, workspace_id: str, body: WorkspaceUpdate) -> Response:
    """Replace metadata, lay configuration over the stored one. Makes the workspace when missing."""
    configuration = None if body.configuration is None else body.configuration.given()
    changed = workspaces.update(backends, workspace_id, metadata=body.metadata, configuration=configuration)
    return answer(Workspace.of(changed))
