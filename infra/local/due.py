"""When the next work is due, asked of the database without holding up the event loop."""

import logging
from datetime import datetime

import psycopg

logger = logging.getLogger(__name__)

_NEXT_DUE = "SELECT min(due_at) FROM work_units WHERE due_at IS NOT NULL"


class DueTimes:
    """One connection of its own, made again when it is lost."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection[tuple[datetime | None]] | None = None

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
            logger.warning("due_times_unknown error=%s", type(error).__name__)
            return None
        return row[0] if row else None

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
