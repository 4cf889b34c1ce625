"""Event times: what a model writes as a date, read or refused."""

from datetime import UTC, datetime

import pytest

from shared.domain.event_time import event_time

SAID = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2031-05-04", datetime(2031, 5, 4, tzinfo=UTC)),
        (" 2031-05 ", datetime(2031, 5, 1, tzinfo=UTC)),
        ("1999", datetime(1999, 1, 1, tzinfo=UTC)),
        ("2031-05-04T23:30", datetime(2031, 5, 4, 23, 30, tzinfo=UTC)),
        ("2031-05-04 23:30:10.5Z", datetime(2031, 5, 4, 23, 30, 10, tzinfo=UTC)),
        ("2031-05-04T23:30:00-02:00", datetime(2031, 5, 5, 1, 30, tzinfo=UTC)),
        ("1000", datetime(1000, 1, 1, tzinfo=UTC)),
        ("2131-12-31", datetime(2131, 12, 31, tzinfo=UTC)),
    ],
)
def test_event_time_of_a_date_is_its_beginning_in_utc(given: str, expected: datetime):
    assert event_time(given, SAID) == expected


@pytest.mark.parametrize(
    "given",
    [
        *(None, "", "yesterday", "05/04/2031", "2031-13", "2031-02-30", "2031-5-4", "20310504", "2031-W10"),
        *("999", "0999-12-31", "2132", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:00", "2031-05-04T25:00"),
        "\u0662\u0660\u0663\u0661",
        "2031-05-04; DROP",
    ],
)
def test_event_time_of_anything_else_is_unknown(given: str | None):
    assert event_time(given, SAID) is None


def test_event_time_is_bounded_by_the_clock_of_the_message_not_ours():
    assert event_time("2205", SAID.replace(year=2106)) == datetime(2205, 1, 1, tzinfo=UTC)
    assert event_time("2101", SAID.replace(year=2000)) is None
