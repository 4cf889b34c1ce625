"""The work: wait for the database, prepare it, bring it to the newest revision, make room for its vectors."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final, Protocol, cast

import psycopg

from functions.migrate import reasons
from functions.migrate.reasons import CannotMigrate
from functions.migrate.time_limit import Overdue, time_limit
from shared.backends import ConfiguredModels
from shared.domain.errors import Invalid
from shared.domain.vector import EmbeddingSpace
from shared.settings import Settings, load
from shared.settings.secret import forget_secrets
from shared.store import refusals
from shared.telemetry.logs import logger
from shared.telemetry.outlets import Outlets, open_outlets

# A paused Aurora keeps a connection waiting while it resumes, usually for a quarter of a minute.
_CONNECT_S: Final = 20
_PAUSE_S: Final = 1.0
_MOST_UNKNOWN_S: Final = 60.0
# Of a refusal that waiting does not mend. libpq gives no code for it.
_FINAL: Final = ("authentication failed", "pg_hba.conf", "does not exist", "does not support SSL")


class _Migrations(Protocol):
    """What `infra/migrations/apply.py` gives."""

    def prepare(self, dsn: str, *, app_password: str | None) -> None: ...

    def upgrade(self, dsn: str) -> str: ...

    def is_ahead(self, revision: str) -> bool: ...

    def newest(self) -> str: ...

    def ensure_space(self, dsn: str, space: EmbeddingSpace) -> None: ...


@dataclass(frozen=True, slots=True)
class Migrated:
    """Where the database is now, and the space its vectors go to."""

    revision: str
    model: str
    dimensions: int
    remark: str | None = None


def migrate(seconds: float) -> Migrated:
    """Bring the database up to date within `seconds`. What is under way when they are over is undone.

    Never goes back: a database that newer code has migrated stays as it is. Raises `CannotMigrate`.
    """
    try:
        with time_limit(seconds):
            settings = _settings()
            with _outlets().emptied():
                return _migrated(settings)
    except Overdue as late:
        raise CannotMigrate(reasons.of_lateness(late, seconds)) from late
    except Invalid as error:
        raise CannotMigrate(f"The settings of the function are not valid. {error}") from error
    except psycopg.Error as error:
        raise CannotMigrate(reasons.of(error)) from error


def _settings() -> Settings:
    """The settings in force, with the secrets of now: a process that lives on may remember a replaced password.

    Of a role that was made a moment ago, as in a new stack, Secrets Manager may not know yet.
    """
    forget_secrets()
    ends = time.monotonic() + _MOST_UNKNOWN_S
    while True:
        try:
            return load()
        except Invalid as error:
            if "Secrets Manager" not in str(error) or time.monotonic() > ends:
                raise
            logger.warning("secrets_not_given")
        time.sleep(_PAUSE_S)


@cache
def _outlets() -> Outlets:
    return open_outlets(load(), "migrate")


def _migrated(settings: Settings) -> Migrated:
    # By name: functions stand below infra, and this one's bundle alone has the migrations, as files.
    migrations = cast(_Migrations, import_module("infra.migrations.apply"))
    space = ConfiguredModels(settings).embedder().space
    dsn, password = settings.db.dsn, settings.db.app_password
    with _during("connecting to the database"):
        _await(dsn)
    with _during("preparing pgvector and the role of the functions"):
        migrations.prepare(dsn, app_password=password.get_secret_value() if password else None)
    with _during("migrating"):
        revision = migrations.upgrade(dsn)
    with _during("making the tables of vectors"):
        migrations.ensure_space(dsn, space)
    logger.info("database_migrated", revision=revision, model=space.model, dimensions=space.dimensions)
    if not migrations.is_ahead(revision):
        return Migrated(revision, space.model, space.dimensions)
    logger.warning("database_is_ahead", revision=revision, newest=migrations.newest())
    remark = f"The database stays at revision {revision}, ahead of {migrations.newest()}, the newest of this version:"
    return Migrated(revision, space.model, space.dimensions, f"{remark} nothing is ever taken back.")


def _await(dsn: str) -> None:
    """Return once the database takes a connection; raises `CannotMigrate` when it never will."""
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=_CONNECT_S).close()
            return
        except psycopg.OperationalError as error:
            if any(sign in str(error) for sign in _FINAL):
                raise CannotMigrate(reasons.REFUSED) from error
            logger.warning("database_not_reached", reason=refusals.reason_of(error) or type(error).__name__)
        time.sleep(_PAUSE_S)


@contextmanager
def _during(what: str) -> Generator[None]:
    """Let an error know when it happened."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"while {what}")
        raise
