"""When the next work is due, asked of the database without holding up the event loop."""

import logging
from datetime import datetime

import psycopg

from shared.store import refusals

logger = logging.getLogger(__name__)

_NEXT_DUE = "SELECT min(due_at) FROM work_units WHERE due_at IS NOT NULL"


class DueTimes:
    """One connection of its own, made again when it is lost."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection[tuple[datetime | None]] | None = None
        self._is_away = False

    async def next_due(self) -> datetime | None:
        """The earliest due time; None when nothing is, or when the database cannot say now."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
            cursor = await self._connection.execute(_NEXT_DUE)
            row = await cursor.fetchone()
        except psycopg.errors.UndefinedTable:
            return None
        except psycopg.Error as error:
            if not self._is_away:
                # Once and not each second: it is asked that often.
                logger.warning("due_times_unknown error=%s", refusals.reason_of(error) or type(error).__name__)
            self._is_away = True
            return None
        if self._is_away:
            logger.warning("due_times_known_again")
        self._is_away = False
        return row[0] if row else None

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
