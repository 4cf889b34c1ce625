"""What a scope takes over from a session it was given, and what it gives back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker

from shared.domain.scope import Backfill
from shared.store import dream_traces, vector_removals
from shared.store.database import Connection

BEGIN: LiteralString = """
INSERT INTO scope_backfills (workspace, scope, session, updated_at)
SELECT %(workspace)s, %(scope)s, n.session, %(now)s FROM unnest(%(sessions)s::text[]) AS n (session)
    ON CONFLICT (workspace, scope, session) DO UPDATE
   SET copied = NULL, updated_at = EXCLUDED.updated_at
"""


def begin(conn: Connection, workspace: str, scope: str, sessions: Sequence[str], now: datetime) -> None:
    """Note that the scope takes over what these sessions have."""
    if sessions:
        values = {"workspace": workspace, "scope": scope, "sessions": sorted(sessions), "now": now}
        conn.execute(BEGIN, values)


REOPEN: LiteralString = """
UPDATE scope_backfills SET copied = NULL, updated_at = %(now)s
 WHERE workspace = %(workspace)s AND scope = %(scope)s AND session = %(session)s
"""


def reopen(conn: Connection, workspace: str, scope: str, session: str, now: datetime) -> None:
    """Note that what was taken over is about to change again."""
    conn.execute(REOPEN, {**_key(workspace, scope, session), "now": now})


COMPLETE: LiteralString = """
UPDATE scope_backfills SET copied = coalesce(copied, 0) + %(copied)s, updated_at = %(now)s
 WHERE workspace = %(workspace)s AND scope = %(scope)s AND session = %(session)s
"""


def complete(conn: Connection, workspace: str, scope: str, session: str, copied: int, now: datetime) -> None:
    conn.execute(COMPLETE, {**_key(workspace, scope, session), "copied": copied, "now": now})


IS_WANTED: LiteralString = """
SELECT 1 FROM scope_backfills
 WHERE workspace = %(workspace)s AND scope = %(scope)s AND session = %(session)s
"""


def is_wanted(conn: Connection, workspace: str, scope: str, session: str) -> bool:
    """Whether the scope is to have what was concluded before the session joined it."""
    return conn.execute(IS_WANTED, _key(workspace, scope, session)).fetchone() is not None


DROP: LiteralString = """
DELETE FROM scope_backfills
 WHERE workspace = %(workspace)s AND scope = %(scope)s AND session = %(session)s
"""


def drop(conn: Connection, workspace: str, scope: str, session: str) -> None:
    conn.execute(DROP, _key(workspace, scope, session))


# Each peer's view of itself holds every fact its messages gave; what others hold of it are the same facts again.
# A copy is unique by content like any other, so that a message that says it once more reinforces it.
# Ids in the form of `ids.new_id`: 120 random bits.
COPY: LiteralString = """
INSERT INTO conclusions
       (workspace, id, observer, observed, session, level, content, content_hash, is_derived, message_ids,
        source_ids, premises, metadata, occurred_at, times_derived, created_at, event_at, quotes, quote_state,
        trace_id, copied_from)
SELECT c.workspace, left(translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), 21), %(scope)s,
       c.observed, c.session, c.level, c.content, c.content_hash, true, c.message_ids, c.source_ids, c.premises,
       c.metadata, c.occurred_at, c.times_derived, c.created_at, c.event_at, c.quotes, c.quote_state, c.trace_id,
       c.id
  FROM conclusions AS c
 WHERE c.workspace = %(workspace)s AND c.session = %(session)s AND c.level = 'explicit'
   AND c.observer = c.observed AND c.deleted_at IS NULL
 ORDER BY c.observed, c.content_hash
    ON CONFLICT DO NOTHING
RETURNING id, copied_from
"""


def copy(conn: Connection, workspace: str, scope: str, session: str) -> dict[str, str]:
    """Copy what the session's peers are known to have said of themselves; gives new ids, and what each is a copy of.

    What the scope has already, by content or by an earlier copy, is left as it is.
    """
    return dict(conn.execute(COPY, _key(workspace, scope, session)).fetchall())


# What a client wrote into the scope's view is nobody's contribution, and nothing could bring it back.
REMOVE: LiteralString = """
DELETE FROM conclusions
 WHERE workspace = %(workspace)s AND observer = %(scope)s AND session = %(session)s AND is_derived
   AND (level = 'explicit' OR source_ids = '{}')
RETURNING id, observed
"""

# One look into the index of sources for each id: of all at once Postgres believes that they match half the table.
REMOVE_RESTING_ON: LiteralString = """
DELETE FROM conclusions AS c
 USING unnest(%(ids)s::text[]) AS source (id)
 WHERE c.workspace = %(workspace)s AND c.observer = %(scope)s AND c.source_ids @> ARRAY[source.id]
RETURNING c.id, c.observed
"""

# A card is a digest of the whole view: it cannot be told what of it rests on the session.
REMOVE_CARDS: LiteralString = """
DELETE FROM peer_cards
 WHERE workspace = %(workspace)s AND observer = %(scope)s AND observed = ANY(%(observed)s)
"""


def remove(conn: Connection, workspace: str, scope: str, session: str, now: datetime) -> list[str]:
    """Take the session's share out of the scope's view, with all that was concluded from it; gives the ids.

    Their vectors follow.
    """
    key = _key(workspace, scope, session)
    found = conn.execute(REMOVE, key).fetchall()
    gone, observed = [row[0] for row in found], {row[1] for row in found}
    while found:
        resting = {"workspace": workspace, "scope": scope, "ids": [row[0] for row in found]}
        found = conn.execute(REMOVE_RESTING_ON, resting).fetchall()
        gone += [row[0] for row in found]
    vector_removals.note(conn, workspace, gone, now)
    if observed:
        conn.execute(REMOVE_CARDS, {"workspace": workspace, "scope": scope, "observed": sorted(observed)})
        dream_traces.forget_cards(conn, workspace, [(scope, one) for one in sorted(observed)])
    return gone


def backfill_row(_: Cursor[Any]) -> RowMaker[Backfill]:
    return lambda values: Backfill(*values)


# Whether it failed is known by the work itself, which an operator may have taken up again.
ALL: LiteralString = """
SELECT b.session,
       CASE WHEN b.copied IS NOT NULL THEN 'completed'
            WHEN u.parked_items > 0 AND u.pending_items = 0 THEN 'failed'
            ELSE 'pending' END,
       b.copied, b.updated_at
  FROM scope_backfills AS b
  LEFT JOIN work_units AS u
    ON u.workspace = b.workspace AND u.unit = 'scope:' || b.session || ':' || b.scope
 WHERE b.workspace = %(workspace)s AND b.scope = %(scope)s
 ORDER BY b.session
"""


def every(conn: Connection, workspace: str, scope: str) -> list[Backfill]:
    """How far the scope is with each session that it takes something over from."""
    with conn.cursor(row_factory=backfill_row) as cursor:
        return cursor.execute(ALL, {"workspace": workspace, "scope": scope}).fetchall()


def _key(workspace: str, scope: str, session: str) -> dict[str, object]:
    return {"workspace": workspace, "scope": scope, "session": session}
