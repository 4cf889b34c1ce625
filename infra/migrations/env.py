"""Alembic's environment: which database, and which of its tables are ours to compare.

The database is the one handed in by `apply.upgrade`, else `-x dsn=...`, else the settings' DB_CONNECTION_URI.
"""

import logging
from typing import cast

import psycopg
from alembic import context
from sqlalchemy import create_engine, pool, text

from infra.migrations.apply import plain
from infra.migrations.tables import METADATA
from shared.settings import load
from shared.vectors.spaces import PREFIXES

# Any number nobody else uses: two deployments at once must not run the same revision twice.
_LOCK = 7_106_217_001


def _dsn() -> str:
    handed_in = context.config.attributes.get("dsn")
    if handed_in is None:
        # Somebody at a terminal, who wants to see what is done.
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        logging.getLogger("alembic").setLevel(logging.INFO)
    given = handed_in or context.get_x_argument(as_dictionary=True).get("dsn")
    return plain(cast(str, given)) if given else load().db.dsn


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """The tables of embedding spaces are made at run time, one pair per model."""
    return not (kind == "table" and name is not None and name.startswith(PREFIXES))


def _run_online() -> None:
    # A creator instead of an address: whatever libpq understands works, keywords and special characters included.
    dsn = _dsn()
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=METADATA, include_name=_is_ours)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            context.run_migrations()


def _run_offline() -> None:
    """Print the statements instead of running them."""
    context.configure(dialect_name="postgresql", target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    _run_offline()
else:
    _run_online()
