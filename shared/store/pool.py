"""Warm connections to Postgres: opened by the caller that needs one, looked at by the caller that gets one."""

import select
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Self, TypeAlias, cast

import psycopg
from psycopg import errors, pq, sql
from psycopg.rows import TupleRow

from shared.domain.errors import DatabaseUnavailable
from shared.settings.sections import DbSettings
from shared.store import refusals
from shared.telemetry.logs import logger

Connection: TypeAlias = psycopg.Connection[TupleRow]

RETRY_AFTER_S: Final = 2.0
PASSING: Final = (psycopg.OperationalError, psycopg.InterfaceError)
APPLICATION: Final = "honcho-serverless"
# A connection that rested longer may have been dropped without a word by something between us and the server.
_TRUSTED_IDLE_S: Final = 30.0
# A server that vanished without a word is noticed in this time, not after the quarter of an hour TCP would wait.
_SILENCE_S: Final = 15


class PoolExhausted(DatabaseUnavailable):
    """Every connection to the database is in use; DB_POOL_SIZE and DB_MAX_OVERFLOW say how many there may be."""


@dataclass(frozen=True, slots=True)
class _Resting:
    """A connection nobody uses: since when, and when it was opened."""

    conn: Connection
    since: float
    opened_at: float


class Pool:
    """Lends connections, `pool_size` of them again and again and `max_overflow` more once each.

    Background threads of a pool would freeze with an environment of Lambda, so there are none.
    """

    def __init__(self, settings: DbSettings, *, now: Callable[[], float] = monotonic) -> None:
        self._settings = settings
        self._now = now
        self._resting: list[_Resting] = []
        self._opened_at: dict[Connection, float] = {}
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(settings.pool_size + settings.max_overflow)

    def take(self) -> Connection:
        """A connection that works, for the caller alone. Raises `DatabaseUnavailable`."""
        if not self._places.acquire(timeout=self._settings.pool_timeout):
            raise PoolExhausted(retry_after_s=RETRY_AFTER_S)
        try:
            return self._rested() or self._connect()
        except BaseException:
            self._places.release()
            raise

    def give_back(self, conn: Connection) -> None:
        """The caller is done with it."""
        try:
            self._rest(conn)
        finally:
            self._places.release()

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._resting = self._resting, []
        for one in idle:
            one.conn.close()

    def _rested(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._resting:
                    return None
                one = self._resting.pop(-1 if self._settings.pool_use_lifo else 0)
            if self._is_usable(one):
                with self._lock:
                    self._opened_at[one.conn] = one.opened_at
                return one.conn
            one.conn.close()

    def _is_usable(self, one: _Resting) -> bool:
        if one.conn.closed or self._now() - one.opened_at > self._settings.pool_recycle:
            return False
        return not self._settings.pool_pre_ping or _answers(one.conn, self._now() - one.since)

    def _rest(self, conn: Connection) -> None:
        with self._lock:
            opened_at = self._opened_at.pop(conn, self._now())
            is_clean = not conn.closed and conn.info.transaction_status == pq.TransactionStatus.IDLE
            if is_clean and self._settings.pool_class != "null" and len(self._resting) < self._settings.pool_size:
                self._resting.append(_Resting(conn, self._now(), opened_at))
                return
        conn.close()

    def _connect(self) -> Connection:
        try:
            try:
                conn = self._dial()
            except errors.ConnectionTimeout:
                raise
            except psycopg.OperationalError:
                # Somebody who was just coming in when the server ended its sessions; to a second call it may answer.
                conn = self._dial()
        except psycopg.Error as error:
            raise DatabaseUnavailable(refusals.told(error), retry_after_s=RETRY_AFTER_S) from error
        with self._lock:
            self._opened_at[conn] = self._now()
        return conn

    def _dial(self) -> Connection:
        schema = self._settings.db_schema
        return psycopg.connect(
            self._settings.dsn,
            autocommit=True,
            prepare_threshold=self._settings.prepare_threshold,
            connect_timeout=self._settings.connect_timeout_seconds,
            application_name=APPLICATION,
            # Proxies refuse start-up options, so the usual schema does without.
            options=None if schema == "public" else f"-c search_path={schema},public",
            cursor_factory=_Telling if self._settings.sql_debug else None,
            keepalives_idle=_SILENCE_S,
            keepalives_interval=_SILENCE_S // 3,
            keepalives_count=3,
            tcp_user_timeout=_SILENCE_S * 1000,
        )


class _Telling(psycopg.Cursor[TupleRow]):
    """Logs each statement, never its values."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Self:
        text = query.as_string(self.connection) if isinstance(query, sql.Composable) else str(query)
        logger.info("statement", sql=" ".join(text.split()))
        return super().execute(cast(Any, query), *arguments, **options)


def _answers(conn: Connection, idle_s: float) -> bool:
    """Whether a resting connection can be used. A server that hung up leaves something to read on the socket."""
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if idle_s < _TRUSTED_IDLE_S and not poll.poll(0):
        return True
    try:
        conn.execute("")
    except PASSING:
        return False
    return True
