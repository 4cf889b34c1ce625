"""Taking away what a deleted session leaves, a bounded number of rows at a time. Again does no harm."""

from collections.abc import Sequence
from typing import LiteralString

from shared.store import dream_traces, idempotency
from shared.store.database import Connection

SUMMARIES: LiteralString = "DELETE FROM summaries WHERE workspace = %(workspace)s AND session = %(session)s"


def summaries(conn: Connection, workspace: str, session: str) -> None:
    conn.execute(SUMMARIES, {"workspace": workspace, "session": session})


# Children first. The numbers of deleted units are left behind as the floor of new ones: see revision 0006.
WORK: tuple[LiteralString, ...] = (
    """
DELETE FROM work_windows
 WHERE ctid = ANY (ARRAY(
       SELECT w.ctid
         FROM work_units AS u
         JOIN work_windows AS w ON w.workspace = u.workspace AND w.unit = u.unit
        WHERE u.workspace = %(workspace)s AND u.session = %(session)s AND u.kind <> 'forget'
        LIMIT %(most)s))
""",
    """
DELETE FROM work_items
 WHERE ctid = ANY (ARRAY(
       SELECT i.ctid
         FROM work_units AS u
         JOIN work_items AS i ON i.workspace = u.workspace AND i.unit = u.unit
        WHERE u.workspace = %(workspace)s AND u.session = %(session)s AND u.kind <> 'forget'
        LIMIT %(most)s))
""",
    """
WITH gone AS (
    DELETE FROM work_units
     WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM work_units
            WHERE workspace = %(workspace)s AND session = %(session)s AND kind <> 'forget'
            LIMIT %(most)s))
 RETURNING wake_no),
raised AS (
    UPDATE wake_floor SET number = greatest(number, (SELECT max(wake_no) FROM gone))
     WHERE EXISTS (SELECT FROM gone))
SELECT FROM gone
""",
)


def work(conn: Connection, workspace: str, session: str, *, most: int) -> bool:
    """Take away work on the session, but for its forgetting; True when there may be more."""
    values = {"workspace": workspace, "session": session, "most": most}
    return any(conn.execute(statement, values).rowcount == most for statement in WORK)


CONCLUSIONS: LiteralString = """
SELECT id FROM conclusions
 WHERE workspace = %(workspace)s AND session = %(session)s
 LIMIT %(most)s
"""


def conclusions_of(conn: Connection, workspace: str, session: str, *, most: int) -> list[str]:
    """Ids of conclusions that were drawn in the session, hidden ones included."""
    rows = conn.execute(CONCLUSIONS, {"workspace": workspace, "session": session, "most": most})
    return [str(row[0]) for row in rows]


# One look into the index of sources for each id: where nothing is derived, Postgres knows of no sources at all, and
# believes of many ids at once that they match half the table.
RESTING_ON: LiteralString = """
SELECT c.id
  FROM unnest(%(ids)s::text[]) AS source (id)
  JOIN conclusions AS c ON c.source_ids @> ARRAY[source.id]
 WHERE c.workspace = %(workspace)s
UNION
SELECT id FROM conclusions WHERE workspace = %(workspace)s AND copied_from = ANY(%(ids)s)
"""


def resting_on(conn: Connection, workspace: str, ids: Sequence[str]) -> list[str]:
    """Ids of the conclusions that were derived or copied from any of these, hidden ones included."""
    return [str(row[0]) for row in conn.execute(RESTING_ON, {"workspace": workspace, "ids": list(ids)})]


HOLD_CONCLUSIONS: LiteralString = """
SELECT FROM conclusions WHERE workspace = %(workspace)s AND id = ANY(%(ids)s) ORDER BY id FOR UPDATE
"""
DELETE_CONCLUSIONS: LiteralString = "DELETE FROM conclusions WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)"


def conclusions(conn: Connection, workspace: str, ids: Sequence[str]) -> list[str]:
    """Take these away, with what dreams wrote about them.

    Gives those outside of them that rest on one, in which case they stay. Who concludes from one of them holds its
    row: what they save is seen here, or they do not find it any more.
    """
    # First: whoever commits a dream holds its unit before the conclusions.
    dream_traces.forget(conn, workspace, ids)
    conn.execute(HOLD_CONCLUSIONS, {"workspace": workspace, "ids": list(ids)})
    left = [one for one in resting_on(conn, workspace, ids) if one not in ids]
    if not left:
        # Their vectors went before them. It stays noted from when they were hidden that these are to go: one may come
        # yet that nobody looks after.
        conn.execute(DELETE_CONCLUSIONS, {"workspace": workspace, "ids": list(ids)})
    return left


OLDEST_MESSAGES: LiteralString = """
SELECT id FROM messages
 WHERE workspace = %(workspace)s AND session = %(session)s
 ORDER BY seq
 LIMIT %(most)s
"""


def oldest_messages(conn: Connection, workspace: str, session: str, *, most: int) -> list[str]:
    rows = conn.execute(OLDEST_MESSAGES, {"workspace": workspace, "session": session, "most": most})
    return [str(row[0]) for row in rows]


# Terms are locked in order and before the totals, as by those who count them up.
UNSEARCH: LiteralString = """
WITH gone AS (
    DELETE FROM message_search WHERE workspace = %(workspace)s AND message_id = ANY(%(ids)s)
 RETURNING document),
counted AS (
    SELECT w.lexeme AS term, count(*) AS df
      FROM gone, unnest(gone.document) AS w
     WHERE w.weights && '{A,B}'
     GROUP BY w.lexeme),
held AS (
    SELECT s.term, c.df AS less, s.df - c.df AS left_over
      FROM counted AS c
      JOIN term_stats AS s ON s.workspace = %(workspace)s AND s.term = c.term
     ORDER BY s.term
       FOR UPDATE OF s),
unsaid AS (
    DELETE FROM term_stats AS s USING held
     WHERE s.workspace = %(workspace)s AND s.term = held.term AND held.left_over <= 0),
totals AS (
    UPDATE search_totals AS t
       SET documents = t.documents - g.documents, lexemes = t.lexemes - g.lexemes
      FROM (SELECT count(*) AS documents, coalesce(sum(length(document)), 0) AS lexemes FROM gone) AS g
     WHERE t.workspace = %(workspace)s AND g.documents > 0)
UPDATE term_stats AS s
   SET df = s.df - held.less
  FROM held
 WHERE s.workspace = %(workspace)s AND s.term = held.term AND held.left_over > 0
"""
DELETE_MESSAGES: LiteralString = "DELETE FROM messages WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)"


def unsearch(conn: Connection, workspace: str, ids: Sequence[str]) -> None:
    """Take away the words of these messages, and what they count in the workspace's statistics."""
    conn.execute(UNSEARCH, {"workspace": workspace, "ids": list(ids)})


def messages(conn: Connection, workspace: str, ids: Sequence[str]) -> None:
    """Take the messages away, with their words."""
    unsearch(conn, workspace, ids)
    conn.execute(DELETE_MESSAGES, {"workspace": workspace, "ids": list(ids)})


def answers(conn: Connection, workspace: str, session: str, *, most: int) -> bool:
    """Let no answer kept for repeated requests show the session, nor make it anew; True when there may be more."""
    return idempotency.erase(conn, workspace, [("session", session)], most=most)


# Whoever is about to refer to the session waits from here on, and then finds that it is gone.
_LAST_ANSWERS = 1000
HOLD: LiteralString = """
SELECT EXISTS (SELECT FROM messages WHERE workspace = %(workspace)s AND session = %(session)s)
    OR EXISTS (SELECT FROM conclusions WHERE workspace = %(workspace)s AND session = %(session)s)
    OR EXISTS (SELECT FROM work_units WHERE workspace = %(workspace)s AND session = %(session)s AND kind <> 'forget')
"""
LOCK: LiteralString = "SELECT FROM sessions WHERE workspace = %(workspace)s AND name = %(session)s FOR UPDATE"
LAST: tuple[LiteralString, ...] = (
    SUMMARIES,
    "DELETE FROM members WHERE workspace = %(workspace)s AND session = %(session)s",
    # What stays of others names it no more.
    "UPDATE dreams SET session = NULL WHERE workspace = %(workspace)s AND session = %(session)s",
    """
UPDATE webhook_events SET data = data || '{"session_id": ""}'
 WHERE workspace = %(workspace)s AND data ->> 'session_id' = %(session)s
""",
    "DELETE FROM work_items WHERE workspace = %(workspace)s AND unit = %(unit)s",
    """
WITH gone AS (DELETE FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s RETURNING wake_no)
UPDATE wake_floor SET number = greatest(number, wake_no) FROM gone
""",
    "DELETE FROM sessions WHERE workspace = %(workspace)s AND name = %(session)s",
)


def session(conn: Connection, workspace: str, name: str, unit: str) -> bool:
    """Take the session's row away, and with it `unit`, its forgetting; False when something has come after all."""
    values = {"workspace": workspace, "session": name, "unit": unit}
    conn.execute(LOCK, values)
    row = conn.execute(HOLD, values).fetchone()
    if row is None or row[0]:
        return False
    for statement in LAST:
        conn.execute(statement, values)
    # The answer to a write that was under way came with it, and nothing comes any more.
    while answers(conn, workspace, name, most=_LAST_ANSWERS):
        pass
    return True
