"""Work that a call of its own asks for: one item at the end of its unit, in the same outbox as everything else."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from shared.domain.work import WakeUp, WorkUnit
from shared.store.database import Connection
from shared.store.outbox import SEND_GRACE
from shared.telemetry.tracing import traceparent

# Holds each unit's row, so that the items that follow get their places one after the other.
OWE: LiteralString = """
INSERT INTO work_units AS u (workspace, unit, kind, session, observed, pending_items, wake_no, is_woken, due_at)
SELECT %(workspace)s, n.unit, n.kind, n.session, n.observed, 1, (SELECT number FROM wake_floor) + 1, true,
       %(grace_until)s
  FROM unnest(%(units)s::text[], %(kinds)s::text[], %(sessions)s::text[], %(observed)s::text[])
       AS n (unit, kind, session, observed)
 ORDER BY n.unit
    ON CONFLICT (workspace, unit) DO UPDATE
   SET (pending_items, wake_no, is_woken, sent_at, due_at) = (
       SELECT u.pending_items + 1,
              u.wake_no + w.wakes::int,
              u.is_woken OR w.wakes,
              CASE WHEN w.wakes THEN NULL ELSE u.sent_at END,
              CASE WHEN w.wakes THEN %(grace_until)s ELSE coalesce(u.due_at, %(grace_until)s) END
         FROM (SELECT NOT u.is_woken AND u.attempts = 0 AND u.stopped_usd IS NULL AS wakes) AS w)
RETURNING unit, wake_no, is_woken AND sent_at IS NULL
"""

ADD: LiteralString = """
INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, observers, created_at, traceparent)
SELECT %(workspace)s, n.unit, last.seq + 1, last.seq + 1, %(message_id)s, 0, %(observers)s, %(now)s,
       %(traceparent)s
  FROM unnest(%(units)s::text[]) AS n (unit),
       LATERAL (SELECT coalesce(max(i.seq), 0) AS seq
                  FROM work_items AS i
                 WHERE i.workspace = %(workspace)s AND i.unit = n.unit) AS last
"""


def plan(
    conn: Connection,
    workspace: str,
    units: Sequence[WorkUnit],
    *,
    now: datetime,
    message_id: str = "",
    observers: Sequence[str] = (),
) -> list[WakeUp]:
    """Give each of `units` one more item, about the message or peers if any; gives the wake-ups that are now owed.

    A unit at work or backing off is not woken: it looks again by itself.
    """
    if not units:
        return []
    named = {unit.key: unit for unit in units}
    values = {
        "workspace": workspace,
        "units": list(named),
        "kinds": [unit.kind.value for unit in named.values()],
        "sessions": [unit.session for unit in named.values()],
        "observed": [unit.observed for unit in named.values()],
        "message_id": message_id,
        "observers": list(observers),
        "now": now,
        "grace_until": now + SEND_GRACE,
        "traceparent": traceparent(),
    }
    decided = conn.execute(OWE, values).fetchall()
    conn.execute(ADD, values)
    return [WakeUp(named[key], number) for key, number, is_owed in decided if is_owed]
