"""What dreams made of conclusions that are forgotten: notes of changes, lines of cards, answers not used yet."""

from collections.abc import Sequence
from typing import LiteralString

from shared.store.database import Connection

# A proposal that waits for its commit may quote what is forgotten. It is made anew, should it be needed.
ANSWERS: LiteralString = """
UPDATE work_units AS u
   SET answer = NULL
  FROM (SELECT DISTINCT 'dream::' || c.observer || ':' || c.observed AS unit
          FROM conclusions AS c
         WHERE c.workspace = %(workspace)s AND c.id = ANY(%(ids)s)) AS of_collection
 WHERE u.workspace = %(workspace)s AND u.unit = of_collection.unit AND u.answer IS NOT NULL
"""

# What was overtaken by what is forgotten holds again, as if the later had never been said; tick finds it a vector.
# Hidden by the dream itself, and nothing equal has come since.
RESTORE: LiteralString = """
UPDATE conclusions AS c
   SET deleted_at = NULL, indexed_at = NULL
  FROM (SELECT DISTINCT h.conclusion, h.changed_at
          FROM dream_changes AS h
         WHERE h.workspace = %(workspace)s AND h.successor = ANY(%(ids)s) AND h.conclusion <> ALL(%(ids)s)) AS hidden
 WHERE c.workspace = %(workspace)s AND c.id = hidden.conclusion AND c.deleted_at = hidden.changed_at
   AND NOT EXISTS (SELECT FROM conclusions AS o
                    WHERE o.workspace = %(workspace)s AND o.observer = c.observer AND o.observed = c.observed
                      AND o.level = c.level AND coalesce(o.session, '') = coalesce(c.session, '')
                      AND o.content_hash = c.content_hash AND o.is_derived AND o.deleted_at IS NULL)
   AND NOT EXISTS (SELECT FROM sessions AS s
                    WHERE s.workspace = %(workspace)s AND s.name = c.session AND NOT s.is_active)
"""

# A line that rested on several goes with the first of them: whether the rest still carry it the next dream will see.
LINES: LiteralString = """
SELECT DISTINCT d.observer, d.observed, h.line
  FROM dream_changes AS h
  JOIN dreams AS d ON d.workspace = h.workspace AND d.id = h.dream
 WHERE h.workspace = %(workspace)s AND h.source_ids && %(ids)s::text[] AND h.line IS NOT NULL
"""

UNWRITE: LiteralString = """
UPDATE peer_cards AS c
   SET entries = ARRAY(SELECT e.line FROM unnest(c.entries) WITH ORDINALITY AS e (line, place)
                        WHERE e.line <> ALL (gone.lines) ORDER BY e.place),
       version = c.version + 1
  FROM (SELECT observer, observed, array_agg(line) AS lines
          FROM unnest(%(observers)s::text[], %(observed)s::text[], %(lines)s::text[]) AS n (observer, observed, line)
         GROUP BY observer, observed) AS gone
 WHERE c.workspace = %(workspace)s AND c.observer = gone.observer AND c.observed = gone.observed
   AND c.entries && gone.lines
"""

CHANGES: LiteralString = """
DELETE FROM dream_changes
 WHERE workspace = %(workspace)s
   AND (conclusion = ANY(%(ids)s) OR successor = ANY(%(ids)s) OR source_ids && %(ids)s::text[])
"""

CHANGES_OF_LINES: LiteralString = """
DELETE FROM dream_changes AS h
 USING dreams AS d,
       unnest(%(observers)s::text[], %(observed)s::text[], %(lines)s::text[]) AS n (observer, observed, line)
 WHERE h.workspace = %(workspace)s AND d.workspace = %(workspace)s AND d.id = h.dream
   AND d.observer = n.observer AND d.observed = n.observed AND h.line = n.line
"""


def forget(conn: Connection, workspace: str, ids: Sequence[str]) -> None:
    """Take out what dreams wrote about the conclusions `ids`, before these go; what they overtook holds again."""
    values = {"workspace": workspace, "ids": list(ids)}
    conn.execute(RESTORE, values)
    conn.execute(ANSWERS, values)
    lines = conn.execute(LINES, values).fetchall()
    conn.execute(CHANGES, values)
    if lines:
        columns = zip(*lines, strict=True)
        named = dict(zip(("observers", "observed", "lines"), (list(column) for column in columns), strict=True))
        conn.execute(UNWRITE, {"workspace": workspace, **named})
        conn.execute(CHANGES_OF_LINES, {"workspace": workspace, **named})


# Children first. The numbers of deleted units are left behind as the floor of new ones: see revision 0006.
_OF_PEER: LiteralString = """
SELECT 'dream::' || c.observer || ':' || c.observed FROM collections AS c
 WHERE c.workspace = %(workspace)s AND (c.observer = %(peer)s OR c.observed = %(peer)s)
"""
PEER: tuple[LiteralString, ...] = (
    f"DELETE FROM work_windows WHERE workspace = %(workspace)s AND unit IN ({_OF_PEER})",
    f"DELETE FROM work_items WHERE workspace = %(workspace)s AND unit IN ({_OF_PEER})",
    f"""
WITH gone AS (
    DELETE FROM work_units WHERE workspace = %(workspace)s AND unit IN ({_OF_PEER}) RETURNING wake_no),
raised AS (
    UPDATE wake_floor SET number = greatest(number, (SELECT max(wake_no) FROM gone))
     WHERE EXISTS (SELECT FROM gone))
SELECT FROM gone
""",
    "DELETE FROM collections WHERE workspace = %(workspace)s AND (observer = %(peer)s OR observed = %(peer)s)",
)


def forget_peer(conn: Connection, workspace: str, peer: str) -> None:
    """Take away that anybody ever dreamt about the peer, or it about anybody; who dreams now loses its claim."""
    for statement in PEER:
        conn.execute(statement, {"workspace": workspace, "peer": peer})
