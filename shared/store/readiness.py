"""Whether the database can serve this code."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import errors

from shared.store.database import Connection

NEEDED_REVISION: Final = "0021"
"""The newest revision this code relies on; a newer database serves it as well."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a look at the database found."""

    is_migrated: bool
    oldest_pending_s: float | None


# Anybody may ask, and often: the first item of each unit that waits, and not all that wait behind it.
LOOK: LiteralString = """
SELECT (SELECT version_num FROM alembic_version),
       (SELECT min(o.created_at)
          FROM work_units AS u
         CROSS JOIN LATERAL (
               SELECT i.created_at FROM work_items AS i
                WHERE i.workspace = u.workspace AND i.unit = u.unit AND i.state = 'pending'
                ORDER BY i.seq
                LIMIT 1) AS o
         WHERE u.due_at IS NOT NULL AND u.workspace IS NOT NULL AND u.kind <> 'webhook')
"""


def look(conn: Connection, now: datetime) -> Readiness:
    """The state of the database, of all workspaces."""
    try:
        row = conn.execute(LOOK).fetchone()
    except (errors.UndefinedTable, errors.InsufficientPrivilege):
        return Readiness(is_migrated=False, oldest_pending_s=None)
    revision, oldest = row if row else (None, None)
    is_migrated = revision is not None and str(revision) >= NEEDED_REVISION
    return Readiness(is_migrated, None if oldest is None else round((now - oldest).total_seconds(), 3))
