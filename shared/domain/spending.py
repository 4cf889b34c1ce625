"""Budgets: what a workspace may spend in a day and in a month of the calendar, in UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from shared.domain.errors import Invalid

PeriodKind = Literal["day", "month"]
# More than this is a slip of the finger.
MOST_USD: Final = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Limit:
    """Dollars of one period: at `soft` somebody is told, beyond `hard` nothing is called. None: no limit."""

    soft: Decimal | None = None
    hard: Decimal | None = None

    def __bool__(self) -> bool:
        return self.soft is not None or self.hard is not None


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a workspace, or of all that have none of their own. Without any it is false."""

    day: Limit = Limit()
    month: Limit = Limit()

    def __bool__(self) -> bool:
        return bool(self.day) or bool(self.month)


@dataclass(frozen=True, slots=True)
class Spent:
    """Where a workspace stands: dollars of the day and the month, and those reserved for calls under way."""

    day: Decimal = Decimal(0)
    month: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)


def checked(budget: Budget) -> Budget:
    """`budget`, if it makes sense. Raises `Invalid`."""
    for kind, limit in (("day", budget.day), ("month", budget.month)):
        for name, value in (("soft", limit.soft), ("hard", limit.hard)):
            if value is not None and not (value.is_finite() and 0 <= value <= MOST_USD):
                raise Invalid(f"{name}_usd_per_{kind} must be a number of dollars between 0 and {MOST_USD}")
        if limit.soft is not None and limit.hard is not None and limit.soft > limit.hard:
            raise Invalid(f"soft_usd_per_{kind} must not be above hard_usd_per_{kind}")
    return budget


def lacking_room(budget: Budget, spent: Spent, needed: Decimal | None) -> PeriodKind | None:
    """The period in whose hard limit a call of at most `needed` dollars has no room, the longer one first.

    A call whose price nobody knows (None) fits into no hard limit.
    """

    def is_lacking(limit: Limit, used: Decimal) -> bool:
        return limit.hard is not None and (needed is None or used + spent.reserved + needed > limit.hard)

    if is_lacking(budget.month, spent.month):
        return "month"
    return "day" if is_lacking(budget.day, spent.day) else None


def is_soft_reached(budget: Budget, spent: Spent) -> bool:
    """Whether the day or the month has come to its soft limit."""
    pairs = ((budget.day.soft, spent.day), (budget.month.soft, spent.month))
    return any(soft is not None and used >= soft for soft, used in pairs)


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def month_of(now: datetime) -> date:
    """The first day of the month."""
    return day_of(now).replace(day=1)


def end_of(kind: PeriodKind, now: datetime) -> datetime:
    """When the next day or month begins."""
    if kind == "day":
        return _midnight(day_of(now) + timedelta(days=1))
    return _midnight((month_of(now) + timedelta(days=32)).replace(day=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
