"""Bring a database to the newest revision, and make the tables of an embedding space."""

from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import errors

from infra.migrations import roles
from shared.domain.vector import EmbeddingSpace
from shared.vectors import spaces

FOLDER = Path(__file__).parent
# Any number nobody else uses: two deployments at once must not run the same revision twice.
LOCK: Final = 7_106_217_001

_CURRENT: LiteralString = "SELECT version_num FROM alembic_version"
_ALONE: LiteralString = "SELECT pg_advisory_xact_lock(%(lock)s)"
_EXTENSION: LiteralString = "CREATE EXTENSION IF NOT EXISTS vector"


def prepare(dsn: str, *, app_password: str | None = None) -> None:
    """Make sure of pgvector, and of the role `app` and its rights, as the owner of the tables; safe to repeat."""
    with psycopg.connect(plain(dsn)) as conn:
        conn.execute(_ALONE, {"lock": LOCK})
        conn.execute(_EXTENSION)
        roles.prepare(conn, password=app_password)


def upgrade(dsn: str) -> str:
    """Run the revisions that the database at `dsn` lacks, as the owner of its tables, in one transaction.

    Gives the revision it is at then: the newest, or one that is ahead of this code, which stays as it is. An error of
    Postgres, or what interrupted the run, carries a note that names the revision.
    """
    found = current(dsn)
    # Alembic and SQLAlchemy take a second to import, and almost every start finds nothing to do.
    if found is not None and (found == newest() or is_ahead(found)):
        return found
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.exc import DBAPIError

    config, applied = Config(), list[str]()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes.update(dsn=dsn, on_applied=applied.append)
    try:
        command.upgrade(config, "head")
    except (DBAPIError, KeyboardInterrupt) as error:
        # SQLAlchemy's own error repeats the statement.
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        lacking = [revision for revision in revisions() if found is None or revision > found]
        cause.add_note(f"in revision {lacking[min(len(applied), len(lacking) - 1)]}")
        raise cause from error
    return newest()


def current(dsn: str) -> str | None:
    """The revision of the database at `dsn`; None before the first."""
    with psycopg.connect(plain(dsn)) as conn:
        try:
            row = conn.execute(_CURRENT).fetchone()
        except errors.UndefinedTable:
            return None
    return row[0] if row else None


def is_ahead(revision: str) -> bool:
    """Whether a database at `revision` was migrated by newer code than this, as after the rollback of a deploy."""
    return revision > newest()


def newest() -> str:
    """The newest revision there is."""
    return revisions()[-1]


def revisions() -> list[str]:
    """All revisions there are: files are named `<revision>_<pre or post>_<what>.py`, in order."""
    return sorted(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def ensure_space(dsn: str, space: EmbeddingSpace) -> None:
    """Make the tables and indexes that hold the vectors of `space`, unless they are there."""
    with psycopg.connect(plain(dsn)) as conn:
        spaces.create(conn, space)


def plain(dsn: str) -> str:
    """`dsn` without the name of SQLAlchemy's driver, which libpq does not know."""
    return dsn.replace("postgresql+psycopg://", "postgresql://", 1)
