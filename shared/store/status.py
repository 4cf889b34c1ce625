"""Counts and reasons of background work, read from the unit rows that the work itself keeps current."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker

from shared.domain.status import Counts, ParkedItem, QueueStatus, WaitingUnit
from shared.store.database import Connection

# All sums, and those of as many sessions as are named, where something is left first. Dreams have no session.
_SUMMED: LiteralString = """
SELECT NULL AS session, sum(done)::bigint, sum(active)::bigint, sum(pending)::bigint FROM sums
 UNION ALL
(SELECT session, done, active, pending FROM sums
  WHERE session <> ''
  ORDER BY active + pending = 0, session
  LIMIT %(most_sessions)s)
"""
COUNTS: LiteralString = f"""
WITH sums AS MATERIALIZED (
    SELECT session,
           sum(done_items + parked_items)::bigint AS done,
           sum(CASE WHEN lease_until > %(now)s THEN window_items ELSE 0 END)::bigint AS active,
           sum(CASE WHEN lease_until > %(now)s THEN pending_items - window_items ELSE pending_items END)::bigint
           AS pending
      FROM work_units
     WHERE workspace = %(workspace)s AND kind = ANY(%(kinds)s)
       AND (%(session)s::text IS NULL OR session = %(session)s)
     GROUP BY session)
{_SUMMED}
"""


def counts(
    conn: Connection,
    workspace: str,
    kinds: Sequence[str],
    *,
    session: str | None,
    now: datetime,
    most_sessions: int,
) -> QueueStatus:
    """The counts of work of these kinds, in all and of each session with any, or of `most_sessions` of them."""
    values = {"workspace": workspace, "kinds": list(kinds), "session": session, "now": now}
    return _read(conn, COUNTS, {**values, "most_sessions": most_sessions})


# With a filter by peer the items themselves are counted: observers stand there.
COUNTS_OF_PEERS: LiteralString = f"""
WITH sums AS MATERIALIZED (
    SELECT u.session,
           count(*) FILTER (WHERE i.state <> 'pending') AS done,
           count(*) FILTER (WHERE i.state = 'pending' AND u.lease_until > %(now)s
                              AND i.seq BETWEEN u.window_first AND u.window_last) AS active,
           count(*) FILTER (WHERE i.state = 'pending' AND NOT coalesce(u.lease_until > %(now)s
                              AND i.seq BETWEEN u.window_first AND u.window_last, false)) AS pending
      FROM work_units AS u
      JOIN work_items AS i ON i.workspace = u.workspace AND i.unit = u.unit
     WHERE u.workspace = %(workspace)s AND u.kind = ANY(%(kinds)s)
       AND (%(session)s::text IS NULL OR u.session = %(session)s)
       AND (u.observed = %(sender)s OR %(observer)s = ANY(i.observers))
     GROUP BY u.session)
{_SUMMED}
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
    most_sessions: int,
) -> QueueStatus:
    """As `counts`, for items that `observer` learns from or `sender` wrote."""
    values = {"workspace": workspace, "kinds": list(kinds), "session": session, "now": now}
    peers = {"observer": observer, "sender": sender}
    return _read(conn, COUNTS_OF_PEERS, {**values, **peers, "most_sessions": most_sessions})


def _read(conn: Connection, statement: LiteralString, values: dict[str, object]) -> QueueStatus:
    found = {name: Counts(*(number or 0 for number in row)) for name, *row in conn.execute(statement, values)}
    return QueueStatus(found.pop(None, Counts()), found)


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
