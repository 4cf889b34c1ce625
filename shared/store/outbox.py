"""Work is planned with the messages it is about, and its wake-ups are owed until they are sent.

The unit row is the outbox: `is_woken` without `sent_at` is a wake-up that is owed, and `due_at` says when
tick must look again. Whoever holds the row's lock decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from shared.domain.errors import Invalid
from shared.domain.retry import Batch
from shared.domain.work import WakeUp, WorkUnit
from shared.store import unanswered
from shared.store.database import Connection
from shared.telemetry.logs import logger
from shared.telemetry.tracing import traceparent

# A wake-up that is still owed after this long has lost its sender.
SEND_GRACE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An item of a batch being written. Positions count the batch's messages from 1."""

    unit: WorkUnit
    position: int
    first_position: int
    message_id: str
    tokens: int
    observers: tuple[str, ...] = ()
    custom_instructions: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """What derivation waits for: `tokens` of messages, or an oldest one of `max_age` (None waits for ever)."""

    tokens: int
    max_age: timedelta | None

    def aged_at(self, since: datetime) -> datetime | None:
        return None if self.max_age is None else since + self.max_age


PLAN_UNITS: LiteralString = """
INSERT INTO work_units AS u
       (workspace, unit, kind, session, observed, pending_items, pending_tokens, wake_no, is_woken, due_at)
SELECT %(workspace)s, n.unit, n.kind, n.session, n.observed, n.items, n.tokens,
       (SELECT number FROM wake_floor) + w.wakes::int, w.wakes,
       CASE WHEN w.wakes THEN %(grace_until)s ELSE %(aged_at)s END
  FROM unnest(%(units)s::text[], %(kinds)s::text[], %(sessions)s::text[], %(observed)s::text[],
              %(items)s::int[], %(tokens)s::bigint[])
       AS n (unit, kind, session, observed, items, tokens),
       LATERAL (SELECT n.kind <> 'derive' OR n.tokens >= %(gate)s AS wakes) AS w
 ORDER BY n.unit
    ON CONFLICT (workspace, unit) DO UPDATE
   SET (pending_items, pending_tokens, wake_no, is_woken, sent_at, due_at) = (
       SELECT u.pending_items + EXCLUDED.pending_items,
              u.pending_tokens + EXCLUDED.pending_tokens,
              u.wake_no + w.wakes::int,
              u.is_woken OR w.wakes,
              CASE WHEN w.wakes THEN NULL ELSE u.sent_at END,
              CASE WHEN w.wakes THEN %(grace_until)s ELSE coalesce(u.due_at, %(aged_at)s) END
         FROM (SELECT NOT u.is_woken AND u.attempts = 0 AND u.stopped_usd IS NULL
                      AND (u.is_flushed OR u.kind <> 'derive'
                           OR u.pending_tokens + EXCLUDED.pending_tokens >= %(gate)s) AS wakes) AS w)
RETURNING unit, wake_no, is_woken AND sent_at IS NULL
"""

# A session being deleted counts no places any more; whoever planned for it finds that out with the messages.
PLAN_ITEMS: LiteralString = """
INSERT INTO work_items
       (workspace, unit, seq, first_seq, message_id, tokens, observers, custom_instructions, created_at, traceparent)
SELECT s.workspace, i.unit, s.last_seq - %(batch)s + i.position, s.last_seq - %(batch)s + i.first_position,
       i.message_id, i.tokens, string_to_array(i.observers, ','), i.custom_instructions, %(now)s,
       %(traceparent)s
  FROM sessions AS s,
       unnest(%(units)s::text[], %(positions)s::int[], %(first_positions)s::int[], %(message_ids)s::text[],
              %(tokens)s::bigint[], %(observers)s::text[], %(custom_instructions)s::text[])
       AS i (unit, position, first_position, message_id, tokens, observers, custom_instructions)
 WHERE s.workspace = %(workspace)s AND s.name = %(session)s AND s.is_active
"""


def plan(
    conn: Connection,
    workspace: str,
    session: str,
    items: Sequence[PlannedItem],
    *,
    gate: Gate,
    batch: int,
    now: datetime,
) -> "Owed":
    """Write the work of the `batch` messages just inserted into `session`; gives the wake-ups that are now owed.

    A unit at work or backing off is not woken: it looks again by itself.
    """
    decided = conn.execute(PLAN_UNITS, _unit_columns(workspace, items, gate, now))
    conn.execute(PLAN_ITEMS, _item_columns(workspace, session, items, batch, now))
    return Owed(workspace, decided)


class Owed:
    """The wake-ups that a statement under way decides on. Reading them ends the trip of what was sent with it."""

    def __init__(self, workspace: str, decided: Cursor[TupleRow]) -> None:
        self._workspace = workspace
        self._decided = decided

    def read(self) -> list[WakeUp]:
        return [
            WakeUp(WorkUnit.parse(self._workspace, unit), number)
            for unit, number, is_owed in self._decided.fetchall()
            if is_owed
        ]


def _unit_columns(workspace: str, items: Sequence[PlannedItem], gate: Gate, now: datetime) -> dict[str, object]:
    sums: dict[WorkUnit, tuple[int, int]] = {}
    for item in items:
        count, tokens = sums.get(item.unit, (0, 0))
        sums[item.unit] = (count + 1, tokens + item.tokens)
    return {
        "workspace": workspace,
        "units": [unit.key for unit in sums],
        "kinds": [unit.kind.value for unit in sums],
        "sessions": [unit.session for unit in sums],
        "observed": [unit.observed for unit in sums],
        "items": [count for count, _ in sums.values()],
        "tokens": [tokens for _, tokens in sums.values()],
        "gate": gate.tokens,
        "aged_at": gate.aged_at(now),
        "grace_until": now + SEND_GRACE,
    }


def _item_columns(
    workspace: str, session: str, items: Sequence[PlannedItem], batch: int, now: datetime
) -> dict[str, object]:
    return {
        "workspace": workspace,
        "session": session,
        "batch": batch,
        "now": now,
        "traceparent": traceparent(),
        "units": [item.unit.key for item in items],
        "positions": [item.position for item in items],
        "first_positions": [item.first_position for item in items],
        "message_ids": [item.message_id for item in items],
        "tokens": [item.tokens for item in items],
        # Arrays of arrays must be rectangular in SQL; names hold no comma.
        "observers": [",".join(item.observers) for item in items],
        "custom_instructions": [item.custom_instructions for item in items],
    }


# Which messages complete a cadence is known only where they get their places.
PLAN_SUMMARY: LiteralString = """
WITH hits AS (
    SELECT s.last_seq - %(batch)s + m.position AS seq, m.id
      FROM sessions AS s, unnest(%(ids)s::text[]) WITH ORDINALITY AS m (id, position)
     WHERE s.workspace = %(workspace)s AND s.name = %(session)s AND s.is_active
       AND ((s.last_seq - %(batch)s + m.position) %% %(every_short)s = 0
            OR (s.last_seq - %(batch)s + m.position) %% %(every_long)s = 0)),
units AS (
    INSERT INTO work_units AS u
           (workspace, unit, kind, session, pending_items, wake_no, is_woken, due_at)
    SELECT %(workspace)s, %(unit)s, 'summary', %(session)s, count(*), (SELECT number FROM wake_floor) + 1, true,
           %(grace_until)s
      FROM hits
    HAVING count(*) > 0
        ON CONFLICT (workspace, unit) DO UPDATE
       SET pending_items = u.pending_items + EXCLUDED.pending_items,
           (wake_no, is_woken, sent_at, due_at) = (
           SELECT u.wake_no + w.wakes::int, u.is_woken OR w.wakes, CASE WHEN w.wakes THEN NULL ELSE u.sent_at END,
                  CASE WHEN w.wakes THEN %(grace_until)s ELSE coalesce(u.due_at, %(grace_until)s) END
             FROM (SELECT NOT u.is_woken AND u.attempts = 0 AND u.stopped_usd IS NULL AS wakes) AS w)
 RETURNING unit, wake_no, is_woken AND sent_at IS NULL AS is_owed),
items AS (
    INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, created_at, traceparent)
    SELECT %(workspace)s, %(unit)s, seq, seq, id, 0, %(now)s, %(traceparent)s
      FROM hits)
SELECT unit, wake_no, is_owed FROM units
"""


@dataclass(frozen=True, slots=True)
class Cadence:
    """After how many messages a session is summarized."""

    every_short: int
    every_long: int


def plan_summary(
    conn: Connection, unit: WorkUnit, message_ids: Sequence[str], cadence: Cadence, *, now: datetime
) -> Owed:
    """Plan a summary for each of the messages just inserted that completes a cadence; gives what is now owed."""
    rows = conn.execute(
        PLAN_SUMMARY,
        {
            "workspace": unit.workspace,
            "unit": unit.key,
            "session": unit.session,
            "batch": len(message_ids),
            "ids": list(message_ids),
            "every_short": cadence.every_short,
            "every_long": cadence.every_long,
            "now": now,
            "grace_until": now + SEND_GRACE,
            "traceparent": traceparent(),
        },
    )
    return Owed(unit.workspace, rows)


# Locked in the order in which planners lock them: who marks several must not wait for a planner in a circle.
MARK_SENT: LiteralString = f"""
WITH answered AS ({unanswered.ANSWERED}),
held AS (
    SELECT u.workspace, u.unit
      FROM unnest(%(workspaces)s::text[], %(units)s::text[], %(numbers)s::bigint[]) AS n (workspace, unit, number)
      JOIN work_units AS u ON u.workspace = n.workspace AND u.unit = n.unit AND u.wake_no = n.number
     WHERE u.is_woken AND u.sent_at IS NULL
     ORDER BY u.workspace, u.unit
       FOR NO KEY UPDATE OF u)
UPDATE work_units AS u
   SET sent_at = %(now)s, due_at = %(resend_at)s
  FROM held, (SELECT set_config('synchronous_commit', 'off', true) AS is_off) AS hurry
 WHERE u.workspace = held.workspace AND u.unit = held.unit AND hurry.is_off = 'off'
"""


def mark_sent(
    conn: Connection,
    wake_ups: Sequence[WakeUp],
    *,
    now: datetime,
    resend_after: timedelta,
    answered: Batch | None = None,
) -> None:
    """Note that the queue has them, and that `answered` is being answered now.

    A unit that a worker has claimed meanwhile is left alone. Does not wait for the disk: losing this mark in a crash
    costs one more send, which the queue recognises.
    """
    conn.execute(
        MARK_SENT,
        {
            **unanswered.names(answered),
            "now": now,
            "resend_at": now + resend_after,
            "workspaces": [wake_up.unit.workspace for wake_up in wake_ups],
            "units": [wake_up.unit.key for wake_up in wake_ups],
            "numbers": [wake_up.number for wake_up in wake_ups],
        },
    )


WAKE_DUE: LiteralString = """
UPDATE work_units AS u
   SET wake_no = u.wake_no + (NOT (u.is_woken AND u.sent_at IS NULL))::int,
       is_woken = u.pending_items > 0,
       sent_at = NULL,
       due_at = CASE WHEN u.pending_items > 0 THEN %(grace_until)s END
  FROM (SELECT workspace, unit
          FROM work_units
         WHERE due_at <= %(now)s
         ORDER BY due_at
         LIMIT %(most)s
           FOR UPDATE SKIP LOCKED) AS due
 WHERE u.workspace = due.workspace AND u.unit = due.unit
RETURNING u.workspace, u.unit, u.wake_no, u.is_woken
"""


def wake_due(conn: Connection, *, now: datetime, most: int) -> list[WakeUp]:
    """Decide to wake the units whose time has come, the longest due first; gives the wake-ups to send.

    A wake-up that was owed keeps its number, so that the queue recognises it if it was sent after all. What a later
    release left behind, before it was rolled back, is passed over: it must hold up nothing else.
    """
    rows = conn.execute(WAKE_DUE, {"now": now, "most": most, "grace_until": now + SEND_GRACE}).fetchall()
    return known((workspace, unit, number) for workspace, unit, number, is_woken in rows if is_woken)


def known(rows: Iterable[tuple[str, str, int]]) -> list[WakeUp]:
    """Wake-ups of these (workspace, unit, number), but for a kind of work that only a later release knows."""
    found: list[WakeUp] = []
    for workspace, unit, number in rows:
        try:
            found.append(WakeUp(WorkUnit.parse(workspace, unit), number))
        except Invalid:
            # Of its key only the kind: the rest names who it is about.
            logger.warning("work_of_another_release", kind=unit.partition(":")[0])
    return found


NEXT_DUE: LiteralString = "SELECT min(due_at) FROM work_units WHERE due_at IS NOT NULL"


def next_due(conn: Connection) -> datetime | None:
    """When the next unit is due; None when nothing is pending."""
    row = conn.execute(NEXT_DUE).fetchone()
    return row[0] if row else None
