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


LOOK: LiteralString = """
SELECT (SELECT version_num FROM alembic_version),
       (SELECT min(created_at) FROM work_items
         WHERE state = 'pending' AND workspace IS NOT NULL AND NOT starts_with(unit, 'webhook:'))
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
