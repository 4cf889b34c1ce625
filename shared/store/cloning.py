"""Copying a session inside its workspace: four statements, however long it is."""

from datetime import datetime
from typing import LiteralString

from shared.domain.ids import new_id
from shared.domain.session import Session
from shared.domain.work import WakeUp, WorkUnit
from shared.store import erasing
from shared.store.database import Connection
from shared.store.outbox import SEND_GRACE
from shared.store.rows import SESSION, session_row
from shared.telemetry.tracing import traceparent

# Writers count `last_seq` up with the messages they insert: every place up to it is committed.
LAST_PLACE: LiteralString = """
SELECT coalesce(m.seq, s.last_seq)
  FROM sessions AS s
  LEFT JOIN messages AS m ON m.workspace = s.workspace AND m.session = s.name AND m.id = %(message_id)s
 WHERE s.workspace = %(workspace)s AND s.name = %(session)s AND s.is_active
   AND (m.seq IS NOT NULL OR %(message_id)s::text IS NULL)
   FOR KEY SHARE OF s
"""


def last_place(conn: Connection, workspace: str, session: str, message_id: str | None) -> int | None:
    """The place of `message_id`, or of the last message; None when the session is not active or lacks it."""
    values = {"workspace": workspace, "session": session, "message_id": message_id}
    row = conn.execute(LAST_PLACE, values).fetchone()
    return int(row[0]) if row else None


COPY_SESSION: LiteralString = f"""
INSERT INTO sessions (workspace, name, uid, last_seq, metadata, configuration, created_at)
SELECT workspace, %(clone)s, %(uid)s, %(last)s, metadata, configuration, %(now)s
  FROM sessions
 WHERE workspace = %(workspace)s AND name = %(session)s
RETURNING {SESSION}
"""

# Those who left come back. The times of joining stay, as those of the messages do: who could see what depends on both.
COPY_MEMBERS: LiteralString = """
INSERT INTO members (workspace, session, peer, observe_me, observe_others, joined_at)
SELECT workspace, %(clone)s, peer, observe_me, observe_others, joined_at
  FROM members
 WHERE workspace = %(workspace)s AND session = %(session)s
"""

# Ids as `new_id` makes them: 21 characters of 64, from more random bits than these can hold. What is being erased stays
# behind: nobody would look for it in the clone.
COPY_MESSAGES: LiteralString = """
INSERT INTO messages
       (workspace, session, seq, id, peer, content, token_count, metadata, is_reasoned, internal, created_at)
SELECT workspace, %(clone)s, seq,
       translate(left(encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
                             'base64'), 21), '+/', '-_'),
       peer, content, token_count, metadata, is_reasoned, internal, created_at
  FROM messages AS m
 WHERE workspace = %(workspace)s AND session = %(session)s AND seq <= %(last)s
   AND NOT EXISTS (SELECT FROM work_items AS i
                    WHERE i.workspace = %(workspace)s AND i.unit = %(eraser)s AND i.message_id = m.id)
"""


def copy(conn: Connection, workspace: str, session: str, clone: str, last: int, now: datetime) -> Session | None:
    """Make `clone` of the session's messages up to the place `last`, its members and settings."""
    values = {"workspace": workspace, "session": session, "clone": clone, "uid": new_id(), "last": last, "now": now}
    values["eraser"] = erasing.unit(workspace, session).key
    with conn.cursor(row_factory=session_row) as cursor:
        made = cursor.execute(COPY_SESSION, values).fetchone()
    conn.execute(COPY_MEMBERS, values)
    conn.execute(COPY_MESSAGES, values)
    return made


# Ranges that one worker does in one go, by tokens and by count.
PLAN_INDEX: LiteralString = """
WITH ranged AS (
    SELECT min(seq) AS first_seq, max(seq) AS seq, sum(token_count) AS tokens
      FROM (SELECT seq, token_count,
                   (sum(token_count) OVER (ORDER BY seq) - token_count) / 8000
                   + (row_number() OVER (ORDER BY seq) - 1) / 200 AS part
              FROM messages
             WHERE workspace = %(workspace)s AND session = %(session)s) AS counted
     GROUP BY part),
unit AS (
    INSERT INTO work_units
           (workspace, unit, kind, session, pending_items, pending_tokens, wake_no, is_woken, due_at)
    SELECT %(workspace)s, %(unit)s, 'index', %(session)s, count(*), sum(tokens), (SELECT number FROM wake_floor) + 1,
           true, %(grace_until)s
      FROM ranged
    HAVING count(*) > 0
 RETURNING wake_no),
items AS (
    INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, created_at, traceparent)
    SELECT %(workspace)s, %(unit)s, r.seq, r.first_seq, m.id, r.tokens, %(now)s, %(traceparent)s
      FROM ranged AS r
      JOIN messages AS m ON m.workspace = %(workspace)s AND m.session = %(session)s AND m.seq = r.seq)
SELECT wake_no FROM unit
"""


def plan_index(conn: Connection, unit: WorkUnit, *, now: datetime) -> list[WakeUp]:
    """Have all messages of the unit's session indexed, which nobody has planned yet; gives the wake-up to send."""
    values = {
        "workspace": unit.workspace,
        "session": unit.session,
        "unit": unit.key,
        "now": now,
        "traceparent": traceparent(),
        "grace_until": now + SEND_GRACE,
    }
    return [WakeUp(unit, number) for (number,) in conn.execute(PLAN_INDEX, values).fetchall()]
