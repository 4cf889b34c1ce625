"""Working on a unit: claim, do, and settle what went wrong where it can be seen."""

import math
from collections.abc import Callable
from datetime import timedelta

from shared.backends import Backends
from shared.domain.errors import (
    AnswerUnreadable,
    BudgetExhausted,
    DatabaseUnavailable,
    OutOfTime,
    ServiceError,
    Unavailable,
)
from shared.domain.work import Claim, TaskKind, WorkUnit
from shared.memory import metering
from shared.memory.attempt import Attempt, attempted
from shared.memory.planning import derive_gate
from shared.memory.relay import send
from shared.memory.timer import arm
from shared.store import forgetting, repair, stops, work
from shared.store.work import ClaimLost, ClaimTerms
from shared.telemetry.logs import logger

_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 900.0
_MOST_GIVEN_UP = 1000


def perform(backends: Backends, unit: WorkUnit, do: Callable[[Backends, Claim], None], *, window_tokens: int) -> None:
    """Claim the unit's oldest window and `do` it; nothing happens when there is none to claim now.

    An outage moves the unit's due time and is tried again for ever, and what is out of time goes on as soon as it
    can; whatever else fails is tried again
    `max_attempts` times and then parked with its error, so that the unit goes on. What the budget of the workspace has
    no room for waits until it has. `do` must finish the claim itself, in the transaction of its effects, with the
    backends it is given: their models are metered. Work on a session that is being deleted is dropped, and put
    off while something is erased from it.
    """
    terms = ClaimTerms(
        gate=derive_gate(backends.settings),
        window_tokens=window_tokens,
        lease=timedelta(seconds=backends.settings.lease_seconds),
    )
    claimed = backends.db.run(lambda conn: work.claim(conn, unit, terms, now=backends.clock.now()))
    # Whoever dies of it from here on is found when the lease runs out.
    arm(backends)
    if claimed is None:
        return
    with attempted(claimed) as attempt:
        _performed(backends, claimed, do, attempt)


def _performed(backends: Backends, claimed: Claim, do: Callable[[Backends, Claim], None], attempt: Attempt) -> None:
    unit = claimed.unit
    try:
        _attempt(backends, claimed, do, attempt)
    except ClaimLost as error:
        attempt.ended("lost", error)
        logger.warning("claim_lost", unit=unit.alias)
        with backends.db.transaction() as conn:
            forgetting.let_go(conn, claimed, due_at=backends.clock.now() + work.HELD_PAUSE)
        arm(backends)
    except DatabaseUnavailable as error:
        attempt.ended("interrupted", error)
        # Nothing can be written about it now. The lease runs out and tick wakes the unit; back in the queue,
        # the wake-up would hold up its session for the whole visibility.
        logger.exception("work_interrupted", unit=unit.alias, attempts=claimed.attempts)


def _attempt(backends: Backends, claimed: Claim, do: Callable[[Backends, Claim], None], attempt: Attempt) -> None:
    if claimed.failures > _most_attempts(backends, claimed):
        # Every earlier attempt ended without a word: the worker died of it, each time.
        attempt.ended("parked")
        park(backends, claimed, "worker ended without an answer")
        return
    try:
        with metering.metered(
            backends,
            claimed.unit.workspace,
            run=claimed.run,
            embedding=metering.INDEX,
            has_budget=claimed.has_budget,
        ) as own:
            do(own, claimed)
    except (ClaimLost, DatabaseUnavailable):
        raise
    except BudgetExhausted as error:
        attempt.ended("put_off", error)
        _stop(backends, claimed, error)
    except Exception as error:
        _settle(backends, claimed, error, attempt)


def _settle(backends: Backends, claimed: Claim, error: Exception, attempt: Attempt) -> None:
    is_outage = isinstance(error, Unavailable) and not isinstance(error, AnswerUnreadable)
    # A service error says what it is; the text of any other may quote what was said.
    reason = f"{type(error).__name__}: {error}" if isinstance(error, ServiceError) else type(error).__name__
    if not is_outage and claimed.failures >= _most_attempts(backends, claimed):
        attempt.ended("parked", error)
        logger.exception("work_parked", unit=claimed.unit.alias, attempts=claimed.attempts)
        park(backends, claimed, reason)
        return
    pause_s = 0.0 if isinstance(error, OutOfTime) else _pause_s(claimed.attempts, error)
    attempt.ended("put_off", error)
    logger.exception("work_put_off", unit=claimed.unit.alias, attempts=claimed.attempts, pause_s=pause_s)
    due_at = backends.clock.now() + timedelta(seconds=pause_s)
    with backends.db.transaction() as conn:
        work.retry_later(conn, claimed, reason, is_outage=is_outage, due_at=due_at)
    arm(backends)


def _stop(backends: Backends, claimed: Claim, error: BudgetExhausted) -> None:
    """Let the window wait for its budget. It is nobody's failure, and the work is done some day: it is never parked."""
    logger.warning("work_stopped_by_budget", unit=claimed.unit.alias, until=error.until.isoformat())
    with backends.db.transaction() as conn:
        stops.stop(conn, claimed, f"{type(error).__name__}: {error}", needed=error.needed, until=error.until)
    arm(backends)


def _most_attempts(backends: Backends, claimed: Claim) -> float:
    # What was promised to be forgotten is never set aside; its errors are in the log.
    is_promised = claimed.unit.kind in (TaskKind.FORGET, TaskKind.ERASE)
    return math.inf if is_promised else backends.settings.deriver.max_attempts


def _pause_s(attempts: int, error: Exception) -> float:
    """Twice as long each time; longer where the other side says so."""
    pause_s = min(_FIRST_PAUSE_S * 2 ** (attempts - 1), _LONGEST_PAUSE_S)
    asked_s = error.retry_after_s if isinstance(error, Unavailable) else None
    return max(pause_s, min(asked_s or 0.0, _LONGEST_PAUSE_S))


def park(backends: Backends, claimed: Claim, reason: str) -> None:
    """Set the claim aside with `reason`, so that its unit goes on."""
    with backends.db.transaction() as conn:
        wake_ups = work.park(conn, claimed, reason, gate=derive_gate(backends.settings), now=backends.clock.now())
    send(backends, wake_ups)


def give_up_parked(backends: Backends) -> int:
    """Give up what was set aside longer ago than its errors are kept, so many at a time; gives how many."""
    now = backends.clock.now()
    before = now - timedelta(seconds=backends.settings.deriver.queue_error_retention_seconds)
    return backends.db.run(lambda conn: repair.give_up_parked(conn, before=before, now=now, most=_MOST_GIVEN_UP))
