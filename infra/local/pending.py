"""Pending work as an operator sees it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from shared.domain.status import WaitingUnit, WaitReason
from shared.memory.orders import MOST_PARKED, MOST_UNITS
from shared.store import status

_REASONS: dict[WaitReason, str] = {
    "lease": "being worked on",
    "backoff": "put off after a failure",
    "queue": "in the queue",
    "send": "about to be queued",
    "tokens": "gathering tokens",
    "due": "due, taken up at the scheduler's next visit",
    "deletion": "its session is being deleted",
    "budget": "stopped by the budget of its workspace",
}


def describe(dsn: str) -> str:
    """Which units have pending items, why they wait and until when; parked items; one line each."""
    now = datetime.now(UTC)
    with psycopg.connect(dsn) as conn:
        units = status.waiting(conn, now=now, most=MOST_UNITS + 1)
        parked = status.parked(conn, workspace=None, most=MOST_PARKED)
    return lines(units, len(parked), now)


def lines(units: Sequence[WaitingUnit], parked: int, now: datetime) -> str:
    """The same, of what was found; of more units than are shown there is one more."""
    said = [_line(unit, now) for unit in units[:MOST_UNITS]]
    if len(units) > MOST_UNITS:
        said.append("…")
    if not units:
        said.append("nothing is pending")
    if parked:
        count = f"{parked} or more" if parked == MOST_PARKED else str(parked)
        said.append(f"{count} parked item{'s' if parked > 1 else ''}: see 'python3 -m infra parked list'")
    return "\n".join(said)


def _line(unit: WaitingUnit, now: datetime) -> str:
    age = _span(now - unit.oldest_at) if unit.oldest_at else "?"
    # What is being worked on is looked at again only if its worker dies.
    then = ", for at most" if unit.reason == "lease" else ", again in"
    when = f"{then} {_span(unit.due_at - now)}" if unit.due_at and unit.due_at > now else ""
    attempt = f", attempt {unit.attempts}" if unit.attempts else ""
    # While it is at work again, that is what became of it the last time.
    last = "last time " if unit.reason == "lease" else ""
    error = f" ({last}{unit.error}{attempt})" if unit.error else ""
    items = f"{unit.items} item{'s' if unit.items != 1 else ''}, {unit.tokens} tokens"
    return f"{unit.workspace}/{unit.unit}: {items}, oldest {age}: {_REASONS.get(unit.reason, unit.reason)}{when}{error}"


def _span(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
