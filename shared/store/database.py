"""Connections to Postgres: a few warm ones, each lent to one caller at a time."""

import select
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
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
_PASSING = (psycopg.OperationalError, psycopg.InterfaceError)


class Deadlocked(DatabaseUnavailable):
    """Postgres chose this transaction as the victim of a deadlock."""


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

        Raises `DatabaseUnavailable` when there is no server, or it went away.
        """
        with self._borrowed() as conn, conn.transaction():
            yield conn

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

    def run(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction, once more when Postgres chose it as the victim of a deadlock."""
        try:
            with self.transaction() as conn:
                return work(conn)
        except Deadlocked:
            logger.warning("transaction_repeated")
            with self.transaction() as conn:
                return work(conn)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for conn, _ in idle:
            conn.close()

    @contextmanager
    def _borrowed(self) -> Generator[Connection]:
        with self._places, _translated():
            conn = self._take()
            try:
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
        schema = self._settings.db_schema
        return psycopg.connect(
            self._settings.dsn,
            autocommit=True,
            prepare_threshold=self._settings.prepare_threshold,
            connect_timeout=self._settings.connect_timeout_seconds,
            application_name="honcho-serverless",
            # Proxies refuse start-up options, so the usual schema does without.
            options=None if schema == "public" else f"-c search_path={schema},public",
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


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (errors.DeadlockDetected, errors.SerializationFailure) as error:
        raise Deadlocked(retry_after_s=_RETRY_AFTER_S) from error
    except _PASSING as error:
        raise DatabaseUnavailable(retry_after_s=_RETRY_AFTER_S) from error
