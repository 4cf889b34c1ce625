"""What dreams made of conclusions that are forgotten: notes of changes, lines of cards, runs not committed yet."""

from collections.abc import Sequence
from typing import LiteralString

from shared.domain.conclusion import Collection
from shared.store.database import Connection

COLLECTIONS: LiteralString = """
SELECT DISTINCT observer, observed FROM conclusions WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
"""
VIEW: LiteralString = (
    "SELECT observer, observed FROM collections WHERE workspace = %(workspace)s AND observer = %(peer)s"
)

# To the end of the transaction: who keeps a run holds its unit, and then looks whether all that it tells of is there.
UNITS: LiteralString = """
SELECT FROM work_units AS u
 WHERE u.workspace = %(workspace)s AND u.unit = ANY(%(units)s)
 ORDER BY u.unit
   FOR UPDATE
"""
# Where the release before this one kept what a specialist had proposed.
ANSWERS: LiteralString = """
UPDATE work_units SET answer = NULL
 WHERE workspace = %(workspace)s AND unit = ANY(%(units)s) AND answer IS NOT NULL
"""
# A run under way quotes what it was shown. It is begun anew, should it be needed.
RUNS: LiteralString = """
WITH gone AS (
    DELETE FROM dream_checkpoints AS p
     USING dreams AS d, unnest(%(observers)s::text[], %(observed)s::text[]) AS n (observer, observed)
     WHERE p.workspace = %(workspace)s AND d.workspace = %(workspace)s AND d.id = p.dream
       AND d.observer = n.observer AND d.observed = n.observed
 RETURNING p.dream)
UPDATE dreams SET restarts = restarts + 1
 WHERE workspace = %(workspace)s AND id IN (SELECT dream FROM gone)
"""

# What was overtaken by what is forgotten holds again, as if the later had never been said; tick finds it a vector.
# Hidden by the dream itself, and nothing equal has come since.
RESTORE: LiteralString = """
UPDATE conclusions AS c
   SET deleted_at = NULL, indexed_at = NULL, index_attempts = 0, index_due_at = NULL
  FROM (SELECT DISTINCT h.conclusion, h.changed_at
          FROM dream_changes AS h
         WHERE h.workspace = %(workspace)s AND h.successor = ANY(%(ids)s) AND h.conclusion <> ALL(%(ids)s)
           AND NOT h.is_undone) AS hidden
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
   AND (conclusion = ANY(%(ids)s) OR successor = ANY(%(ids)s) OR source_ids && %(ids)s::text[] AND action <> 'added')
"""
# What stays though it rested on more when it was added: a pattern with sources enough.
UNNAME: LiteralString = """
UPDATE dream_changes AS h
   SET reason = NULL, source_ids = ARRAY(SELECT s.id FROM unnest(h.source_ids) WITH ORDINALITY AS s (id, place)
                                          WHERE s.id <> ALL(%(ids)s) ORDER BY s.place)
 WHERE h.workspace = %(workspace)s AND h.source_ids && %(ids)s::text[]
"""

# What a conclusion was before may tell of more than it rests on now.
CHANGES_OF_FORMERS: LiteralString = """
DELETE FROM dream_changes AS h
 USING dream_formers AS f
 WHERE f.workspace = %(workspace)s AND f.source_ids && %(ids)s::text[]
   AND h.workspace = %(workspace)s AND h.dream = f.dream AND h.place = f.place
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
    _forget_runs(conn, workspace, conn.execute(COLLECTIONS, values).fetchall())
    conn.execute(RESTORE, values)
    lines = conn.execute(LINES, values).fetchall()
    conn.execute(CHANGES, values)
    conn.execute(CHANGES_OF_FORMERS, values)
    conn.execute(UNNAME, values)
    if lines:
        columns = zip(*lines, strict=True)
        named = dict(zip(("observers", "observed", "lines"), (list(column) for column in columns), strict=True))
        conn.execute(UNWRITE, {"workspace": workspace, **named})
        conn.execute(CHANGES_OF_LINES, {"workspace": workspace, **named})


# What brings hidden conclusions back: an undoing, or that what overtook them is forgotten.
SEAL: LiteralString = """
DELETE FROM dream_changes
 WHERE workspace = %(workspace)s AND conclusion = ANY(%(ids)s) AND action IN ('superseded', 'deleted')
"""


def seal(conn: Connection, workspace: str, ids: Sequence[str]) -> None:
    """Let nothing bring back any of these conclusions, which are about to go: before they are hidden."""
    values = {"workspace": workspace, "ids": list(ids)}
    # Who undoes a dream holds its unit, too.
    conn.execute(UNITS, {"workspace": workspace, "units": _units(conn.execute(COLLECTIONS, values).fetchall())})
    conn.execute(SEAL, values)


CARDS: LiteralString = """
DELETE FROM dream_changes AS h
 USING dreams AS d, unnest(%(observers)s::text[], %(observed)s::text[]) AS n (observer, observed)
 WHERE h.workspace = %(workspace)s AND d.workspace = %(workspace)s AND d.id = h.dream
   AND d.observer = n.observer AND d.observed = n.observed AND (h.line IS NOT NULL OR h.action = 'card_made')
"""


def forget_cards_of(conn: Connection, workspace: str, ids: Sequence[str]) -> None:
    """Take away what is recorded of the cards of all collections that hold any of these conclusions."""
    found = conn.execute(COLLECTIONS, {"workspace": workspace, "ids": list(ids)}).fetchall()
    forget_cards(conn, workspace, found)


def forget_cards(conn: Connection, workspace: str, collections: Sequence[tuple[str, str]]) -> None:
    """Take away what is recorded of the cards of these collections (observer, observed): the cards go, too."""
    observers, observed = ([pair[place] for pair in collections] for place in (0, 1))
    conn.execute(CARDS, {"workspace": workspace, "observers": observers, "observed": observed})


def forget_runs(conn: Connection, collection: Collection) -> None:
    """Take away what is kept of dreams under way in the collection."""
    _forget_runs(conn, collection.workspace, [(collection.observer, collection.observed)])


def forget_view(conn: Connection, workspace: str, observer: str) -> None:
    """Take away what is kept of dreams under way from the view of `observer`, before conclusions of it go."""
    _forget_runs(conn, workspace, conn.execute(VIEW, {"workspace": workspace, "peer": observer}).fetchall())


def _forget_runs(conn: Connection, workspace: str, collections: Sequence[tuple[str, str]]) -> None:
    values = {
        "workspace": workspace,
        "observers": [observer for observer, _ in collections],
        "observed": [observed for _, observed in collections],
        "units": _units(collections),
    }
    for statement in (UNITS, ANSWERS, RUNS):
        conn.execute(statement, values)


def _units(collections: Sequence[tuple[str, str]]) -> list[str]:
    return [f"dream::{observer}:{observed}" for observer, observed in collections]


# Children first. The numbers of deleted units are left behind as the floor of new ones: see revision 0006.
_OF_PEER: LiteralString = """
SELECT 'dream::' || c.observer || ':' || c.observed FROM collections AS c
 WHERE c.workspace = %(workspace)s AND (c.observer = %(peer)s OR c.observed = %(peer)s)
"""
PEERS_UNITS: tuple[LiteralString, ...] = (
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
)
PEERS_COLLECTIONS: LiteralString = """
DELETE FROM collections WHERE workspace = %(workspace)s AND (observer = %(peer)s OR observed = %(peer)s)
"""


def forget_units(conn: Connection, workspace: str, peer: str) -> None:
    """Take away the work of all dreams about the peer, and of its own; who dreams now loses its claim."""
    for statement in PEERS_UNITS:
        conn.execute(statement, {"workspace": workspace, "peer": peer})


def forget_peer(conn: Connection, workspace: str, peer: str) -> None:
    """Take away that anybody ever dreamt about the peer, or it about anybody."""
    forget_units(conn, workspace, peer)
    conn.execute(PEERS_COLLECTIONS, {"workspace": workspace, "peer": peer})
