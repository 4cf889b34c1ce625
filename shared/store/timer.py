"""For when tick is ordered, where it does not come at a rate: one row, compared with everything that is due.

What was due at tick's last visit was looked at then: only what is due later calls for another, and what the visit left
behind is tried again at tick's own pace. So the earliest is found by four looks into indexes, however much is stored.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from shared.store.database import Connection
from shared.store.index_state import GRACE

# After its time the timer has a minute to fire, and tick, called a second time when it failed, three to answer.
LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The moment from which something is judged. `soonest`: a visit cannot be ordered for earlier."""

    now: datetime
    soonest: datetime


# Past rounding to whole seconds, which is all that the timer knows.
ARM: LiteralString = """
UPDATE tick_timer AS t
   SET armed_for = n.at
  FROM (SELECT date_trunc('second', greatest(f.at, %(soonest)s) + interval '999999 microseconds') AS at
          FROM (SELECT least(
                       %(again_at)s::timestamptz,
                       (SELECT min(due_at) FROM work_units WHERE due_at > s.visited_at),
                       (SELECT min(due_at) FROM collections WHERE due_at > s.visited_at),
                       (SELECT min(due_at) FROM vector_removals WHERE due_at > s.visited_at),
                       (SELECT min(created_at) FROM conclusions
                         WHERE indexed_at IS NULL AND deleted_at IS NULL AND index_due_at IS NULL
                           AND created_at > s.visited_at - %(index_grace)s::interval) + %(index_grace)s::interval
                       ) AS at
                  FROM tick_timer AS s) AS f
         WHERE f.at IS NOT NULL) AS n
 WHERE t.armed_for IS NULL OR t.armed_for > n.at OR t.armed_for < %(late)s
RETURNING t.armed_for
"""


def arm(conn: Connection, horizon: Horizon, *, again_at: datetime | None = None) -> datetime | None:
    """Order a visit for what is due next, if none is ordered that comes in time; gives when, to whoever must see to it.

    Of several at once the earliest wins. `again_at` is due, too. A visit that should have come long ago is none.
    """
    values = {"soonest": horizon.soonest, "late": horizon.now - LATE, "again_at": again_at, "index_grace": GRACE}
    row = conn.execute(ARM, values).fetchone()
    return row[0] if row else None


ARMED: LiteralString = "SELECT armed_for FROM tick_timer"


def armed_for(conn: Connection) -> datetime | None:
    """When tick is ordered for; None: not at all."""
    row = conn.execute(ARMED).fetchone()
    return row[0] if row else None


DISARM: LiteralString = "UPDATE tick_timer SET armed_for = NULL WHERE armed_for = %(at)s"


def disarm(conn: Connection, at: datetime) -> None:
    """The order for `at` did not go out: the next who has something due gives one."""
    conn.execute(DISARM, {"at": at})


VISITED: LiteralString = """
UPDATE tick_timer SET armed_for = NULL, visited_at = greatest(visited_at, %(until)s)
"""


def visited(conn: Connection, *, until: datetime) -> None:
    """Tick has looked at what was due `until` then, and no visit is ordered now."""
    conn.execute(VISITED, {"until": until})


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What a visit leaves due. `vectors`: since when the oldest of them is; `later`: when the next is to be brought."""

    has_work: bool
    vectors: datetime | None
    later: datetime | None


LEFT_OVER: LiteralString = """
SELECT coalesce(least((SELECT min(due_at) FROM work_units WHERE due_at IS NOT NULL),
                      (SELECT min(due_at) FROM collections WHERE due_at IS NOT NULL)) <= t.visited_at, false),
       least((SELECT min(due_at) FROM vector_removals WHERE due_at <= t.visited_at),
             (SELECT min(created_at) FROM conclusions
               WHERE indexed_at IS NULL AND deleted_at IS NULL AND index_due_at IS NULL
                 AND created_at <= t.visited_at - %(index_grace)s::interval) + %(index_grace)s::interval,
             (SELECT min(index_due_at) FROM conclusions
               WHERE indexed_at IS NULL AND deleted_at IS NULL AND index_due_at <= t.visited_at)),
       (SELECT min(index_due_at) FROM conclusions
         WHERE indexed_at IS NULL AND deleted_at IS NULL AND index_due_at > t.visited_at)
  FROM tick_timer AS t
"""


def left_over(conn: Connection) -> LeftOver:
    """What was due at the last visit and still is."""
    row = conn.execute(LEFT_OVER, {"index_grace": GRACE}).fetchone()
    return LeftOver(*row) if row else LeftOver(False, None, None)
