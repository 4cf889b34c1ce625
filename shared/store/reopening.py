"""Finished work of a session that is to be done once more, because something it was done on has gone.

All of this is called holding the units of the session: see `erasing.hold`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from shared.domain.work import TaskKind, WorkUnit
from shared.store.database import Connection
from shared.store.outbox import Cadence
from shared.telemetry.tracing import traceparent

REOPEN: LiteralString = """
WITH opened AS (
    UPDATE work_items AS i
       SET state = 'pending', attempts = 0, error = NULL, finished_at = NULL
      FROM work_units AS u
     WHERE u.workspace = %(workspace)s AND u.session = %(session)s AND u.kind = %(kind)s
       AND i.workspace = u.workspace AND i.unit = u.unit AND i.seq = ANY(%(seqs)s) AND i.state = 'finished'
 RETURNING i.unit, i.tokens),
counted AS (SELECT unit, count(*)::int AS items, sum(tokens)::bigint AS tokens FROM opened GROUP BY unit)
UPDATE work_units AS u
   SET pending_items = u.pending_items + c.items, pending_tokens = u.pending_tokens + c.tokens,
       done_items = u.done_items - c.items, is_flushed = true,
       due_at = CASE WHEN u.is_woken THEN u.due_at END,
       window_first = NULL, window_last = NULL, window_items = 0, answer = NULL
  FROM counted AS c
 WHERE u.workspace = %(workspace)s AND u.unit = c.unit
"""


def reopen(conn: Connection, workspace: str, session: str, kind: TaskKind, seqs: Sequence[int]) -> None:
    """Have finished work of this kind at these places done once more, as soon as the session goes on.

    What is pending or was set aside stays as it is.
    """
    if seqs:
        values = {"workspace": workspace, "session": session, "kind": kind.value, "seqs": sorted(seqs)}
        conn.execute(REOPEN, values)


PLACES: LiteralString = """
SELECT DISTINCT s.last_seq - s.last_seq %% every.messages
  FROM sessions AS s, unnest(%(cadence)s::int[]) AS every (messages)
 WHERE s.workspace = %(workspace)s AND s.name = %(session)s AND s.last_seq >= every.messages
"""
ADD_UNIT: LiteralString = """
INSERT INTO work_units (workspace, unit, kind, session, wake_no)
SELECT %(workspace)s, %(unit)s, 'summary', %(session)s, number FROM wake_floor
    ON CONFLICT DO NOTHING
"""
ADD_ITEMS: LiteralString = """
WITH added AS (
    INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, created_at, traceparent)
    SELECT %(workspace)s, %(unit)s, n.seq, n.seq, '', 0, %(now)s, %(traceparent)s
      FROM unnest(%(seqs)s::bigint[]) AS n (seq)
        ON CONFLICT DO NOTHING
 RETURNING seq)
UPDATE work_units SET pending_items = pending_items + (SELECT count(*) FROM added)
 WHERE workspace = %(workspace)s AND unit = %(unit)s
"""


def summarize_again(conn: Connection, workspace: str, session: str, cadence: Cadence, now: datetime) -> None:
    """Have the session summarized up to the last place where that was due."""
    summary = WorkUnit(workspace, TaskKind.SUMMARY, session)
    every = {"workspace": workspace, "session": session, "cadence": [cadence.every_short, cadence.every_long]}
    seqs = [int(row[0]) for row in conn.execute(PLACES, every)]
    if seqs:
        reopen(conn, workspace, session, TaskKind.SUMMARY, seqs)
        about = {"session": session, "seqs": sorted(seqs), "now": now, "traceparent": traceparent()}
        values = {"workspace": workspace, "unit": summary.key, **about}
        conn.execute(ADD_UNIT, values)
        conn.execute(ADD_ITEMS, values)
