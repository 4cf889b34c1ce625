"""Handing owed wake-ups to the queue, at once and again by tick."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.backends import Backends
from shared.domain.errors import DatabaseUnavailable, QueueUnavailable
from shared.domain.work import WakeUp
from shared.store import outbox
from shared.telemetry.logs import logger

_RESEND_SLACK = timedelta(minutes=5)
_BATCH = 200
_MOST_BATCHES = 50


def send(backends: Backends, wake_ups: Sequence[WakeUp]) -> int:
    """Send what is owed and note that it was sent; gives how many the queue took.

    Never raises for a queue or a database that is away: what was written before stays owed, and costs time only.
    """
    if not wake_ups:
        return 0
    try:
        sent = backends.queue.send(wake_ups)
    except QueueUnavailable as error:
        logger.warning("wake_ups_not_sent", count=len(wake_ups), error=str(error))
        return 0
    if len(sent) < len(wake_ups):
        logger.warning("wake_ups_not_sent", count=len(wake_ups) - len(sent))
    if sent:
        _mark_sent(backends, sent)
    return len(sent)


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


def _mark_sent(backends: Backends, sent: Sequence[WakeUp]) -> None:
    resend_after = timedelta(seconds=backends.settings.queue.visibility_seconds) + _RESEND_SLACK
    now = backends.clock.now()
    try:
        with backends.db.reading() as conn:
            outbox.mark_sent(conn, sent, now=now, resend_after=resend_after)
    except DatabaseUnavailable as error:
        logger.warning("wake_ups_not_marked", count=len(sent), error=type(error).__name__)
