"""Handing owed wake-ups to the queue, at once and again by tick."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.backends import Backends
from shared.domain.errors import DatabaseUnavailable, QueueUnavailable
from shared.domain.retry import Batch
from shared.domain.work import WakeUp
from shared.memory.timer import arm
from shared.store import outbox
from shared.store.database import ConnectionLost
from shared.telemetry.logs import logger

_RESEND_SLACK = timedelta(minutes=5)
_BATCH = 200
_MOST_BATCHES = 50


def send(backends: Backends, wake_ups: Sequence[WakeUp], *, batch: Batch | None = None) -> int:
    """Send what is owed and note that it was sent, and see to a visit of tick; gives how many the queue took.

    For after every commit that plans, also when nothing is owed at once. `batch` is one that is noted as unanswered and
    whose answer goes out next. Never raises, whatever fails: what was written before stays owed, and costs time only.
    """
    sent = _sent(backends, wake_ups)
    if len(sent) < len(wake_ups):
        logger.warning("wake_ups_not_sent", count=len(wake_ups) - len(sent))
    if sent or batch is not None:
        _mark_sent(backends, sent, batch)
    # Last: what was sent is due much later than what was not.
    arm(backends)
    return len(sent)


def _sent(backends: Backends, wake_ups: Sequence[WakeUp]) -> Sequence[WakeUp]:
    if not wake_ups:
        return ()
    try:
        return backends.queue.send(wake_ups)
    except QueueUnavailable as error:
        logger.warning("queue_not_reached", error=str(error))
    except Exception:
        # Even a mistake of ours must not make an error out of a request that is committed.
        logger.exception("wake_ups_broke_off")
    return ()


def relay(backends: Backends) -> int:
    """Wake every unit whose time has come: token batches that grew old, retries, wake-ups that were lost.

    Gives how many wake-ups were sent.
    """
    count = 0
    for _ in range(_MOST_BATCHES):
        now = backends.clock.now()
        wake_ups = backends.db.run(lambda conn, now=now: outbox.wake_due(conn, now=now, most=_BATCH))
        sent = send(backends, wake_ups)
        count += sent
        # A queue that is down is asked again next time, not fifty times in a row.
        if sent < len(wake_ups) or len(wake_ups) < _BATCH:
            break
    return count


def next_due(backends: Backends) -> datetime | None:
    """When `relay` will have something to do; None when nothing is pending."""
    with backends.db.reading() as conn:
        return outbox.next_due(conn)


def _mark_sent(backends: Backends, sent: Sequence[WakeUp], batch: Batch | None) -> None:
    resend_after = timedelta(seconds=backends.settings.queue.visibility_seconds) + _RESEND_SLACK
    now = backends.clock.now()
    answered = None if batch is None or batch.is_late(now) else batch

    def mark() -> None:
        with backends.db.reading() as conn:
            outbox.mark_sent(conn, sent, now=now, resend_after=resend_after, answered=answered)

    try:
        try:
            mark()
        except ConnectionLost:
            # Worth a second try: without the mark the next message in the same words would look like this one.
            backends.db.close()
            mark()
    except DatabaseUnavailable as error:
        logger.warning("wake_ups_not_marked", count=len(sent), error=type(error).__name__)
    except Exception:
        logger.exception("mark_broke_off")
