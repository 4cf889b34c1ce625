"""Webhook endpoints and the events they are owed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor, sql
from psycopg.rows import RowMaker
from psycopg.types.json import Jsonb

from shared.domain.ids import new_id
from shared.domain.page import Page, PageRequest
from shared.domain.webhook import Webhook, WebhookEvent
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.outbox import SEND_GRACE
from shared.store.pages import select_page
from shared.telemetry.tracing import traceparent

WEBHOOK: LiteralString = "workspace, id, url, created_at"


def webhook_row(_: Cursor[Any]) -> RowMaker[Webhook]:
    return lambda values: Webhook(*values)


# Registering takes turns within the workspace, so that its limit holds; messages may go on being written.
HOLD: LiteralString = "SELECT 1 FROM workspaces WHERE name = %(workspace)s FOR NO KEY UPDATE"


def hold(conn: Connection, workspace: str) -> bool:
    """Keep others from changing the workspace's endpoints until the transaction ends; False when there is none."""
    return conn.execute(HOLD, {"workspace": workspace}).fetchone() is not None


ALL: LiteralString = f"SELECT {WEBHOOK} FROM webhooks WHERE workspace = %(workspace)s ORDER BY created_at, id"


def every(conn: Connection, workspace: str) -> list[Webhook]:
    """All endpoints of the workspace, in the order of their making."""
    with conn.cursor(row_factory=webhook_row) as cursor:
        return cursor.execute(ALL, {"workspace": workspace}).fetchall()


def page(conn: Connection, workspace: str, request: PageRequest) -> Page[Webhook]:
    where = Condition(sql.SQL("workspace = %(in_workspace)s"), {"in_workspace": workspace})
    return select_page(conn, WEBHOOK, "webhooks", where, {"created_at": True, "id": True}, request, webhook_row)


GET: LiteralString = f"SELECT {WEBHOOK} FROM webhooks WHERE workspace = %(workspace)s AND id = %(id)s"


def get(conn: Connection, workspace: str, webhook: str) -> Webhook | None:
    with conn.cursor(row_factory=webhook_row) as cursor:
        return cursor.execute(GET, {"workspace": workspace, "id": webhook}).fetchone()


INSERT: LiteralString = f"""
INSERT INTO webhooks ({WEBHOOK})
VALUES (%(workspace)s, %(id)s, %(url)s, %(created_at)s)
"""


def insert(conn: Connection, workspace: str, url: str, now: datetime) -> Webhook:
    made = Webhook(workspace, new_id(), url, now)
    conn.execute(INSERT, {"workspace": workspace, "id": made.id, "url": url, "created_at": now})
    return made


# In the order in which all lock: the endpoint, its unit, then what it is owed.
LOCK: LiteralString = "SELECT 1 FROM webhooks WHERE workspace = %(workspace)s AND id = %(id)s FOR UPDATE"
FORGET: tuple[LiteralString, ...] = (
    "SELECT 1 FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s FOR UPDATE",
    "DELETE FROM work_windows WHERE workspace = %(workspace)s AND unit = %(unit)s",
    "DELETE FROM work_items WHERE workspace = %(workspace)s AND unit = %(unit)s",
    "DELETE FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s",
    "DELETE FROM webhooks WHERE workspace = %(workspace)s AND id = %(id)s",
)


def delete(conn: Connection, workspace: str, webhook: str) -> bool:
    """Forget the endpoint and all it is owed; False when there is none. A delivery under way loses its claim."""
    values = {"workspace": workspace, "id": webhook, "unit": unit(workspace, webhook).key}
    if conn.execute(LOCK, values).fetchone() is None:
        return False
    for statement in FORGET:
        conn.execute(statement, values)
    return True


def unit(workspace: str, webhook: str) -> WorkUnit:
    """What is owed to one endpoint is one unit: another that is dead holds nothing up."""
    return WorkUnit(workspace, TaskKind.WEBHOOK, "", webhook)


# The one look that a worker pays for when nobody listens.
IS_DRAINED_AND_HEARD: LiteralString = """
SELECT EXISTS (SELECT 1 FROM webhooks WHERE workspace = %(workspace)s)
   AND EXISTS (SELECT 1 FROM work_units
                WHERE workspace = %(workspace)s AND unit = %(unit)s AND pending_items = 0)
"""


def is_drained_and_heard(conn: Connection, drained: WorkUnit) -> bool:
    """Whether `drained` has nothing pending, and the workspace has endpoints that want to know."""
    row = conn.execute(IS_DRAINED_AND_HEARD, {"workspace": drained.workspace, "unit": drained.key}).fetchone()
    return row is not None and bool(row[0])


ANNOUNCE: LiteralString = """
WITH told AS (
    SELECT id, 'webhook::' || id AS unit FROM webhooks WHERE workspace = %(workspace)s
       FOR KEY SHARE),
units AS (
    INSERT INTO work_units AS u
           (workspace, unit, kind, session, observed, pending_items, pending_tokens, wake_no, is_woken, due_at)
    SELECT %(workspace)s, unit, 'webhook', '', id, 1, 1, 1, true, %(grace_until)s
      FROM told
     ORDER BY unit
        ON CONFLICT (workspace, unit) DO UPDATE
       SET pending_items = u.pending_items + 1,
           pending_tokens = u.pending_tokens + 1,
           wake_no = u.wake_no + (NOT u.is_woken AND u.attempts = 0)::int,
           is_woken = u.is_woken OR u.attempts = 0,
           sent_at = CASE WHEN NOT u.is_woken AND u.attempts = 0 THEN NULL ELSE u.sent_at END,
           due_at = CASE WHEN NOT u.is_woken AND u.attempts = 0 THEN %(grace_until)s
                         ELSE coalesce(u.due_at, %(grace_until)s) END
 RETURNING observed, wake_no, is_woken AND sent_at IS NULL AS is_owed),
events AS (
    INSERT INTO webhook_events (workspace, webhook, id, type, data, created_at)
    SELECT %(workspace)s, id, %(event)s, %(type)s, %(data)s, %(now)s FROM told
 RETURNING webhook, seq, id),
items AS (
    INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, created_at, traceparent)
    SELECT %(workspace)s, 'webhook::' || webhook, seq, seq, id, 1, %(now)s, %(traceparent)s FROM events)
SELECT observed, wake_no, is_owed FROM units
"""


def announce(conn: Connection, workspace: str, event: WebhookEvent) -> list[WakeUp]:
    """Owe `event` to every endpoint of the workspace; gives the wake-ups that are owed with it.

    Locks units whose keys sort after those of all reasoning work: whoever holds one of those may call this.
    """
    rows = conn.execute(
        ANNOUNCE,
        {
            "workspace": workspace,
            "event": event.id,
            "type": event.type,
            "data": Jsonb(event.data),
            "now": event.created_at,
            "grace_until": event.created_at + SEND_GRACE,
            "traceparent": traceparent(),
        },
    )
    return [WakeUp(unit(workspace, webhook), number) for webhook, number, is_owed in rows if is_owed]


OWED: LiteralString = """
SELECT id, type, data, created_at
  FROM webhook_events
 WHERE workspace = %(workspace)s AND webhook = %(webhook)s AND seq = ANY(%(seqs)s)
 ORDER BY seq
"""


def event_row(_: Cursor[Any]) -> RowMaker[WebhookEvent]:
    return lambda values: WebhookEvent(*values)


def owed(conn: Connection, workspace: str, webhook: str, seqs: Sequence[int]) -> list[WebhookEvent]:
    """What is still owed of these."""
    values = {"workspace": workspace, "webhook": webhook, "seqs": list(seqs)}
    with conn.cursor(row_factory=event_row) as cursor:
        return cursor.execute(OWED, values).fetchall()


SETTLE: LiteralString = """
DELETE FROM webhook_events
 WHERE workspace = %(workspace)s AND webhook = %(webhook)s AND seq = ANY(%(seqs)s)
"""


def settle(conn: Connection, workspace: str, webhook: str, seqs: Sequence[int]) -> None:
    """These are delivered, or nobody wants them any more."""
    conn.execute(SETTLE, {"workspace": workspace, "webhook": webhook, "seqs": list(seqs)})
