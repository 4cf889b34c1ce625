"""Alembic's environment: which database, and which of its tables are ours to compare.

The database is the one handed in by `apply.upgrade`, else `-x dsn=...`, else that of DB_CONNECTION_URI where it is set,
else that of the running local stack, as the role `owner`.
"""

import logging
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import psycopg
from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.util import CommandError
from sqlalchemy import create_engine, pool, text

from infra.migrations.apply import FOLDER, LOCK, plain, revisions
from infra.migrations.tables import METADATA
from shared.settings.sources import resolve
from shared.vectors.spaces import PREFIXES

_DATA = FOLDER.parents[1] / ".dev"


class _Stack(Protocol):
    """What is needed of `infra.local.state.StackState`."""

    @property
    def owner_dsn(self) -> str: ...


def _dsn() -> str:
    handed_in = context.config.attributes.get("dsn")
    if handed_in is None:
        # Somebody at a terminal, who wants to see what is done.
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        logging.getLogger("alembic").setLevel(logging.INFO)
    given = handed_in or context.get_x_argument(as_dictionary=True).get("dsn")
    return plain(cast(str, given)) if given else _found()


def _found() -> str:
    """The database that is meant when none is named."""
    found = resolve()
    if found.problems:
        raise CommandError("The settings are not valid:\n  " + "\n  ".join(found.problems))
    if ("db", "connection_uri") in found.given:
        return found.settings.db.dsn
    # By name: the local stack stands above the migrations, and the function that migrates comes without it.
    running = cast(Callable[[Path], _Stack | None], import_module("infra.local.state").running)
    stack = running(_DATA)
    if stack is None:
        raise CommandError(
            "There is no database: set DB_CONNECTION_URI for the owner of the tables in the environment or .env, start"
            " the local stack with `python3 -m infra up`, or say -x dsn=postgresql://..."
        )
    return stack.owner_dsn


def _connect() -> psycopg.Connection:
    dsn = _dsn()
    try:
        return psycopg.connect(dsn)
    except psycopg.OperationalError as error:
        if "dsn" in context.config.attributes:
            raise
        raise CommandError(f"The database cannot be reached: {error}") from error


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """The tables of embedding spaces are made at run time, one pair per model."""
    return not (kind == "table" and name is not None and name.startswith(PREFIXES))


def _number(_context: MigrationContext, _revision: object, scripts: list[MigrationScript]) -> None:
    """Name a new revision as ours are: the next number, and whether it is safe before or after the code it is for."""
    for script in scripts:
        script.rev_id = f"{int(revisions()[-1]) + 1:04}"
        if not (script.message or "").startswith(("pre ", "post ")):
            script.message = f"pre {script.message or 'unnamed'}"


def _note(ctx: MigrationContext, step: MigrationInfo, heads: Collection[object], run_args: object) -> None:
    on_applied = cast(Callable[[str | None], None] | None, context.config.attributes.get("on_applied"))
    if on_applied is not None:
        on_applied(step.up_revision_id)


def _run_online() -> None:
    # A creator instead of an address: whatever libpq understands works, keywords and special characters included.
    engine = create_engine("postgresql+psycopg://", creator=_connect, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            include_name=_is_ours,
            process_revision_directives=_number,
            on_version_apply=_note,
        )
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
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
