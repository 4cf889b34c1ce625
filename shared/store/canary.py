"""What became of the facts that the canary told: one session each, with one message."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.domain.ids import CANARY_WORKSPACE
from shared.store.database import Connection


@dataclass(frozen=True, slots=True)
class Told:
    """A fact that was told at `told_at`, and when something was concluded from it that has its word, if it was."""

    session: str
    told_at: datetime
    concluded_at: datetime | None


TOLD: LiteralString = """
SELECT s.name, m.created_at,
       (SELECT min(c.created_at) FROM conclusions AS c
         WHERE c.workspace = s.workspace AND c.session = s.name AND c.deleted_at IS NULL
           AND position(m.metadata ->> 'word' IN c.content) > 0)
  FROM sessions AS s
  JOIN messages AS m ON m.workspace = s.workspace AND m.session = s.name
 WHERE s.workspace = %(workspace)s AND s.is_active
 ORDER BY m.created_at, s.name
"""


def told(conn: Connection) -> list[Told]:
    """The facts that are not forgotten yet, the oldest first."""
    return [Told(*row) for row in conn.execute(TOLD, {"workspace": CANARY_WORKSPACE})]
