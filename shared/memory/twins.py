"""Batches of messages that come twice without a key: which are the retry of one whose answer was lost.

A run that is committed but not answered either ended, and then the batch that comes again is its retry; or it is
still alive, and then nobody can tell yet. Waiting does: a live one gets its answer out within moments.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Final, TypeVar

from shared.backends import Backends
from shared.domain.errors import AnswerPending, AnswerTooLate, NotFound
from shared.domain.message import Message
from shared.domain.retry import Batch, Unanswered
from shared.memory.note import Note
from shared.store import messages, unanswered
from shared.store.database import Connection
from shared.telemetry.logs import logger

T = TypeVar("T")

# What COMMIT and handing the answer over may take of the time that is left.
_MARGIN: Final = timedelta(seconds=4)
_PATIENCE_S: Final = 1.5
_LOOK_AGAIN_S: Final = 0.02


class _StillAlive(Exception):
    """A run of the same batch may be about to answer."""

    def __init__(self, until: datetime, now: datetime) -> None:
        super().__init__()
        self.left_s = (until - now).total_seconds()


class Twins:
    """What one run of a batch knows of the others; without a batch nothing is looked for.

    Raises `AnswerPending` where it cannot be told whether this is a retry, `AnswerTooLate` for an answer that would
    find nobody: in both cases nothing was written.
    """

    def __init__(self, batch: Batch | None) -> None:
        self._batch = batch
        self._seen: set[str] | None = None
        self._taken: Batch | None = None

    def ended(self, found: Sequence[Unanswered], now: datetime) -> Unanswered | None:
        """The earlier run that this one is the retry of."""
        if found and found[0].lease_until <= now:
            return found[0]
        if self._seen is None:
            self._seen = {one.run for one in found}
        # Those that came later do not keep us waiting: they are waiting, too, or have us to wait for.
        awaited = [one for one in found if one.run in self._seen]
        if awaited:
            raise _StillAlive(awaited[-1].lease_until, now)
        return None

    def answered_for(
        self, conn: Connection, earlier: Unanswered, now: datetime, note: Note[list[Message]]
    ) -> list[Message]:
        """The messages that the earlier run wrote, in the transaction that takes its place."""
        assert self._batch is not None
        if not unanswered.take(conn, self._batch, earlier, now=now):
            raise _StillAlive(now, now)
        found = messages.by_ids(conn, self._batch.workspace, earlier.message_ids)
        if not found:
            raise NotFound("the messages were deleted")
        self._taken = self._batch.taking(earlier)
        written = [found[message_id] for message_id in earlier.message_ids if message_id in found]
        note(conn, written)
        return written

    def check_time(self, now: datetime) -> None:
        """Last in the transaction: what nobody would hear of is undone, so that its retry is the only one."""
        if self._batch is not None and self._batch.is_late(now, _MARGIN):
            raise AnswerTooLate

    def patiently(self, attempt: Callable[[], T]) -> T:
        """`attempt`, again and again while it meets a run that may be alive, for a moment."""
        until = monotonic() + _PATIENCE_S
        while True:
            try:
                return attempt()
            except _StillAlive as alive:
                if monotonic() > until:
                    logger.warning("batch_answer_pending")
                    raise AnswerPending(retry_after_s=max(1.0, alive.left_s)) from None
            sleep(_LOOK_AGAIN_S)

    def settle(self, backends: Backends, ids: Sequence[str]) -> None:
        """After all else, just before the answer is handed over: is there anybody left to take it?"""
        batch, now = self._taken or self._batch, backends.clock.now()
        if batch is None or not (batch.is_late(now) or self._taken):
            return
        try:
            with backends.db.reading() as conn:
                if batch.is_late(now):
                    unanswered.keep(conn, batch, ids, now=now)
                else:
                    unanswered.answered(conn, batch)
        except Exception:
            # Committed long ago: whatever this was, the answer goes out.
            logger.exception("batch_not_settled")
