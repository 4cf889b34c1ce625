"""Connections to Postgres: a few warm ones, each lent to one caller at a time."""

import select
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import uniform
from time import monotonic, sleep
from typing import TypeAlias, TypeVar

import psycopg
from psycopg import errors, pq
from psycopg.rows import TupleRow

from shared.domain.errors import DatabaseUnavailable
from shared.settings.sections import DbSettings
from shared.telemetry.logs import logger

Connection: TypeAlias = psycopg.Connection[TupleRow]
T = TypeVar("T")

# A connection that rested longer may have been dropped without a word by something between us and the server.
_TRUSTED_IDLE_S = 30.0
_RETRY_AFTER_S = 2.0
_STEP_ASIDE_S = (0.01, 0.05)
# A server that vanished without a word is noticed in this time, not after the quarter of an hour TCP would wait.
_SILENCE_S = 15
_PASSING = (psycopg.OperationalError, psycopg.InterfaceError)
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
    """Lends connections. An environment of Lambda ever needs one or two; the chat server up to `pool_size`.

    Background threads of a pool freeze with the environment, so there are none: a connection is opened by
    the caller that needs it and looked at by the caller that gets it.
    """

    def __init__(self, settings: DbSettings) -> None:
        self._settings = settings
        self._idle: list[tuple[Connection, float]] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(settings.pool_size)

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
                    yield conn
                    is_committing = True
            except (*_PASSING, *_FAREWELLS) as error:
                if is_committing and _is_lost(conn, error):
                    conn.close()
                    raise CommitUnclear(retry_after_s=_RETRY_AFTER_S) from error
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
        with self._lock:
            idle, self._idle = self._idle, []
        for conn, _ in idle:
            conn.close()

    @contextmanager
    def _borrowed(self) -> Generator[Connection]:
        with self._places:
            conn = self._take()
            try:
                with _translated(conn):
                    yield conn
            finally:
                self._give_back(conn)

    def _take(self) -> Connection:
        while True:
            with self._lock:
                if not self._idle:
                    break
                conn, since = self._idle.pop()
            if _is_alive(conn, monotonic() - since):
                return conn
            conn.close()
        return self._connect()

    def _connect(self) -> Connection:
        try:
            try:
                return self._dial()
            except errors.ConnectionTimeout:
                raise
            except psycopg.OperationalError:
                # Somebody who was just coming in when the server ended its sessions; to a second call it may answer.
                return self._dial()
        except psycopg.Error as error:
            raise DatabaseUnavailable(retry_after_s=_RETRY_AFTER_S) from error

    def _dial(self) -> Connection:
        schema = self._settings.db_schema
        return psycopg.connect(
            self._settings.dsn,
            autocommit=True,
            prepare_threshold=self._settings.prepare_threshold,
            connect_timeout=self._settings.connect_timeout_seconds,
            application_name="honcho-serverless",
            # Proxies refuse start-up options, so the usual schema does without.
            options=None if schema == "public" else f"-c search_path={schema},public",
            keepalives_idle=_SILENCE_S,
            keepalives_interval=_SILENCE_S // 3,
            keepalives_count=3,
            tcp_user_timeout=_SILENCE_S * 1000,
        )

    def _give_back(self, conn: Connection) -> None:
        if conn.closed or conn.info.transaction_status != pq.TransactionStatus.IDLE:
            conn.close()
            return
        with self._lock:
            self._idle.append((conn, monotonic()))


def open_database(settings: DbSettings) -> Database:
    """A database that connects on first use."""
    return Database(settings)


def _is_alive(conn: Connection, idle_s: float) -> bool:
    """Whether a resting connection can be used. A server that hung up leaves something to read on the socket."""
    if conn.closed:
        return False
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if idle_s < _TRUSTED_IDLE_S and not poll.poll(0):
        return True
    try:
        conn.execute("")
    except _PASSING:
        return False
    return True


def _is_lost(conn: Connection, error: psycopg.Error) -> bool:
    return conn.closed or isinstance(error, _FAREWELLS)


@contextmanager
def _translated(conn: Connection) -> Generator[None]:
    try:
        yield
    except (errors.DeadlockDetected, errors.SerializationFailure, errors.ForeignKeyViolation) as error:
        raise Deadlocked(retry_after_s=_RETRY_AFTER_S) from error
    except (*_PASSING, *_FAREWELLS) as error:
        if not _is_lost(conn, error):
            raise DatabaseUnavailable(retry_after_s=_RETRY_AFTER_S) from error
        conn.close()
        raise ConnectionLost(retry_after_s=_RETRY_AFTER_S) from error
