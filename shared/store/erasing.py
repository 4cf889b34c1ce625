"""The work of erasing: planned per session, alone with the session while it lasts, and let go of at the end.

While a session's unit `erase:<session>:` exists, nothing else of that session is claimed, and whoever was at work
loses at the fence: see `work.claim` and `work.fence`.
"""

from datetime import datetime
from typing import LiteralString

from shared.domain.work import Claim, TaskKind, WakeUp, WorkUnit
from shared.store import forgetting, tasks
from shared.store.database import Connection
from shared.store.outbox import SEND_GRACE, known


def unit(workspace: str, session: str = "", *, peer: str = "") -> WorkUnit:
    """The unit that erases from `session`, or `peer` from all sessions and from everywhere else."""
    return WorkUnit(workspace, TaskKind.ERASE, session, peer)


IS_OWED: LiteralString = """
SELECT EXISTS (SELECT FROM work_items
                WHERE workspace = %(workspace)s AND unit = %(unit)s AND message_id = %(message_id)s)
"""


def plan_message(conn: Connection, workspace: str, session: str, message_id: str, now: datetime) -> list[WakeUp]:
    """Owe the erasure of one message; gives the wake-up to send, none when it is owed already."""
    erasing = unit(workspace, session)
    row = conn.execute(IS_OWED, {**_key(erasing), "message_id": message_id}).fetchone()
    if row is not None and row[0]:
        return []
    return tasks.plan(conn, workspace, [erasing], now=now, message_id=message_id)


LEAVE: LiteralString = """
UPDATE peers SET is_active = false WHERE workspace = %(workspace)s AND name = %(peer)s RETURNING name
"""
IS_PLANNED: LiteralString = "SELECT EXISTS (SELECT FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s)"


def plan_peer(conn: Connection, workspace: str, peer: str, now: datetime) -> list[WakeUp] | None:
    """Accept nothing more for the peer and owe its erasure; gives the wake-up to send. None when there is no such peer.

    Holds the peer's row first: two calls make one unit.
    """
    erasing = unit(workspace, peer=peer)
    if conn.execute(LEAVE, {"workspace": workspace, "peer": peer}).fetchone() is None:
        return None
    row = conn.execute(IS_PLANNED, _key(erasing)).fetchone()
    return [] if row is not None and row[0] else tasks.plan(conn, workspace, [erasing], now=now)


# Sessions being deleted take the peer's share with them.
SESSIONS_OF: LiteralString = """
SELECT s.name
  FROM (SELECT session FROM members WHERE workspace = %(workspace)s AND peer = %(peer)s
         UNION
        SELECT session FROM messages WHERE workspace = %(workspace)s AND peer = %(peer)s) AS found
  JOIN sessions AS s ON s.workspace = %(workspace)s AND s.name = found.session AND s.is_active
 WHERE NOT EXISTS (SELECT FROM work_items AS i
                    WHERE i.workspace = %(workspace)s AND i.unit = 'erase:' || s.name || ':'
                      AND %(peer)s = ANY(i.observers))
 ORDER BY s.name
 LIMIT %(most)s
   FOR KEY SHARE OF s
"""


def plan_sessions(conn: Connection, workspace: str, peer: str, *, most: int, now: datetime) -> list[WakeUp] | None:
    """Owe the peer's erasure from at most `most` of its sessions where it is not owed yet; None when there is none."""
    values = {"workspace": workspace, "peer": peer, "most": most}
    found = [str(row[0]) for row in conn.execute(SESSIONS_OF, values)]
    units = [unit(workspace, session) for session in found]
    return tasks.plan(conn, workspace, units, now=now, observers=[peer]) if units else None


# In order, as everybody who locks several units does.
HOLD: LiteralString = """
SELECT max(lease_until) FILTER (WHERE kind <> 'erase' AND lease_until > %(now)s)
  FROM (SELECT kind, lease_until
          FROM work_units
         WHERE workspace = %(workspace)s AND session = %(session)s
         ORDER BY unit
           FOR UPDATE) AS held
"""


def hold(conn: Connection, workspace: str, session: str, now: datetime) -> datetime | None:
    """Hold all units of the session; gives when the last worker on another one must have ended, None for nobody.

    Waits for claims that are being made: none that began before the erasure can appear after this.
    """
    row = conn.execute(HOLD, {"workspace": workspace, "session": session, "now": now}).fetchone()
    return row[0] if row else None


# Tokens of leases that ran out, too: such a worker may still be alive, and come back when the erasure is over.
VOID: LiteralString = """
UPDATE work_units SET token = NULL, lease_until = NULL, answer = NULL
 WHERE workspace = %(workspace)s AND session = %(session)s AND kind <> 'erase'
   AND (token IS NOT NULL OR answer IS NOT NULL)
"""


def void(conn: Connection, workspace: str, session: str) -> None:
    """Let nobody finish what was begun before, and forget what models have answered about it."""
    conn.execute(VOID, {"workspace": workspace, "session": session})


CLOSE: LiteralString = """
WITH gone AS (
    DELETE FROM work_items
     WHERE workspace = %(workspace)s AND unit = %(unit)s AND seq BETWEEN %(first)s AND %(last)s
 RETURNING seq)
UPDATE work_units
   SET pending_items = pending_items - (SELECT count(*) FROM gone),
       window_first = NULL, window_last = NULL, window_items = 0
 WHERE workspace = %(workspace)s AND unit = %(unit)s
RETURNING pending_items
"""
LEAVE_FLOOR: LiteralString = """
WITH gone AS (DELETE FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s RETURNING wake_no)
UPDATE wake_floor SET number = greatest(number, wake_no) FROM gone
"""
# What was turned away or lost meanwhile is looked at again now; what waits for an outage to end goes on waiting.
RELEASE: LiteralString = """
UPDATE work_units
   SET wake_no = wake_no + 1, is_woken = true, sent_at = NULL, due_at = %(grace_until)s
 WHERE workspace = %(workspace)s AND session = %(session)s AND pending_items > 0 AND NOT is_woken
   AND (error IS NULL OR due_at IS NULL)
RETURNING unit, wake_no
"""


def close(conn: Connection, claimed: Claim, now: datetime) -> list[WakeUp]:
    """End what was claimed, without a trace; with the last of it the session goes on. Gives the wake-ups to send.

    Call it holding the units of the session.
    """
    values = {
        **_key(claimed.unit),
        "session": claimed.unit.session,
        "first": claimed.first_seq,
        "last": claimed.last_seq,
        "grace_until": now + SEND_GRACE,
    }
    row = conn.execute(CLOSE, values).fetchone()
    if row is not None and row[0] > 0:
        return forgetting.hand_on(conn, claimed, now=now)
    conn.execute(LEAVE_FLOOR, values)
    if not claimed.unit.session:
        return []
    woken = conn.execute(RELEASE, values).fetchall()
    return known((claimed.unit.workspace, key, number) for key, number in woken)


WAKE: LiteralString = """
UPDATE work_units SET wake_no = wake_no + 1, is_woken = true, sent_at = NULL, due_at = %(grace_until)s
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND pending_items > 0 AND NOT is_woken AND lease_until IS NULL
RETURNING wake_no
"""


def wake(conn: Connection, erasing: WorkUnit, now: datetime) -> list[WakeUp]:
    """Have a unit that waits looked at again; gives the wake-up to send."""
    rows = conn.execute(WAKE, {**_key(erasing), "grace_until": now + SEND_GRACE}).fetchall()
    return [WakeUp(erasing, number) for (number,) in rows]


def _key(erasing: WorkUnit) -> dict[str, object]:
    return {"workspace": erasing.workspace, "unit": erasing.key}
