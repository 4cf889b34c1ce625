"""A place where tick comes only when it is ordered, and what must hold there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import LiteralString

from shared.domain.errors import TimerUnavailable
from shared.memory.budgets import resume
from shared.memory.dreams import release_dreams
from shared.memory.relay import relay
from shared.memory.timer import rearm
from shared.memory.vector_upkeep import index_pending, remove_hidden
from shared.store.index_state import GRACE
from tests.support.workplace import Row, Workplace

# Nothing of other tests is due, and no visit is ordered.
_CLEARED: Sequence[LiteralString] = (
    "DELETE FROM work_windows",
    "DELETE FROM work_items",
    "DELETE FROM work_units",
    "DELETE FROM vector_removals",
    "DELETE FROM collections",
    "UPDATE conclusions SET indexed_at = created_at WHERE indexed_at IS NULL",
    "UPDATE tick_timer SET armed_for = NULL, visited_at = to_timestamp(0)",
)
_DUE: LiteralString = """
SELECT min(at) AS at
  FROM (SELECT due_at AS at FROM work_units UNION ALL SELECT due_at FROM collections
         UNION ALL SELECT due_at FROM vector_removals
         UNION ALL SELECT coalesce(index_due_at, created_at + %(grace)s::interval) FROM conclusions
                    WHERE indexed_at IS NULL AND deleted_at IS NULL) AS everything
"""


@dataclass
class ScriptedTimer:
    """A timer as AWS has it: what came last counts. `fails` next orders; `before` and `after` run around the next."""

    is_used: bool = True
    at: datetime | None = None
    orders: list[datetime | None] = field(default_factory=list["datetime | None"])
    fails: int = 0
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None

    def set(self, at: datetime | None) -> None:
        self.orders.append(at)
        self._run("before")
        if self.fails:
            self.fails -= 1
            raise TimerUnavailable
        self.at = at
        self._run("after")

    def _run(self, name: str) -> None:
        action: Callable[[], object] | None = getattr(self, name)
        if action is not None:
            setattr(self, name, None)
            action()


@dataclass
class Ordered(Workplace):
    """A workplace whose timer is scripted."""

    timer: ScriptedTimer = field(default_factory=ScriptedTimer)

    def visits(self) -> None:
        """What tick does that has a due time, and how it ends."""
        began = self.clock.now()
        if self.timer.at is not None and self.timer.at <= began:
            self.timer.at = None
        resume(self.backends)
        relay(self.backends)
        release_dreams(self.backends)
        remove_hidden(self.backends)
        index_pending(self.backends)
        rearm(self.backends, began=began)

    def row(self) -> Row:
        [row] = self.rows("SELECT * FROM tick_timer")
        return row

    def next_due(self) -> datetime | None:
        """The earliest of everything that is due some day."""
        return self.rows(_DUE, grace=GRACE)[0]["at"]


def ordered(place: Workplace, timer: ScriptedTimer | None = None) -> Ordered:
    """`place`, with a timer, and nothing due."""
    scripted = timer or ScriptedTimer()
    with place.backends.db.transaction() as conn:
        for statement in _CLEARED:
            conn.execute(statement)
    backends = replace(place.backends, timer=scripted)
    return Ordered(backends, place.workspace, place.clock, place.queue, place.embedder, scripted)


def rounded(at: datetime) -> datetime:
    """To the whole second at or after it."""
    return at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)
