"""What a workspace costs and what it may cost. Of our own: Honcho has no such thing."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from functions.api.answers import answer, nothing
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.description import also
from functions.api.repeating import RepeatingRoute
from functions.api.wire.fields import Text
from functions.api.wire.usage import BudgetChange, UsageReport, WorkspaceBudget
from shared.domain.access import Reach
from shared.domain.usage import Grouping
from shared.memory import budgets, usage

router = APIRouter(prefix="/workspaces/{workspace_id}", tags=["usage"], route_class=RepeatingRoute)


@router.get("/usage", response_model=UsageReport, dependencies=[requires(Reach.WORKSPACE)])
def get_usage(
    backends: Backed,
    workspace_id: str,
    since: Annotated[Text | None, Query(alias="from", description="ISO date or time, UTC; this month's first")] = None,
    until: Annotated[Text | None, Query(alias="to", description="ISO date or time, not included; now")] = None,
    group_by: Grouping = "feature",
) -> Response:
    """What calls of models took and cost, in all and by day, feature or model. Of an unknown workspace, nothing."""
    kept_days = backends.settings.usage.retention_days
    first, last = usage.period(since, until, now=backends.clock.now(), kept_days=kept_days)
    with backends.db.reading() as conn:
        found = usage.report(conn, workspace_id, first, last, group_by)
    return answer(UsageReport.of(workspace_id, found, group_by, budgets.look(backends, workspace_id)))


@router.get("/budget", response_model=WorkspaceBudget, dependencies=[requires(Reach.WORKSPACE)])
def get_budget(backends: Backed, workspace_id: str) -> Response:
    """The budget in force for the workspace, and how much of it is used."""
    return answer(WorkspaceBudget.of(budgets.look(backends, workspace_id)))


@router.put("/budget", response_model=WorkspaceBudget, dependencies=[requires(Reach.ADMIN)], responses=also(405))
def put_budget(backends: Backed, workspace_id: str, body: BudgetChange) -> Response:
    """Give the workspace a budget of its own, whole; without limits it has none. For admins."""
    return answer(WorkspaceBudget.of(budgets.put(backends, workspace_id, body.wanted())))


@router.delete("/budget", status_code=204, response_model=None, dependencies=[requires(Reach.ADMIN)])
def delete_budget(backends: Backed, workspace_id: str) -> Response:
    """Let the server's budget for all workspaces be in force again. For admins."""
    budgets.remove(backends, workspace_id)
    return nothing()
