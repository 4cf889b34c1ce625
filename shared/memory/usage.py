"""What calls of models took and cost: reported for a time, and kept by day when they are old."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from shared.backends import Backends
from shared.domain.clock import as_utc, iso_z
from shared.domain.errors import Invalid
from shared.domain.spending import month_of
from shared.domain.usage import Grouping, Totals, Usage
from shared.store import calls
from shared.store.database import Connection

LONGEST: Final = timedelta(days=400)
_MOST_AT_ONCE: Final = 5000
_MOST_BATCHES: Final = 20


def moment(text: str, name: str) -> datetime:
    """The time that an ISO date or time names, in UTC: a date its midnight. Raises `Invalid`, naming `name`."""
    try:
        return as_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise Invalid(f"{name} must be a date or a time in ISO 8601, such as 2026-05-01 or 2026-05-01T12:00Z") from None


def period(since: str | None, until: str | None, *, now: datetime, kept_days: int) -> tuple[datetime, datetime]:
    """The time asked for: this month until now where nothing is said. Half-open: `until` itself is not in it.

    Raises `Invalid` where it is no time, too long, or cuts a day of which only the sum is kept.
    """
    first = _midnight(month_of(now)) if since is None else moment(since, "from")
    last = max(now + timedelta(microseconds=1), first) if until is None else moment(until, "to")
    if last < first:
        raise Invalid("to must not be before from")
    if last - first > LONGEST:
        raise Invalid(f"from and to must not be more than {LONGEST.days} days apart")
    oldest = kept_since(now, kept_days)
    for name, edge in (("from", first), ("to", last)):
        if edge < oldest and edge != _midnight(edge.date()):
            raise Invalid(f"{name} must be a whole day in UTC: before {iso_z(oldest)} only sums of days are kept")
    return first, last


def kept_since(now: datetime, kept_days: int) -> datetime:
    """The midnight from which on calls are kept one by one."""
    return _midnight((now - timedelta(days=kept_days)).astimezone(UTC).date())


def report(conn: Connection, workspace: str | None, since: datetime, until: datetime, by: Grouping) -> Usage:
    """What was used, by group; of all workspaces where none is named."""
    total, groups, unpriced = Totals(), dict[str, Totals](), dict[str, None]()
    for group, model, sums in calls.used(conn, workspace, since=since, until=until, by=by):
        total += sums
        groups[group] = groups.get(group, Totals()) + sums
        if sums.unpriced_calls:
            unpriced[model] = None
    return Usage(since, until, total, groups, tuple(sorted(unpriced)))


def roll_up(backends: Backends) -> int:
    """Put the calls that are too old to be kept one by one into the sums of their days; gives how many."""
    before = kept_since(backends.clock.now(), backends.settings.usage.retention_days)
    count = 0
    for _ in range(_MOST_BATCHES):
        moved = backends.db.run(lambda conn: calls.roll_up(conn, before=before, most=_MOST_AT_ONCE))
        count += moved
        if moved < _MOST_AT_ONCE:
            break
    return count


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
