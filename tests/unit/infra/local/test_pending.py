"""What an operator reads of pending work: why it waits, until when, and what went wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.local import pending
from shared.domain.status import WaitingUnit, WaitReason

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
REFUSED = "ModelRefused: custom/tiny refused the request (HTTP 401)"


def line(reason: WaitReason, *, due_s: int | None = None, error: str | None = None, attempts: int = 0) -> str:
    """What is said of one unit, after its name and size."""
    due_at = None if due_s is None else NOW + timedelta(seconds=due_s)
    oldest = NOW - timedelta(seconds=9)
    unit = WaitingUnit("acme", "derive:s:ada", 1, 7, reason, due_at, oldest, attempts, error)
    head, _, rest = pending.lines([unit], 0, NOW).partition("oldest 9 s: ")
    assert head == "acme/derive:s:ada: 1 item, 7 tokens, "
    return rest


def test_work_that_was_put_off_says_why_and_until_when():
    said = line("backoff", due_s=64, error=REFUSED, attempts=3)
    assert said == f"put off after a failure, again in 64 s ({REFUSED}, attempt 3)"


def test_work_at_a_worker_says_how_long_at_most_and_what_became_of_it_before():
    said = line("lease", due_s=89, error=REFUSED, attempts=2)
    assert said == f"being worked on, for at most 89 s (last time {REFUSED}, attempt 2)"


def test_work_that_is_due_has_no_time():
    assert line("due", due_s=-3) == "due, taken up at the scheduler's next visit"


def test_reason_of_a_later_release_is_shown_as_it_is():
    assert line("moonlight") == "moonlight"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parked", "told"),
    [
        (0, "nothing is pending"),
        (1, "1 parked item: see 'python3 -m infra parked list'"),
        (1000, "1000 or more parked items: see 'python3 -m infra parked list'"),
    ],
)
def test_what_was_set_aside_is_counted_as_far_as_it_was_looked(parked: int, told: str):
    assert pending.lines([], parked, NOW).splitlines()[-1] == told
