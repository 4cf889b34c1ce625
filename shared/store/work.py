"""Claiming and finishing work, fenced by a token on the unit row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import LiteralString

from shared.domain.errors import Conflict
from shared.domain.ids import new_id
from shared.domain.usage import ModelCall
from shared.domain.work import Claim, TaskKind, WakeUp, WorkItem, WorkUnit
from shared.store import calls, ledger
from shared.store.database import Connection
from shared.store.ledger import Outcome as Outcome
from shared.store.outbox import SEND_GRACE, Gate
from shared.store.rows import WORK_ITEM, work_item_row

_MOST_ITEMS = 500
_NO_LIMIT = 2**62
# A window that failed this often is suspected of holding one poison item: it goes on with its first item alone.
_SUSPECT_FAILURES = 2
HELD_PAUSE = timedelta(seconds=5)


class ClaimLost(Conflict):
    """Another worker has taken this work over."""


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """How much one claim may take, for how long, and when the unit is ready."""

    gate: Gate
    window_tokens: int
    lease: timedelta


@dataclass(frozen=True, slots=True)
class _Unit:
    pending_items: int
    pending_tokens: int
    attempts: int
    failures: int
    is_woken: bool
    is_flushed: bool
    due_at: datetime | None
    lease_until: datetime | None
    window_first: int | None
    window_last: int | None
    answer: str | None
    is_stopped: bool
    is_forgotten: bool
    is_held: bool
    has_budget: bool


@dataclass(frozen=True, slots=True)
class _Rest:
    """Nothing to claim before `until`; None waits for a plan to wake the unit."""

    until: datetime | None


LOCK_UNIT: LiteralString = """
SELECT pending_items, pending_tokens, attempts, failures, is_woken, is_flushed, due_at, lease_until,
       window_first, window_last, answer, stopped_usd IS NOT NULL,
       kind <> 'forget' AND EXISTS (SELECT FROM sessions AS s
                                     WHERE s.workspace = u.workspace AND s.name = u.session AND NOT s.is_active),
       EXISTS (SELECT FROM work_units AS e WHERE e.workspace = %(workspace)s AND e.unit = %(eraser)s),
       EXISTS (SELECT FROM budgets AS b WHERE b.workspace = %(workspace)s),
       set_config('synchronous_commit', 'off', true)
  FROM work_units AS u
 WHERE workspace = %(workspace)s AND unit = %(unit)s
   FOR UPDATE OF u
"""

REST: LiteralString = """
UPDATE work_units
   SET is_woken = false, is_flushed = is_flushed AND pending_items > 0, due_at = %(due_at)s
 WHERE workspace = %(workspace)s AND unit = %(unit)s
"""


def claim(conn: Connection, unit: WorkUnit, terms: ClaimTerms, *, now: datetime) -> Claim | None:
    """Take the oldest unfinished items of `unit`, in order, at most `window_tokens` of messages.

    The first item is always taken, however long. Stores the window, a fencing token and the lease on the
    unit row. A window that an earlier worker did not finish is taken again as it was, with the model's
    answer if there is one; after its second failure that is no outage its first item is taken alone, so that
    a poison item does not take its neighbours with it. None when the unit is leased, backing off, below its
    gate, done, or of a session that is being deleted or that something is being erased from.
    Does not wait for the disk: a claim that a crash of the database forgets fails its worker's `finish`.
    """
    row = conn.execute(LOCK_UNIT, _key(unit)).fetchone()
    if row is None:
        return None
    state = _Unit(*row[:-1])
    rest = _rest(conn, unit, state, terms, now)
    if rest is not None:
        conn.execute(REST, {**_key(unit), "due_at": rest.until})
        return None
    items = _window(conn, unit, state, terms)
    if not items:
        conn.execute(REST, {**_key(unit), "due_at": now + HELD_PAUSE})
        return None
    if state.failures >= _SUSPECT_FAILURES and len(items) > 1:
        # The answer was about the whole window.
        items, state = items[:1], replace(state, answer=None)
    return _take(conn, unit, state, items, terms, now)


def _rest(conn: Connection, unit: WorkUnit, state: _Unit, terms: ClaimTerms, now: datetime) -> _Rest | None:
    """The pause, if this is not the moment to claim."""
    if state.lease_until is not None and state.lease_until > now:
        return _Rest(state.lease_until)
    if state.pending_items == 0 or state.is_forgotten:
        return _Rest(None)
    if state.is_held:
        # Who holds it wakes it in the end. That may have been a moment ago: what is seen here can be older.
        return _Rest(now + HELD_PAUSE)
    if state.attempts > 0 or state.is_stopped:
        is_backing_off = not state.is_woken and state.due_at is not None and state.due_at > now
        return _Rest(state.due_at) if is_backing_off else None
    if state.is_flushed or unit.kind is not TaskKind.DERIVE or state.pending_tokens >= terms.gate.tokens:
        return None
    aged_at = terms.gate.aged_at(_oldest(conn, unit))
    return None if aged_at is not None and aged_at <= now else _Rest(aged_at)


OLDEST: LiteralString = """
SELECT created_at
  FROM work_items
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND state = 'pending'
 ORDER BY seq
 LIMIT 1
"""


def _oldest(conn: Connection, unit: WorkUnit) -> datetime:
    row = conn.execute(OLDEST, _key(unit)).fetchone()
    if row is None:
        raise LookupError(f"{unit} counts pending items and has none")
    return row[0]


# An erasure that began after the first look is seen by this one: its worker waits for the row that is held here, and
# then finds the lease.
WINDOW: LiteralString = f"""
SELECT {WORK_ITEM}
  FROM (SELECT {WORK_ITEM}, sum(tokens) OVER (ORDER BY seq) AS running, row_number() OVER (ORDER BY seq) AS place
          FROM (SELECT {WORK_ITEM}
                  FROM work_items
                 WHERE workspace = %(workspace)s AND unit = %(unit)s AND state = 'pending'
                   AND seq BETWEEN %(first)s AND %(last)s
                   AND NOT EXISTS (SELECT FROM work_units AS e
                                    WHERE e.workspace = %(workspace)s AND e.unit = %(eraser)s)
                 ORDER BY seq
                 LIMIT %(most)s) AS oldest) AS counted
 WHERE running <= %(window_tokens)s OR place = 1
 ORDER BY seq
"""


def _window(conn: Connection, unit: WorkUnit, state: _Unit, terms: ClaimTerms) -> list[WorkItem]:
    is_new = state.window_last is None
    with conn.cursor(row_factory=work_item_row) as cursor:
        cursor.execute(
            WINDOW,
            {
                **_key(unit),
                # From its first place: older items that were parked may have come back meanwhile.
                "first": 0 if is_new else state.window_first,
                "last": _NO_LIMIT if is_new else state.window_last,
                "most": _MOST_ITEMS,
                "window_tokens": terms.window_tokens if is_new else _NO_LIMIT,
            },
        )
        items = cursor.fetchall()
    # An earlier window, too: what was parked in it may have come back for other observers.
    return _alike(items) if items else items


def _alike(items: list[WorkItem]) -> list[WorkItem]:
    """The leading run of items for the same observers under the same instructions."""
    head = items[0]
    for place, item in enumerate(items):
        if (item.observers, item.custom_instructions) != (head.observers, head.custom_instructions):
            return items[:place]
    return items


TAKE: LiteralString = """
UPDATE work_units
   SET token = %(token)s, lease_until = %(lease_until)s, due_at = %(lease_until)s,
       window_first = %(first)s, window_last = %(last)s, window_items = %(items)s,
       is_woken = false, attempts = attempts + 1, failures = failures + 1, stopped_usd = NULL,
       answer = CASE WHEN %(has_answer)s THEN answer END
 WHERE workspace = %(workspace)s AND unit = %(unit)s
"""


def _take(
    conn: Connection, unit: WorkUnit, state: _Unit, items: list[WorkItem], terms: ClaimTerms, now: datetime
) -> Claim:
    until = now + terms.lease
    tried = (state.attempts + 1, state.failures + 1)
    claimed = Claim(unit, new_id(), tuple(items), *tried, until, state.answer, state.has_budget)
    conn.execute(
        TAKE,
        {
            **_key(unit),
            "token": claimed.token,
            "lease_until": until,
            "first": claimed.first_seq,
            "last": claimed.last_seq,
            "items": len(items),
            "has_answer": claimed.answer is not None,
        },
    )
    return claimed


KEEP_ANSWER: LiteralString = f"""
WITH {calls.NOTED}
UPDATE work_units SET answer = %(answer)s
  FROM (SELECT set_config('synchronous_commit', 'off', true) AS is_off) AS hurry
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND token = %(token)s AND hurry.is_off = 'off'
"""


def keep_answer(conn: Connection, claimed: Claim, answer: str, made: Sequence[ModelCall] = ()) -> None:
    """Keep what the model said, and note the calls that took: a worker that takes over does not pay again.

    Does not wait for the disk: what a crash of the database forgets is asked again.
    """
    said = {"token": claimed.token, "answer": answer, "calls": calls.given(made)}
    conn.execute(KEEP_ANSWER, {**_key(claimed.unit), **said})


CLOSE_ITEMS: LiteralString = """
UPDATE work_items
   SET state = %(state)s, finished_at = %(now)s, error = %(error)s, attempts = %(attempts)s
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND state = 'pending'
   AND seq BETWEEN %(first)s AND %(last)s
"""

CLOSE_UNIT: LiteralString = """
UPDATE work_units AS u
   SET (pending_items, pending_tokens, done_items, parked_items, is_flushed, wake_no, is_woken, sent_at, due_at,
        attempts, failures, error, token, lease_until, window_first, window_last, window_items, answer) = (
       SELECT r.items, r.tokens,
              u.done_items + %(done)s, u.parked_items + %(parked)s,
              u.is_flushed AND r.items > 0,
              u.wake_no + r.wakes::int,
              r.items > 0 AND (u.is_woken OR r.wakes),
              CASE WHEN r.wakes THEN NULL ELSE u.sent_at END,
              CASE WHEN r.items = 0 THEN NULL
                   WHEN r.wakes OR u.is_woken THEN %(grace_until)s
                   ELSE r.aged_at END,
              0, 0, NULL::text, NULL::text, NULL::timestamptz, NULL::bigint, NULL::bigint, 0, NULL::text
         FROM (SELECT o.*, o.items > 0 AND NOT u.is_woken
                      AND (u.kind <> 'derive' OR u.is_flushed OR o.tokens >= %(gate)s
                           OR coalesce(o.aged_at <= %(now)s, false)) AS wakes
                 FROM (SELECT u.pending_items - %(items)s AS items, u.pending_tokens - %(tokens)s AS tokens,
                              (SELECT i.created_at + %(max_age)s::interval
                                 FROM work_items AS i
                                WHERE i.workspace = u.workspace AND i.unit = u.unit AND i.state = 'pending'
                                ORDER BY i.seq LIMIT 1) AS aged_at) AS o) AS r)
 WHERE u.workspace = %(workspace)s AND u.unit = %(unit)s AND u.token = %(token)s
RETURNING u.wake_no, u.is_woken AND u.sent_at IS NULL
"""

STILL_MINE: LiteralString = """
SELECT 1 FROM work_units AS u
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND token = %(token)s
   AND (kind = 'forget' OR NOT EXISTS (
       SELECT FROM sessions AS s WHERE s.workspace = u.workspace AND s.name = u.session AND NOT s.is_active))
   AND NOT EXISTS (SELECT FROM work_units AS e WHERE e.workspace = %(workspace)s AND e.unit = %(eraser)s)
   FOR UPDATE OF u
"""


def fence(conn: Connection, claimed: Claim) -> None:
    """Hold the unit row, or raise `ClaimLost`: call it before the first write of the finishing transaction.

    Work on a session that is being deleted, or that something is being erased from, is lost, too.
    """
    if conn.execute(STILL_MINE, {**_key(claimed.unit), "token": claimed.token}).fetchone() is None:
        raise ClaimLost(str(claimed.unit))


def finish(conn: Connection, claimed: Claim, outcome: Outcome, *, gate: Gate, now: datetime) -> list[WakeUp]:
    """Mark the window's items finished, once, and write the ledger; gives the wake-up owed for what remains.

    Raises `ClaimLost` when the token on the unit row is another's.
    """
    wake_ups = _close(conn, claimed, "finished", None, gate=gate, now=now)
    ledger.enter(conn, claimed, outcome, now=now)
    return wake_ups


def park(conn: Connection, claimed: Claim, error: str, *, gate: Gate, now: datetime) -> list[WakeUp]:
    """Set the window aside with its error, so that the unit goes on; gives the wake-up owed for what remains."""
    return _close(conn, claimed, "parked", error, gate=gate, now=now)


def _close(
    conn: Connection, claimed: Claim, state: str, error: str | None, *, gate: Gate, now: datetime
) -> list[WakeUp]:
    count = len(claimed.items)
    window = {**_key(claimed.unit), "token": claimed.token, "now": now}
    conn.execute(
        CLOSE_ITEMS,
        {
            **window,
            "state": state,
            "error": error,
            "attempts": claimed.attempts,
            "first": claimed.first_seq,
            "last": claimed.last_seq,
        },
    )
    row = conn.execute(
        CLOSE_UNIT,
        {
            **window,
            "done": count if state == "finished" else 0,
            "parked": count if state == "parked" else 0,
            "items": count,
            "tokens": sum(item.tokens for item in claimed.items),
            "gate": gate.tokens,
            "max_age": gate.max_age,
            "grace_until": now + SEND_GRACE,
        },
    ).fetchone()
    if row is None:
        raise ClaimLost(str(claimed.unit))
    number, is_owed = row
    return [WakeUp(claimed.unit, number)] if is_owed else []


RETRY_LATER: LiteralString = """
UPDATE work_units
   SET lease_until = NULL, token = NULL, due_at = %(due_at)s, error = %(error)s,
       failures = failures - %(is_outage)s::int
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND token = %(token)s
"""


def retry_later(conn: Connection, claimed: Claim, error: str, *, is_outage: bool, due_at: datetime) -> None:
    """Give the window back, to be taken again as it is at `due_at`; nothing younger is taken before.

    An outage is nobody's failure: it does not count towards parking.
    """
    values = {"token": claimed.token, "error": error, "due_at": due_at, "is_outage": is_outage}
    conn.execute(RETRY_LATER, {**_key(claimed.unit), **values})


def _key(unit: WorkUnit) -> dict[str, object]:
    """The unit, and the one whose being there keeps it from being worked on; an erasure is not kept by another."""
    is_held = unit.session and unit.kind not in (TaskKind.FORGET, TaskKind.ERASE)
    eraser = WorkUnit(unit.workspace, TaskKind.ERASE, unit.session).key if is_held else ""
    return {"workspace": unit.workspace, "unit": unit.key, "eraser": eraser}
