"""Which conclusions the vector index is still owed, and how often it has refused them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from shared.domain.conclusion import Conclusion
from shared.store.database import Connection
from shared.store.rows import CONCLUSION, conclusion_row

# How long a worker may take from its commit to the index before tick does it.
GRACE = timedelta(minutes=2)
# After so many an operator should look.
MANY_ATTEMPTS: LiteralString = "5"
_LONGEST_PAUSE = timedelta(days=1)

UNINDEXED: LiteralString = f"""
SELECT {CONCLUSION} FROM conclusions
 WHERE indexed_at IS NULL AND deleted_at IS NULL AND created_at < %(before)s
   AND (index_due_at IS NULL OR index_due_at <= %(now)s) AND workspace <> ALL (%(without)s::text[])
 ORDER BY created_at
 LIMIT %(most)s
"""


def unindexed(
    conn: Connection, *, before: datetime, now: datetime, most: int, without: Sequence[str] = ()
) -> list[Conclusion]:
    """Conclusions of any workspace but those of `without` that are to be indexed now, the oldest first."""
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(
            UNINDEXED, {"before": before, "now": now, "most": most, "without": list(without)}
        ).fetchall()


POSTPONE: LiteralString = """
UPDATE conclusions
   SET index_attempts = index_attempts + 1,
       index_due_at = %(now)s + least(%(pause)s::interval * 2 ^ least(index_attempts, 20), %(longest)s::interval)
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
RETURNING index_attempts
"""


def postpone(conn: Connection, workspace: str, ids: Sequence[str], now: datetime, *, pause: timedelta) -> int:
    """Try these again after `pause`, after twice that the next time, and so on up to a day; never given up.

    Gives the highest number of attempts among them.
    """
    values = {"workspace": workspace, "ids": sorted(ids), "now": now, "pause": pause, "longest": _LONGEST_PAUSE}
    return max((int(row[0]) for row in conn.execute(POSTPONE, values)), default=0)


@dataclass(frozen=True, slots=True)
class IndexGauge:
    """What the index is owed, counted up to a bound; `refused` of them were refused again and again."""

    pending: int
    refused: int
    oldest_at: datetime | None


GAUGE: LiteralString = f"""
SELECT count(*), count(*) FILTER (WHERE index_attempts >= {MANY_ATTEMPTS}), min(created_at)
  FROM (SELECT created_at, index_attempts FROM conclusions
         WHERE indexed_at IS NULL AND deleted_at IS NULL AND created_at < %(before)s
         ORDER BY created_at
         LIMIT 10000) AS owed
"""


def gauge(conn: Connection, *, before: datetime) -> IndexGauge:
    """Over all workspaces, what is older than `before`."""
    row = conn.execute(GAUGE, {"before": before}).fetchone()
    return IndexGauge(int(row[0]), int(row[1]), row[2]) if row else IndexGauge(0, 0, None)
