"""Having tick come in time where no rate brings it: whoever makes something due sees to a visit, after the commit.

Everybody looks at everything that is due, and not only at what is their own: what somebody left behind who died between
the commit and this is found by the next who comes by, and by every visit.
"""

from datetime import datetime, timedelta

from shared.backends import Backends
from shared.domain.errors import ServiceError, TimerUnavailable, cause_of
from shared.store import timer
from shared.store.timer import Horizon, LeftOver
from shared.telemetry.logs import logger

# A schedule refuses a time that is past when it arrives. While much is going on, visits are no closer than that.
SOONEST = timedelta(seconds=20)
# A due time is written before it is committed, by a clock that is not tick's.
_MARGIN = timedelta(minutes=1)
_FIRST_PAUSE = timedelta(minutes=1)
# From there on the daily sweep is as good.
_LONGEST_PAUSE = timedelta(days=1)
_MOST_CORRECTIONS = 5


def arm(backends: Backends, *, by: datetime | None = None) -> None:
    """See to a visit for what is due next; for after a commit. Never raises: what goes wrong costs time only.

    `by`: what the caller left to a visit whose time nobody else would see, conclusions that are old and owed anew.
    """
    if not backends.timer.is_used:
        return
    try:
        with backends.db.reading() as conn:
            at = timer.arm(conn, _horizon(backends), again_at=by)
        if at is not None:
            _order(backends, at)
    except ServiceError as error:
        logger.warning("tick_not_ordered", error=cause_of(error))
    except Exception:
        # Even a mistake of ours must not make an error out of something that is committed.
        logger.exception("tick_order_broke_off")


def rearm(backends: Backends, *, began: datetime) -> None:
    """End tick's visit: order the next one, or none while nothing is due. Raises `TimerUnavailable`.

    First it is said that nothing is ordered, then looked what is due: whoever makes something due in between either
    was seen by this look, or sees that nothing is ordered.
    """
    if not backends.timer.is_used:
        return
    with backends.db.reading() as conn:
        timer.visited(conn, until=began - _MARGIN)
        left = timer.left_over(conn)
        timer.arm(conn, _horizon(backends), again_at=_again(left, began))
        at = timer.armed_for(conn)
    # Also when it should be set already: this is where a mistake ends, wherever it came from.
    _order(backends, at)


def _order(backends: Backends, at: datetime | None) -> None:
    """Set the timer as the row has it.

    Of two who set it at once the one with the later time may come last. Each looks at the row once more when it is
    done, so whoever came last puts it right.
    """
    for _ in range(_MOST_CORRECTIONS):
        try:
            backends.timer.set(at)
        except TimerUnavailable:
            if at is not None:
                with backends.db.reading() as conn:
                    timer.disarm(conn, at)
            raise
        with backends.db.reading() as conn:
            now = timer.armed_for(conn)
        # Nothing ordered: somebody else's order failed, or tick has just looked. A visit too many does no harm.
        if now == at or now is None:
            return
        at = now
    logger.warning("tick_orders_crossed")


def _horizon(backends: Backends) -> Horizon:
    now = backends.clock.now()
    return Horizon(now, now + SOONEST)


def _again(left: LeftOver, began: datetime) -> datetime | None:
    """When to try what the visit left: work soon; vectors after as long again as they have waited, up to a day.

    A store that is away, or a budget without room, must not keep the database awake.
    """
    times = [began + _FIRST_PAUSE] if left.has_work else []
    if left.vectors is not None:
        times.append(began + min(max(began - left.vectors, _FIRST_PAUSE), _LONGEST_PAUSE))
    if left.later is not None:
        times.append(max(left.later, began + _FIRST_PAUSE))
    return min(times, default=None)
