"""The times that a usage report may be of."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import Invalid
from shared.memory.usage import kept_since, period

NOW = datetime(2026, 5, 20, 13, 30, tzinfo=UTC)


def span(since: str | None = None, until: str | None = None, kept_days: int = 40) -> tuple[datetime, datetime]:
    return period(since, until, now=NOW, kept_days=kept_days)


def test_period_is_this_month_until_now_where_nothing_is_said():
    first, last = span()
    assert first == datetime(2026, 5, 1, tzinfo=UTC)
    assert timedelta(0) < last - NOW <= timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-02", datetime(2026, 5, 2, tzinfo=UTC)),
        ("2026-05-02T10:00", datetime(2026, 5, 2, 10, tzinfo=UTC)),
        ("2026-05-02T10:00:00Z", datetime(2026, 5, 2, 10, tzinfo=UTC)),
        ("2026-05-02T10:00:00+02:00", datetime(2026, 5, 2, 8, tzinfo=UTC)),
    ],
)
def test_period_takes_dates_and_times_in_utc_unless_they_say_otherwise(text: str, moment: datetime):
    assert span(text)[0] == moment


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("yesterday", None, "from must be a date or a time in ISO 8601, such as 2026-05-01"),
        ("2026-05-02", "2026-13-01", "to must be a date or a time"),
        ("2026-05-02", "2026-05-01", "to must not be before from"),
        ("2024-01-01", "2026-01-01", "from and to must not be more than 400 days apart"),
        ("2026-04-01T12:00", "2026-05-01", "from must be a whole day in UTC: before 2026-04-10T00:00:00Z only sums"),
        ("2026-04-01", "2026-04-02T01:00+02:00", "to must be a whole day in UTC"),
        ("0001-01-01T00:00+14:00", None, "from must be a date"),
    ],
)
def test_period_that_makes_no_sense_is_refused_with_a_sentence(since: str, until: str | None, said: str):
    with pytest.raises(Invalid, match=said):
        span(since, until)


def test_period_of_days_that_are_rolled_up_is_told_by_whole_days():
    assert span("2026-03-01", "2026-03-02")[0] == datetime(2026, 3, 1, tzinfo=UTC)
    assert kept_since(NOW, 40) == datetime(2026, 4, 10, tzinfo=UTC)


def test_period_of_a_future_that_has_no_end_is_empty():
    first, last = span("2030-01-01")
    assert first == last
