"""What an operator may do to pending work: flush it, take parked items up again or drop them, recover."""

from datetime import datetime
from typing import LiteralString

from shared.store.database import Connection

FLUSH: LiteralString = """
UPDATE work_units
   SET is_flushed = true, due_at = CASE WHEN is_woken OR lease_until > %(now)s THEN due_at ELSE %(now)s END
 WHERE pending_items > 0 AND (%(workspace)s::text IS NULL OR workspace = %(workspace)s)
"""


def flush(conn: Connection, *, workspace: str | None, now: datetime) -> int:
    """Make everything that waits due now, whatever its gate or pause; gives how many units that concerns.

    A unit at work goes on until nothing is left.
    """
    return conn.execute(FLUSH, {"workspace": workspace, "now": now}).rowcount


# What an endpoint did not take is kept as long as it may be tried again.
_SETTLED: LiteralString = """
settled AS (
    DELETE FROM webhook_events AS e USING taken AS t
     WHERE e.workspace = t.workspace AND starts_with(t.unit, 'webhook:') AND e.webhook = split_part(t.unit, ':', 3)
       AND e.seq = t.seq AND t.state = 'finished')
"""
# The unit's counters move with its items, in one statement.
UNPARK: LiteralString = f"""
WITH taken AS (
    UPDATE work_items SET state = %(state)s, attempts = 0, error = NULL, finished_at = %(finished_at)s
     WHERE state = 'parked' AND (%(workspace)s::text IS NULL OR workspace = %(workspace)s)
       AND (%(unit)s::text IS NULL OR unit = %(unit)s)
 RETURNING workspace, unit, seq, tokens, state),
{_SETTLED},
counted AS (SELECT workspace, unit, count(*) AS items, sum(tokens) AS tokens FROM taken GROUP BY workspace, unit)
UPDATE work_units AS u
   SET parked_items = u.parked_items - c.items,
       pending_items = u.pending_items + CASE WHEN %(retries)s THEN c.items ELSE 0 END,
       pending_tokens = u.pending_tokens + CASE WHEN %(retries)s THEN c.tokens ELSE 0 END,
       done_items = u.done_items + CASE WHEN %(retries)s THEN 0 ELSE c.items END,
       is_flushed = u.is_flushed OR %(retries)s,
       due_at = CASE WHEN %(retries)s THEN coalesce(least(u.due_at, %(now)s), %(now)s) ELSE u.due_at END
  FROM counted AS c
 WHERE u.workspace = c.workspace AND u.unit = c.unit
RETURNING c.items
"""


def retry_parked(conn: Connection, workspace: str | None, unit: str | None, *, now: datetime) -> int:
    """Put the parked items of a unit, of all units, or of all workspaces (None) back to work; gives how many."""
    return _unpark(conn, workspace, unit, now, retries=True)


def drop_parked(conn: Connection, workspace: str, unit: str | None, *, now: datetime) -> int:
    """Give the parked items up; gives how many."""
    return _unpark(conn, workspace, unit, now, retries=False)


def _unpark(conn: Connection, workspace: str | None, unit: str | None, now: datetime, *, retries: bool) -> int:
    rows = conn.execute(
        UNPARK,
        {
            "workspace": workspace,
            "unit": unit,
            "now": now,
            "retries": retries,
            "state": "pending" if retries else "finished",
            "finished_at": None if retries else now,
        },
    ).fetchall()
    return sum(int(row[0]) for row in rows)


# As UNPARK gives up, for all workspaces, but only what was set aside long ago.
GIVE_UP: LiteralString = f"""
WITH taken AS (
    UPDATE work_items SET state = 'finished', error = NULL, finished_at = %(now)s
     WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM work_items
            WHERE state = 'parked' AND finished_at <= %(before)s
            LIMIT %(most)s
              FOR UPDATE SKIP LOCKED))
 RETURNING workspace, unit, seq, state),
{_SETTLED},
counted AS (SELECT workspace, unit, count(*) AS items FROM taken GROUP BY workspace, unit)
UPDATE work_units AS u
   SET parked_items = u.parked_items - c.items, done_items = u.done_items + c.items
  FROM counted AS c
 WHERE u.workspace = c.workspace AND u.unit = c.unit
RETURNING c.items
"""


def give_up_parked(conn: Connection, *, before: datetime, now: datetime, most: int) -> int:
    """Give up at most `most` items that were parked at `before` or earlier; gives how many."""
    rows = conn.execute(GIVE_UP, {"before": before, "now": now, "most": most}).fetchall()
    return sum(int(row[0]) for row in rows)


RECOVER: LiteralString = """
UPDATE work_units SET is_woken = true, sent_at = NULL, wake_no = wake_no + 1, lease_until = NULL, token = NULL,
       due_at = %(now)s
 WHERE pending_items > 0 AND (is_woken OR lease_until IS NOT NULL)
"""


def recover(conn: Connection, *, now: datetime) -> int:
    """Forget every wake-up sent and every lease: for a start after which neither queue nor workers remain."""
    return conn.execute(RECOVER, {"now": now}).rowcount
