"""Taking messages out of a session that goes on, and a peer out of a workspace. Again does no harm."""

from collections.abc import Sequence
from typing import LiteralString

from shared.domain.work import WorkUnit
from shared.store import dream_traces, idempotency, message_index, purge, unanswered
from shared.store.database import Connection
from shared.store.erasing import LEAVE_FLOOR

_MOST_ANSWERS = 1000

SOME_OF_PEER: LiteralString = """
SELECT id FROM messages
 WHERE workspace = %(workspace)s AND session = %(session)s AND peer = %(peer)s
 ORDER BY seq
 LIMIT %(most)s
"""


def some_of_peer(conn: Connection, workspace: str, session: str, peer: str, *, most: int) -> list[str]:
    """Ids of the peer's oldest messages in the session."""
    values = {"workspace": workspace, "session": session, "peer": peer, "most": most}
    return [str(row[0]) for row in conn.execute(SOME_OF_PEER, values)]


PLACES: LiteralString = """
SELECT seq FROM messages WHERE workspace = %(workspace)s AND session = %(session)s AND id = ANY(%(ids)s)
"""

# The unit's window, if any, is cut anew; a pause after a failure may have been for a message that is gone.
UNPLAN: LiteralString = """
WITH gone AS (
    DELETE FROM work_items AS i
     USING work_units AS u
     WHERE u.workspace = %(workspace)s AND u.session = %(session)s AND u.kind = 'derive'
       AND i.workspace = u.workspace AND i.unit = u.unit AND i.seq = ANY(%(seqs)s)
 RETURNING i.unit, i.state, i.tokens),
counted AS (
    SELECT unit, count(*) FILTER (WHERE state = 'pending')::int AS pending,
           coalesce(sum(tokens) FILTER (WHERE state = 'pending'), 0)::bigint AS tokens,
           count(*) FILTER (WHERE state = 'finished') AS done, count(*) FILTER (WHERE state = 'parked') AS parked
      FROM gone
     GROUP BY unit)
UPDATE work_units AS u
   SET pending_items = u.pending_items - c.pending, pending_tokens = u.pending_tokens - c.tokens,
       done_items = u.done_items - c.done, parked_items = u.parked_items - c.parked,
       window_first = NULL, window_last = NULL, window_items = 0, answer = NULL,
       attempts = 0, failures = 0, error = NULL,
       is_woken = u.is_woken AND u.pending_items > c.pending,
       due_at = CASE WHEN u.pending_items > c.pending THEN u.due_at END
  FROM counted AS c
 WHERE u.workspace = %(workspace)s AND u.unit = c.unit
"""

# Work on ranges and cadences stays; it only no longer says which message ended it.
UNNAME: LiteralString = """
UPDATE work_items AS i SET message_id = ''
  FROM work_units AS u
 WHERE u.workspace = %(workspace)s AND u.session = %(session)s AND u.kind IN ('index', 'summary')
   AND i.workspace = u.workspace AND i.unit = u.unit AND i.seq = ANY(%(seqs)s) AND i.message_id = ANY(%(ids)s)
"""

# A summary tells of everything up to the place it covers.
UNSUMMARIZE: LiteralString = """
DELETE FROM summaries
 WHERE workspace = %(workspace)s AND session = %(session)s AND covered_seq >= %(first)s
RETURNING covered_seq
"""

# The document of the message that follows holds the beginning of the one before it.
FOLLOWERS: LiteralString = """
SELECT m.id
  FROM messages AS m
  JOIN message_search AS s ON s.workspace = m.workspace AND s.message_id = m.id
 WHERE m.workspace = %(workspace)s AND m.session = %(session)s AND m.seq = ANY(%(next)s) AND m.id <> ALL(%(ids)s)
"""


def messages(conn: Connection, workspace: str, session: str, ids: Sequence[str]) -> bool:
    """Take the messages out of the session: rows, words, work, kept answers, summaries; True when a summary went.

    Their places stay empty. Call it holding the units of the session, when no conclusion cites them any more.
    """
    values: dict[str, object] = {"workspace": workspace, "session": session, "ids": list(ids)}
    seqs = [int(row[0]) for row in conn.execute(PLACES, values)]
    if not seqs:
        return False
    values |= {"seqs": seqs, "next": [seq + 1 for seq in seqs], "first": min(seqs)}
    conn.execute(UNPLAN, values)
    conn.execute(UNNAME, values)
    is_untold = bool(conn.execute(UNSUMMARIZE, values).fetchall())
    followers = [str(row[0]) for row in conn.execute(FOLLOWERS, values)]
    purge.unsearch(conn, workspace, [*ids, *followers])
    conn.execute(purge.DELETE_MESSAGES, values)
    message_index.index_again(conn, workspace, session, followers)
    unanswered.erase(conn, workspace, session, ids)
    while idempotency.erase(conn, workspace, [("message", one) for one in ids], most=_MOST_ANSWERS):
        pass
    return is_untold


# What others learn from is also said in work that is done, for the counts by observer.
UNOBSERVE: LiteralString = """
UPDATE work_items SET observers = array_remove(observers, %(peer)s)
 WHERE ctid = ANY (ARRAY(
       SELECT i.ctid
         FROM work_units AS u
         JOIN work_items AS i ON i.workspace = u.workspace AND i.unit = u.unit
        WHERE u.workspace = %(workspace)s AND u.session = %(session)s AND u.kind = 'derive'
          AND %(peer)s = ANY(i.observers)
        LIMIT %(most)s))
"""


def observers(conn: Connection, workspace: str, session: str, peer: str, *, most: int) -> bool:
    """Let no work of the session be done for the peer; True when there may be more."""
    values = {"workspace": workspace, "session": session, "peer": peer, "most": most}
    return conn.execute(UNOBSERVE, values).rowcount == most


MEMBERSHIP: tuple[LiteralString, ...] = (
    "DELETE FROM work_windows WHERE workspace = %(workspace)s AND unit = %(unit)s",
    "DELETE FROM work_items WHERE workspace = %(workspace)s AND unit = %(unit)s",
    LEAVE_FLOOR,
    "DELETE FROM members WHERE workspace = %(workspace)s AND session = %(session)s AND peer = %(peer)s",
)


def membership(conn: Connection, derived: WorkUnit) -> None:
    """Take away the membership of the peer that `derived`, the unit of its messages in the session, learns about."""
    values = {"workspace": derived.workspace, "session": derived.session, "peer": derived.observed, "unit": derived.key}
    for statement in MEMBERSHIP:
        conn.execute(statement, values)


IS_PRESENT: LiteralString = """
SELECT EXISTS (SELECT FROM messages WHERE workspace = %(workspace)s AND peer = %(peer)s)
    OR EXISTS (SELECT FROM members WHERE workspace = %(workspace)s AND peer = %(peer)s)
"""


def is_present(conn: Connection, workspace: str, peer: str) -> bool:
    """Whether any session still has something of the peer."""
    row = conn.execute(IS_PRESENT, {"workspace": workspace, "peer": peer}).fetchone()
    return row is not None and bool(row[0])


# Whoever is about to refer to the peer waits from here on, and then finds that it is gone.
LOCK: LiteralString = "SELECT FROM peers WHERE workspace = %(workspace)s AND name = %(peer)s FOR UPDATE"
IS_HELD: LiteralString = """
SELECT EXISTS (SELECT FROM conclusions
                WHERE workspace = %(workspace)s AND (observer = %(peer)s OR observed = %(peer)s))
"""
LAST: tuple[LiteralString, ...] = (
    "DELETE FROM peer_cards WHERE workspace = %(workspace)s AND observer = %(peer)s",
    "DELETE FROM peer_cards WHERE workspace = %(workspace)s AND observed = %(peer)s",
    """
UPDATE webhook_events
   SET data = data || jsonb_strip_nulls(jsonb_build_object(
           'observer', CASE WHEN data ->> 'observer' = %(peer)s THEN '' END,
           'observed', CASE WHEN data ->> 'observed' = %(peer)s THEN '' END))
 WHERE workspace = %(workspace)s AND (data ->> 'observer' = %(peer)s OR data ->> 'observed' = %(peer)s)
""",
    "DELETE FROM peers WHERE workspace = %(workspace)s AND name = %(peer)s",
)


def peer(conn: Connection, workspace: str, name: str) -> bool:
    """Take away the peer's row and what only it held together; False when something has come after all."""
    values = {"workspace": workspace, "peer": name}
    # First: who commits a dream holds its unit before it refers to peers.
    dream_traces.forget_units(conn, workspace, name)
    conn.execute(LOCK, values)
    # Once more: who asked for a dream held the peer, too, and its unit may be one that was not there yet.
    dream_traces.forget_peer(conn, workspace, name)
    row = conn.execute(IS_HELD, values).fetchone()
    if (row is not None and row[0]) or is_present(conn, workspace, name):
        return False
    for statement in LAST:
        conn.execute(statement, values)
    # The answer to a write that was under way came with it.
    while answers(conn, workspace, name, most=_MOST_ANSWERS):
        pass
    return True


def answers(conn: Connection, workspace: str, name: str, *, most: int) -> bool:
    """Let no answer kept for repeated requests show the peer; True when there may be more."""
    return idempotency.erase(conn, workspace, [("peer", name)], most=most)
