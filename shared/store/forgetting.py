"""The work of forgetting a session, or a whole workspace: planned, waited with, handed on."""

from datetime import datetime
from typing import LiteralString

from shared.domain.work import Claim, TaskKind, WakeUp, WorkUnit
from shared.store.database import Connection
from shared.store.outbox import SEND_GRACE
from shared.telemetry.tracing import traceparent


def unit(workspace: str, session: str = "") -> WorkUnit:
    """The unit that forgets `session`, or the whole workspace."""
    return WorkUnit(workspace, TaskKind.FORGET, session)


# Asked for again while it is pending, nothing is to be added.
PLAN: LiteralString = """
WITH planned AS (
    INSERT INTO work_units (workspace, unit, kind, session, pending_items, wake_no, is_woken, due_at)
    SELECT %(workspace)s, %(unit)s, 'forget', %(session)s, 1, number + 1, true, %(grace_until)s
      FROM wake_floor
        ON CONFLICT (workspace, unit) DO NOTHING
 RETURNING unit, wake_no),
items AS (
    INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, created_at, traceparent)
    SELECT %(workspace)s, unit, 1, 1, '', 0, %(now)s, %(traceparent)s FROM planned)
SELECT wake_no FROM planned
"""


def plan(conn: Connection, forgetting: WorkUnit, *, now: datetime) -> list[WakeUp]:
    """Owe the work of `forgetting`; gives the wake-up to send, none when it is owed already."""
    about = {"now": now, "grace_until": now + SEND_GRACE, "traceparent": traceparent()}
    values = {**_key(forgetting), "session": forgetting.session, **about}
    return [WakeUp(forgetting, number) for (number,) in conn.execute(PLAN, values).fetchall()]


UNDER_WAY: LiteralString = """
SELECT max(lease_until)
  FROM work_units
 WHERE workspace = %(workspace)s AND (session = %(session)s OR %(session)s = '') AND unit <> %(unit)s
   AND lease_until > %(now)s
"""


def under_way_until(conn: Connection, forgetting: WorkUnit, *, now: datetime) -> datetime | None:
    """When the last worker on what is to be forgotten must have ended; None when there is none.

    Workers hold what they read in memory and write vectors outside of transactions, so nothing is taken away
    before they have lost their lease. New ones cannot begin: nobody claims work of a session being deleted.
    """
    values = {**_key(forgetting), "session": forgetting.session, "now": now}
    row = conn.execute(UNDER_WAY, values).fetchone()
    return row[0] if row else None


# Nobody's failure, and no attempt at all.
LET_GO: LiteralString = """
UPDATE work_units
   SET lease_until = NULL, token = NULL, due_at = %(due_at)s, attempts = attempts - 1, failures = failures - 1
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND token = %(token)s
"""


def let_go(conn: Connection, claimed: Claim, *, due_at: datetime) -> None:
    """End the lease of a claim that cannot be finished: who deletes or erases waits for it."""
    conn.execute(LET_GO, {**_key(claimed.unit), "token": claimed.token, "due_at": due_at})


HAND_ON: LiteralString = """
UPDATE work_units
   SET lease_until = NULL, token = NULL, attempts = 0, failures = 0, error = NULL,
       wake_no = wake_no + 1, is_woken = true, sent_at = NULL, due_at = %(grace_until)s
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND token = %(token)s
RETURNING wake_no
"""


def hand_on(conn: Connection, claimed: Claim, *, now: datetime) -> list[WakeUp]:
    """Give the claim back for the next worker to go on at once; gives the wake-up to send."""
    values = {**_key(claimed.unit), "token": claimed.token, "grace_until": now + SEND_GRACE}
    return [WakeUp(claimed.unit, number) for (number,) in conn.execute(HAND_ON, values).fetchall()]


def _key(forgetting: WorkUnit) -> dict[str, object]:
    return {"workspace": forgetting.workspace, "unit": forgetting.key}
