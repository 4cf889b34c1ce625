"""Vectors that must leave the index: noted in the transaction that hides their conclusions, taken out after it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

from shared.store.database import Connection

# Whoever brings a vector does so right after its commit. Later than this nobody brings one for what is hidden.
GRACE = timedelta(minutes=5)

# Sorted: writers of the same rows must not wait for each other in a circle.
NOTE: LiteralString = """
INSERT INTO vector_removals (workspace, conclusion, due_at)
SELECT %(workspace)s, gone.id, %(due_at)s FROM unnest(%(ids)s::text[]) AS gone (id)
    ON CONFLICT (workspace, conclusion) DO UPDATE SET due_at = EXCLUDED.due_at
"""


def note(conn: Connection, workspace: str, ids: Sequence[str], now: datetime) -> None:
    """Have the vectors of these conclusions taken out once nobody can be bringing them any more."""
    if ids:
        conn.execute(NOTE, {"workspace": workspace, "ids": sorted(ids), "due_at": now + GRACE})


DUE: LiteralString = """
SELECT workspace, conclusion FROM vector_removals
 WHERE due_at <= %(now)s
 ORDER BY due_at
 LIMIT %(most)s
"""


def due(conn: Connection, now: datetime, *, most: int) -> dict[str, list[str]]:
    """Conclusions of any workspace whose vectors are to go now, by workspace."""
    found: dict[str, list[str]] = {}
    for workspace, conclusion in conn.execute(DUE, {"now": now, "most": most}):
        found.setdefault(workspace, []).append(conclusion)
    return found


DONE: LiteralString = """
DELETE FROM vector_removals WHERE workspace = %(workspace)s AND conclusion = ANY(%(ids)s)
"""

# A dream that is forgotten brings back what it had hidden; its vector may just have gone.
RETURNED: LiteralString = """
UPDATE conclusions SET indexed_at = NULL
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s) AND deleted_at IS NULL AND indexed_at IS NOT NULL
"""


def done(conn: Connection, workspace: str, ids: Sequence[str]) -> None:
    """Their vectors are out of the index. Those that came back meanwhile are to be indexed again."""
    conn.execute(RETURNED, {"workspace": workspace, "ids": sorted(ids)})
    forget(conn, workspace, ids)


def forget(conn: Connection, workspace: str, ids: Sequence[str]) -> None:
    """Owe nothing for these any more."""
    conn.execute(DONE, {"workspace": workspace, "ids": sorted(ids)})
