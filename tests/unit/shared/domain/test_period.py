"""Times as a model names their ends."""

from datetime import UTC, datetime

import pytest

from shared.domain.errors import Invalid
from shared.domain.period import Period, period


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_period_of_two_days_holds_both_whole():
    assert period("2026-03-01", "2026-03-02") == Period(at(2026, 3, 1), at(2026, 3, 3))


@pytest.mark.parametrize(
    ("before", "until"),
    [
        ("2026-03-01T10:00Z", at(2026, 3, 1, 10, 1)),
        ("2026-03-01 10:00", at(2026, 3, 1, 10, 1)),
        ("2026-03-01T10:00:00Z", at(2026, 3, 1, 10, 0, 1)),
        ("2026-03-01T11:00:00+01:00", at(2026, 3, 1, 10, 0, 0, 1)),
    ],
)
def test_period_of_moments_holds_as_much_of_them_as_was_said(before: str, until: datetime):
    assert period("2026-03-01T09:30:00Z", before) == Period(at(2026, 3, 1, 9, 30), until)


def test_period_without_ends_is_open():
    assert period(" ", "") == Period()
    assert period("", "").is_open
    assert not period("2026-03-01", "").is_open


@pytest.mark.parametrize(
    ("after", "before"), [("soon", ""), ("", "2026-02-30"), ("2026-03-02", "2026-03-01"), ("9999-12-31", "9999-99-99")]
)
def test_period_that_makes_no_sense_is_invalid(after: str, before: str):
    with pytest.raises(Invalid):
        period(after, before)


def test_period_at_the_end_of_time_is_invalid_and_no_crash():
    with pytest.raises(Invalid):
        period("", "9999-12-31")
