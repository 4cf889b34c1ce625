"""Moments as they are written for people and models."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.domain.clock import minute, stamp


@pytest.mark.parametrize(
    ("moment", "to_the_second", "to_the_minute"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00", "0001-01-01 00:00"),
        (datetime(987, 6, 5, 4, 3, 2, 1, UTC), "0987-06-05 04:03:02", "0987-06-05 04:03"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), "9999-12-31 23:59:59", "9999-12-31 23:59"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2025-12-31 22:00:00", "2025-12-31 22:00"),
    ],
)
def test_moment_is_written_with_all_its_digits_in_utc(moment: datetime, to_the_second: str, to_the_minute: str):
    assert (stamp(moment), minute(moment)) == (to_the_second, to_the_minute)
