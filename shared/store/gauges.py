"""What an operator's monitoring asks for, over all workspaces."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.store.database import Connection


@dataclass(frozen=True, slots=True)
class WorkGauge:
    """The work of one kind, in items, as it stands now; `done` and `parked` since the beginning."""

    kind: str
    pending: int
    in_progress: int
    done: int
    parked: int
    oldest_pending_s: float


WORK: LiteralString = """
SELECT u.kind, sum(u.pending_items)::bigint,
       sum(CASE WHEN u.lease_until > %(now)s THEN u.window_items ELSE 0 END)::bigint,
       sum(u.done_items)::bigint, sum(u.parked_items)::bigint, min(o.created_at)
  FROM work_units AS u
  LEFT JOIN LATERAL (
       SELECT i.created_at FROM work_items AS i
        WHERE i.workspace = u.workspace AND i.unit = u.unit AND i.state = 'pending'
        ORDER BY i.seq LIMIT 1) AS o ON u.pending_items > 0
 WHERE u.workspace IS NOT NULL
 GROUP BY u.kind
 ORDER BY u.kind
"""


def work(conn: Connection, now: datetime) -> list[WorkGauge]:
    """One gauge for each kind of work there ever was. Reads every unit: for a visit a minute, not for requests."""
    return [
        WorkGauge(kind, pending, active, done, parked, 0.0 if oldest is None else (now - oldest).total_seconds())
        for kind, pending, active, done, parked, oldest in conn.execute(WORK, {"now": now})
    ]


@dataclass(frozen=True, slots=True)
class Session:
    """How many connections of ours are in a state, as Postgres calls it."""

    state: str
    count: int


# Every state is there, so that its series is, too. Postgres shows a role its own sessions only, which is what is meant.
SESSIONS: LiteralString = """
SELECT s.state, count(a.pid)
  FROM unnest(ARRAY['active', 'idle', 'idle in transaction']) AS s (state)
  LEFT JOIN pg_stat_activity AS a
         ON a.state = s.state AND a.datname = current_database()
        AND starts_with(a.application_name, 'honcho-serverless')
 GROUP BY s.state
 ORDER BY s.state
"""


def sessions(conn: Connection) -> list[Session]:
    """The connections of all functions, this one included."""
    return [Session(state, count) for state, count in conn.execute(SESSIONS)]
