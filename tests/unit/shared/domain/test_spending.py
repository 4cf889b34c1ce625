"""The arithmetic of budgets, and of the calendar."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Invalid
from shared.domain.spending import (
    Budget,
    Limit,
    Spent,
    checked,
    day_of,
    end_of,
    is_soft_reached,
    lacking_room,
    month_of,
)

CENTS = st.decimals(0, 1000, places=2)
MOMENTS = st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(MOMENTS)
def test_periods_end_when_the_next_begins(now: datetime):
    for kind, begin in (("day", day_of), ("month", month_of)):
        end = end_of(kind, now)  # pyright: ignore[reportArgumentType]  # one of two
        assert now < end
        assert begin(end - timedelta(microseconds=1)) == begin(now)
        assert begin(end) > begin(now)


def test_periods_are_those_of_utc():
    late_in_new_york = datetime(2026, 12, 31, 22, tzinfo=timezone(timedelta(hours=-5)))
    assert str(day_of(late_in_new_york)) == "2027-01-01"
    assert end_of("month", late_in_new_york) == datetime(2027, 2, 1, tzinfo=UTC)


@given(CENTS, CENTS, CENTS, CENTS, CENTS, CENTS)
def test_room_is_what_hard_limits_leave_of_what_is_spent_and_reserved(
    hard_day: Decimal, hard_month: Decimal, day: Decimal, month: Decimal, reserved: Decimal, needed: Decimal
):
    budget, spent = Budget(Limit(hard=hard_day), Limit(hard=hard_month)), Spent(day, month, reserved)
    fits = day + reserved + needed <= hard_day and month + reserved + needed <= hard_month
    assert (lacking_room(budget, spent, needed) is None) == fits
    # Whoever may wait for the month does not come back tomorrow.
    if month + reserved + needed > hard_month:
        assert lacking_room(budget, spent, needed) == "month"


def test_call_without_a_price_fits_wherever_nothing_is_limited():
    spent = Spent(Decimal(5), Decimal(5))
    assert lacking_room(Budget(), spent, None) is None
    assert lacking_room(Budget(day=Limit(soft=Decimal(1))), spent, None) is None
    assert lacking_room(Budget(day=Limit(hard=Decimal(100))), spent, None) == "day"


def test_soft_limit_is_reached_by_the_day_or_by_the_month():
    budget = Budget(Limit(soft=Decimal(1)), Limit(soft=Decimal(10)))
    assert not is_soft_reached(budget, Spent(Decimal("0.99"), Decimal("9.99"), Decimal(50)))
    assert is_soft_reached(budget, Spent(Decimal(1), Decimal(1)))
    assert is_soft_reached(budget, Spent(Decimal(0), Decimal(10)))


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget(Limit(Decimal(2), Decimal(1))), "soft_usd_per_day must not be above"),
        (Budget(month=Limit(hard=Decimal(-1))), "hard_usd_per_month must be a number"),
        (Budget(month=Limit(soft=Decimal("NaN"))), "soft_usd_per_month must be a number"),
        (Budget(Limit(hard=Decimal("Infinity"))), "hard_usd_per_day must be a number"),
    ],
)
def test_budget_that_makes_no_sense_is_refused(budget: Budget, said: str):
    with pytest.raises(Invalid, match=said):
        checked(budget)
