"""Budgets of workspaces: set and shown, and the work resumed that waited for one."""

from dataclasses import dataclass
from datetime import datetime

from shared.backends import Backends
from shared.domain.errors import Disabled
from shared.domain.ids import checked_name
from shared.domain.spending import Budget, PeriodKind, Spent, checked, end_of
from shared.memory.metering import usual_budget
from shared.memory.timer import arm
from shared.store import budgets, stops
from shared.store.database import Connection
from shared.telemetry.logs import logger

_MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A workspace's budget and how much of it is used at `now`. `is_own`: it is not the server's for all."""

    budget: Budget
    is_own: bool
    spent: Spent
    now: datetime

    def ends(self, kind: PeriodKind) -> datetime:
        return end_of(kind, self.now)


def look(backends: Backends, workspace: str) -> Standing:
    """The budget in force, and where the workspace stands. One that does not exist has spent nothing."""
    with backends.db.reading() as conn:
        return _standing(backends, conn, workspace)


def put(backends: Backends, workspace: str, budget: Budget) -> Standing:
    """Give the workspace a budget of its own; without any limit it has none, whatever the server's is.

    The workspace need not exist yet. Raises `Invalid`, and `Disabled` where calls are not recorded.
    """
    checked_name(workspace, "workspace id")
    checked(budget)
    if not backends.settings.usage.enabled:
        raise Disabled("budgets need USAGE_ENABLED: what is not recorded cannot be limited")
    return _change(backends, workspace, budget)


def remove(backends: Backends, workspace: str) -> None:
    """Let the server's budget be in force again."""
    _change(backends, workspace, None)


def _change(backends: Backends, workspace: str, budget: Budget | None) -> Standing:
    def change(conn: Connection) -> Standing:
        if budget is None:
            budgets.delete(conn, workspace)
        else:
            budgets.put(conn, workspace, budget, usual_budget(backends), now=backends.clock.now())
        return _standing(backends, conn, workspace)

    standing = backends.db.run(change)
    backends.known_budgets.forget()
    # What waited for the old budget: tick would find it within a minute, too.
    resume(backends)
    return standing


def _standing(backends: Backends, conn: Connection, workspace: str) -> Standing:
    own, now = budgets.get(conn, workspace), backends.clock.now()
    spent = budgets.standing(conn, workspace, now=now)
    return Standing(usual_budget(backends) if own is None else own, own is not None, spent, now)


def resume(backends: Backends) -> int:
    """Give back what dead workers had reserved, and make the work due that there is room for; gives how much."""
    now, usual = backends.clock.now(), usual_budget(backends)
    expired = backends.db.run(lambda conn: budgets.expire(conn, now=now, most=_MOST_AT_ONCE))
    resumed = backends.db.run(lambda conn: stops.resume(conn, usual, now=now, most=_MOST_AT_ONCE))
    if expired or resumed:
        logger.info("budgets_looked_at", expired_reservations=expired, resumed_units=resumed)
        arm(backends)
    return resumed
