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
    return as_utc(moment).strftime("%Y-%m-%d %H:%M:%S")


def minute(moment: datetime) -> str:
    """`moment` as `YYYY-MM-DD HH:MM` in UTC: what a model needs of it, at fewer tokens."""
    return as_utc(moment).strftime("%Y-%m-%d %H:%M")


def clock_time(moment: datetime) -> str:
    """`moment` as `HH:MM` in UTC, where the day is known."""
    return as_utc(moment).strftime("%H:%M")


def iso_z(moment: datetime) -> str:
    """`moment` as ISO 8601 with `Z`; microseconds only when there are any."""
    return as_utc(moment).isoformat().replace("+00:00", "Z")
