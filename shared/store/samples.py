"""Samples of a collection: which of its conclusions are compared with each other."""

from collections.abc import Sequence
from typing import Literal, LiteralString

from shared.domain.conclusion import Collection, Level
from shared.store.database import Connection

Strategy = Literal["recent", "random", "all"]

_OF_COLLECTION: LiteralString = """
  FROM conclusions
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s AND deleted_at IS NULL
   AND level = ANY(%(levels)s)
"""
RECENT: LiteralString = f"SELECT id {_OF_COLLECTION} ORDER BY created_at DESC, id LIMIT %(most)s"
RANDOM: LiteralString = f"SELECT id {_OF_COLLECTION} ORDER BY random() LIMIT %(most)s"
# The whole span of time, as evenly as so many allow.
ALL: LiteralString = f"""
SELECT id
  FROM (SELECT id, created_at, row_number() OVER (ORDER BY created_at DESC, id) - 1 AS place, count(*) OVER () AS total
        {_OF_COLLECTION}) AS placed
 WHERE total <= %(most)s OR place * %(most)s / total <> (place - 1) * %(most)s / total OR place = 0
 ORDER BY created_at DESC, id
 LIMIT %(most)s
"""
_STATEMENTS: dict[Strategy, LiteralString] = {"recent": RECENT, "random": RANDOM, "all": ALL}


def sample(
    conn: Connection, collection: Collection, strategy: Strategy, *, levels: Sequence[Level], most: int
) -> list[str]:
    """Ids of live conclusions of these levels: the newest, any, or some of every time; at most `most`."""
    values = {
        "workspace": collection.workspace,
        "observer": collection.observer,
        "observed": collection.observed,
        "levels": list(levels),
        "most": most,
    }
    return [str(row[0]) for row in conn.execute(_STATEMENTS[strategy], values)]
