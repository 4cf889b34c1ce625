"""Counts and reasons of background work, read from the unit rows that the work itself keeps current."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker

from shared.domain.status import Counts, ParkedItem, WaitingUnit
from shared.store.database import Connection

COUNTS: LiteralString = """
SELECT session,
       sum(done_items + parked_items)::bigint,
       sum(CASE WHEN lease_until > %(now)s THEN window_items ELSE 0 END)::bigint,
       sum(CASE WHEN lease_until > %(now)s THEN pending_items - window_items ELSE pending_items END)::bigint
  FROM work_units
 WHERE workspace = %(workspace)s AND kind = ANY(%(kinds)s)
   AND (%(session)s::text IS NULL OR session = %(session)s)
 GROUP BY session
"""


def counts(
    conn: Connection, workspace: str, kinds: Sequence[str], *, session: str | None, now: datetime
) -> dict[str, Counts]:
    """The counts of each session with work of these kinds."""
    values = {"workspace": workspace, "kinds": list(kinds), "session": session, "now": now}
    return {name: Counts(done, active, pending) for name, done, active, pending in conn.execute(COUNTS, values)}


# With a filter by peer the items themselves are counted: observers stand there.
COUNTS_OF_PEERS: LiteralString = """
SELECT u.session,
       count(*) FILTER (WHERE i.state <> 'pending'),
       count(*) FILTER (WHERE i.state = 'pending' AND u.lease_until > %(now)s
                          AND i.seq BETWEEN u.window_first AND u.window_last),
       count(*) FILTER (WHERE i.state = 'pending' AND NOT coalesce(u.lease_until > %(now)s
                          AND i.seq BETWEEN u.window_first AND u.window_last, false))
  FROM work_units AS u
  JOIN work_items AS i ON i.workspace = u.workspace AND i.unit = u.unit
 WHERE u.workspace = %(workspace)s AND u.kind = ANY(%(kinds)s)
   AND (%(session)s::text IS NULL OR u.session = %(session)s)
   AND (u.observed = %(sender)s OR %(observer)s = ANY(i.observers))
 GROUP BY u.session
"""


def counts_of_peers(
    conn: Connection,
    workspace: str,
    kinds: Sequence[str],
    *,
    observer: str | None,
    sender: str | None,
    session: str | None,
    now: datetime,
) -> dict[str, Counts]:
    """As `counts`, for items that `observer` learns from or `sender` wrote."""
    values = {
        "workspace": workspace,
        "kinds": list(kinds),
        "session": session,
        "now": now,
        "observer": observer,
        "sender": sender,
    }
    return {
        name: Counts(done, active, pending) for name, done, active, pending in conn.execute(COUNTS_OF_PEERS, values)
    }


def waiting_row(_: Cursor[Any]) -> RowMaker[WaitingUnit]:
    return lambda values: WaitingUnit(*values)


WAITING: LiteralString = """
SELECT u.workspace, u.unit, u.pending_items, u.pending_tokens,
       CASE WHEN u.lease_until > %(now)s THEN 'lease'
            WHEN u.is_woken AND u.sent_at IS NULL THEN 'send'
            WHEN u.is_woken THEN 'queue'
            WHEN u.kind <> 'forget' AND EXISTS (
                 SELECT FROM sessions AS s
                  WHERE s.workspace = u.workspace AND s.name = u.session AND NOT s.is_active) THEN 'deletion'
            WHEN u.kind <> 'erase' AND EXISTS (
                 SELECT FROM work_units AS e
                  WHERE e.workspace = u.workspace AND e.unit = 'erase:' || u.session || ':') THEN 'deletion'
            WHEN u.due_at <= %(now)s THEN 'due'
            WHEN u.stopped_usd IS NOT NULL THEN 'budget'
            WHEN u.attempts > 0 THEN 'backoff'
            ELSE 'tokens' END,
       u.due_at,
       (SELECT i.created_at FROM work_items AS i
         WHERE i.workspace = u.workspace AND i.unit = u.unit AND i.state = 'pending'
         ORDER BY i.seq LIMIT 1) AS oldest_at,
       u.attempts, u.error
  FROM work_units AS u
 WHERE u.pending_items > 0 AND u.workspace IS NOT NULL
 ORDER BY oldest_at
 LIMIT %(most)s
"""


def waiting(conn: Connection, *, now: datetime, most: int) -> list[WaitingUnit]:
    """The units with pending items, the one that has waited longest first. For operators: reads every unit."""
    with conn.cursor(row_factory=waiting_row) as cursor:
        return cursor.execute(WAITING, {"now": now, "most": most}).fetchall()


def parked_row(_: Cursor[Any]) -> RowMaker[ParkedItem]:
    return lambda values: ParkedItem(*values)


PARKED: LiteralString = """
SELECT workspace, unit, seq, message_id, attempts, error, finished_at
  FROM work_items
 WHERE state = 'parked' AND (%(workspace)s::text IS NULL OR workspace = %(workspace)s)
 ORDER BY workspace, finished_at
 LIMIT %(most)s
"""


def parked(conn: Connection, *, workspace: str | None, most: int) -> list[ParkedItem]:
    """What was set aside, of one workspace or of all."""
    with conn.cursor(row_factory=parked_row) as cursor:
        return cursor.execute(PARKED, {"workspace": workspace, "most": most}).fetchall()
