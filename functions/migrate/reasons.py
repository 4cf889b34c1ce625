"""Why a database was not brought up to date, in sentences that a person at a terminal can act on.

They go into the events of the stack, which many may read: no address, no password, no value of a row. Errors of
Postgres name objects in their class 42 alone, so only there is its own message repeated.
"""

from typing import Final

import psycopg
from psycopg import errors

REFUSED: Final = (
    "The database refuses the connection for good: the role, its password, the name of the database or TLS is wrong."
    " Check OwnerConnectionUri, or the secret that DB_PASSWORD of MigrateFunction names."
)
_UNREACHED: Final = (
    "Is it available, and does its security group let MigrateFunction in on port 5432? Then deploy again."
)
_BUSY: Final = (
    "Another deploy may be migrating it, or a table may be in use: look at pg_stat_activity, then deploy again. A"
    " revision that needs longer than the function may run is applied with `alembic upgrade head` beside the database."
)
_KNOWN: Final[dict[type[psycopg.Error], str]] = {
    errors.LockNotAvailable: "a table was in use for longer than a migration waits; deploy again in a quieter moment",
    errors.QueryCanceled: "the statement was cancelled, by hand or by a statement_timeout of the server",
    errors.DiskFull: "the disk of the database is full",
    errors.FeatureNotSupported: "this database has no pgvector, or too old a version; Aurora has it from 15.3 on",
    errors.UndefinedFile: "this database has no pgvector: install it there",
}
_UNDONE: Final = "What was under way is undone."


class CannotMigrate(Exception):
    """The database was not brought up to date. The text says why and what to do, and holds no secret."""


def of(error: psycopg.Error) -> str:
    """What Postgres said, as far as it may be repeated."""
    if error.sqlstate is None:
        return f"The connection to the database was lost{_when(error)}. {_UNDONE} {_UNREACHED}"
    what = next((text for kind, text in _KNOWN.items() if isinstance(error, kind)), _named(error))
    return f"The database was not brought up to date{_when(error)}: {what} ({error.sqlstate}). {_UNDONE}"


def of_lateness(error: BaseException, seconds: float) -> str:
    """That the time was over, and when it was."""
    when = _when(error)
    advice = _UNREACHED if "connecting" in when else f"{_UNDONE} {_BUSY}"
    return f"The database was not brought up to date within {seconds:.0f} s: time was over{when}. {advice}"


def _named(error: psycopg.Error) -> str:
    if isinstance(error, errors.InsufficientPrivilege):
        return f"{error.diag.message_primary}; the role of the migrations must own the tables and may make roles"
    if error.sqlstate is not None and error.sqlstate.startswith("42"):
        return str(error.diag.message_primary)
    named = (error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
    return " ".join([type(error).__name__, *(f"'{name}'" for name in named if name)])


def _when(error: BaseException) -> str:
    """Where the work was, from the notes: the last one is the widest."""
    notes = list(reversed(getattr(error, "__notes__", [])))
    return f" {', '.join(notes)}" if notes else ""
