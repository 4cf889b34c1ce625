"""A stretch of time, as a model or a person names its ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.domain.clock import as_utc
from shared.domain.errors import Invalid

# What a text of this length stands for: a day is the whole day, a minute the whole minute.
_MEANT: Final = {
    len("2026-03-01"): timedelta(days=1),
    len("2026-03-01T09:30"): timedelta(minutes=1),
    len("2026-03-01T09:30:00"): timedelta(seconds=1),
}
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, and before `until`; None leaves that end open."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.since is None and self.until is None


def period(after: str, before: str) -> Period:
    """The time from `after` to `before`, both ISO 8601 and both included; "" leaves an end open.

    A day alone means the whole day, a minute the whole minute. Raises `Invalid`.
    """
    since = _moment(after) if after.strip() else None
    until = _after(before.strip()) if before.strip() else None
    if since is not None and until is not None and since >= until:
        raise Invalid("The first date is not before the second one.")
    return Period(since, until)


def _after(text: str) -> datetime:
    """The first moment that no longer belongs to what `text` means."""
    written = len(text.removesuffix("Z"))
    try:
        return _moment(text) + _MEANT.get(written, _INSTANT)
    except OverflowError as error:
        raise Invalid("That is after the end of time.") from error


def _moment(text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError) as error:
        raise Invalid("Dates must be ISO 8601, such as 2026-03-01 or 2026-03-01T09:30:00Z.") from error
