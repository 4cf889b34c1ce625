"""Time as a value that is handed in."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, in UTC and aware."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """`moment` in UTC; a naive one is taken as UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def stamp(moment: datetime) -> str:
    """`moment` as `YYYY-MM-DD HH:MM:SS` in UTC: the form that prompts and representations show."""
    return _written(moment, "seconds")


def minute(moment: datetime) -> str:
    """`moment` as `YYYY-MM-DD HH:MM` in UTC: what a model needs of it, at fewer tokens."""
    return _written(moment, "minutes")


def _written(moment: datetime, to: str) -> str:
    # `strftime` leaves out the zeros of years before 1000, such as those that some clients send for "no date".
    return as_utc(moment).replace(tzinfo=None).isoformat(" ", to)


def clock_time(moment: datetime) -> str:
    """`moment` as `HH:MM` in UTC, where the day is known."""
    return as_utc(moment).strftime("%H:%M")


def iso_z(moment: datetime) -> str:
    """`moment` as ISO 8601 with `Z`; microseconds only when there are any."""
    return as_utc(moment).isoformat().replace("+00:00", "Z")
