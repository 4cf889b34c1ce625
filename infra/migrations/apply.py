"""Bring a database to the newest revision, and make the tables of an embedding space."""

from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import errors

from shared.domain.vector import EmbeddingSpace
from shared.vectors import spaces

FOLDER = Path(__file__).parent

_CURRENT: LiteralString = "SELECT version_num FROM alembic_version"


def upgrade(dsn: str) -> None:
    """Run the revisions that the database at `dsn` lacks, as the owner of its tables, in one transaction."""
    # Alembic and SQLAlchemy take a second to import, and almost every start finds nothing to do.
    if current(dsn) == newest():
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["dsn"] = dsn
    command.upgrade(config, "head")


def current(dsn: str) -> str | None:
    """The revision of the database at `dsn`; None before the first."""
    with psycopg.connect(plain(dsn)) as conn:
        try:
            row = conn.execute(_CURRENT).fetchone()
        except errors.UndefinedTable:
            return None
    return row[0] if row else None


def newest() -> str:
    """The newest revision there is: files are named `<revision>_<pre or post>_<what>.py`, in order."""
    return max(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def ensure_space(dsn: str, space: EmbeddingSpace) -> None:
    """Make the tables and indexes that hold the vectors of `space`, unless they are there."""
    with psycopg.connect(plain(dsn)) as conn:
        spaces.create(conn, space)


def plain(dsn: str) -> str:
    """`dsn` without the name of SQLAlchemy's driver, which libpq does not know."""
    return dsn.replace("postgresql+psycopg://", "postgresql://", 1)
