"""Connections to Postgres: a few warm ones, each lent to one caller at a time."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import uniform
from time import sleep
from typing import LiteralString, TypeVar

import psycopg
from psycopg import errors

from shared.domain.errors import DatabaseUnavailable
from shared.settings.sections import DbSettings
from shared.store.pool import APPLICATION, PASSING, RETRY_AFTER_S, Pool
from shared.store.pool import Connection as Connection
from shared.telemetry import tracing
from shared.telemetry.logs import logger

T = TypeVar("T")

_STEP_ASIDE_S = (0.01, 0.05)
# For this transaction only: what a connection remembers would pin it in a proxy.
_NAME: LiteralString = "SELECT set_config('application_name', %(name)s, true)"
# Postgres cuts longer names.
_LONGEST_NAME = 63
# The server ends the connection, or after a failover it only reads: another connection may do better.
_FAREWELLS = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,
)


class Deadlocked(DatabaseUnavailable):
    """Postgres undid this transaction in favour of another: in a deadlock, or one that deleted what it refers to."""


class ConnectionLost(DatabaseUnavailable):
    """The connection to the database was lost."""


class CommitUnclear(DatabaseUnavailable):
    """The connection to the database was lost while it committed; whether it did is not known."""


def _unknown(_: Connection) -> bool:
    return False


class Database:
    """Transactions on connections of one's own. An environment of Lambda ever needs one or two connections."""

    def __init__(self, settings: DbSettings) -> None:
        self._settings = settings
        self._pool = Pool(settings)

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """One transaction on a connection of one's own: commits at the end, rolls back on an exception.

        Raises `DatabaseUnavailable` when there is no server; `ConnectionLost` when it went away before the
        commit, `CommitUnclear` when it went away during it.
        """
        with self._borrowed() as conn:
            is_committing = False
            try:
                with conn.transaction():
                    if self._settings.tracing:
                        conn.execute(_NAME, {"name": _whose_work()})
                    yield conn
                    is_committing = True
            except (*PASSING, *_FAREWELLS) as error:
                if is_committing and _is_lost(conn, error):
                    conn.close()
                    raise CommitUnclear(retry_after_s=RETRY_AFTER_S) from error
                raise

    def together(self, conn: Connection) -> AbstractContextManager[object]:
        """Statements inside travel to the server in one go, where the settings allow it.

        Read their results last. Worth it from three statements on: a pipeline has a price of its own.
        """
        return conn.pipeline() if self._settings.pipeline else nullcontext()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection for single statements that belong to no transaction."""
        with self._borrowed() as conn:
            yield conn

    def singly(self, statement: Callable[[Connection], T]) -> T | None:
        """What one writing statement gives without the two of a transaction around it.

        None also when it was undone or its answer lost: the caller then does the same through `run`, so it must be
        harmless twice.
        """
        try:
            with self.reading() as conn:
                return statement(conn)
        except (Deadlocked, ConnectionLost) as error:
            logger.warning("statement_repeated", reason=type(error).__name__)
            return None

    def run(self, work: Callable[[Connection], T], *, happened: Callable[[Connection], bool] = _unknown) -> T:
        """`work` in one transaction; once more after a deadlock or a lost connection.

        When the answer to COMMIT was lost, `happened` looks on a new connection whether the effects are there; the
        ids it looks for must be made before `work`. Left out, `work` must be harmless a second time.
        """
        results: list[T] = []

        def attempt() -> T:
            try:
                with self.transaction() as conn:
                    results.append(work(conn))
            except CommitUnclear:
                if not self._has(happened):
                    raise
            return results[-1]

        try:
            return attempt()
        except (Deadlocked, ConnectionLost, CommitUnclear) as error:
            logger.warning("transaction_repeated", reason=type(error).__name__)
            if isinstance(error, Deadlocked):
                # Back at once, it may take its first row again before the other has woken up, and meet it once more.
                sleep(uniform(*_STEP_ASIDE_S))
            else:
                # What rested beside the lost one has hardly fared better.
                self.close()
        try:
            return attempt()
        except errors.UniqueViolation:
            # The first COMMIT was still on its way when we looked.
            if not results or not self._has(happened):
                raise
            return results[0]

    def _has(self, happened: Callable[[Connection], bool]) -> bool:
        with self.reading() as conn:
            return happened(conn)

    def close(self) -> None:
        """Close what is idle."""
        self._pool.close()

    @contextmanager
    def _borrowed(self) -> Generator[Connection]:
        with _observed():
            conn = self._pool.take()
            try:
                with _translated(conn):
                    yield conn
            finally:
                self._pool.give_back(conn)


def open_database(settings: DbSettings) -> Database:
    """A database that connects on first use."""
    return Database(settings)


def _whose_work() -> str:
    """The function, and the trace of the request or unit of work, as its log lines carry them."""
    parts = (APPLICATION, logger.get_current_keys().get("function"), tracing.trace_id())
    return "/".join(str(part) for part in parts if part)[:_LONGEST_NAME]


def _is_lost(conn: Connection, error: psycopg.Error) -> bool:
    return conn.closed or isinstance(error, _FAREWELLS)


def _observed() -> AbstractContextManager[object]:
    """A span for the statements of one borrowing, where anybody wants to know; that is no time to think about it."""
    return tracing.span("statements") if tracing.is_detailed() else nullcontext()


@contextmanager
def _translated(conn: Connection) -> Generator[None]:
    try:
        yield
    except (errors.DeadlockDetected, errors.SerializationFailure, errors.ForeignKeyViolation) as error:
        raise Deadlocked(retry_after_s=RETRY_AFTER_S) from error
    except (*PASSING, *_FAREWELLS) as error:
        if not _is_lost(conn, error):
            raise DatabaseUnavailable(retry_after_s=RETRY_AFTER_S) from error
        conn.close()
        raise ConnectionLost(retry_after_s=RETRY_AFTER_S) from error
