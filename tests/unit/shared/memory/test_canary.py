"""What the canary says of the memory, from the facts it told."""

from datetime import timedelta

import pytest

from shared.memory.canary import Health, judged
from shared.store.canary import Told
from tests.support.backends import THEN

MINUTE = timedelta(minutes=1)
WITHIN = 10 * MINUTE


def told(minutes_ago: int, learnt_after: int | None = None) -> Told:
    """A fact told so long ago, and how long it took to be learnt; None: it is not yet."""
    at = THEN - minutes_ago * MINUTE
    return Told(f"run-{minutes_ago}", at, None if learnt_after is None else at + learnt_after * MINUTE)


@pytest.mark.parametrize(
    ("facts", "is_ok", "minutes"),
    [
        ([], None, 0),
        ([told(15, 1)], True, 1),
        ([told(15, 10)], True, 10),
        ([told(15, 11)], False, 11),
        # Too early to say, and it is said since when.
        ([told(9)], None, 9),
        ([told(10)], None, 10),
        ([told(11)], False, 11),
        # The last one counts; the oldest that is owed says how long the memory has not learnt.
        ([told(45), told(30), told(15)], False, 45),
        ([told(45), told(30, 2), told(15, 3)], True, 45),
        ([told(30, 2), told(3)], None, 3),
    ],
)
def test_judged_says_whether_the_last_fact_was_learnt_in_time(facts, is_ok, minutes):
    assert judged(facts, THEN, within=WITHIN) == Health(is_ok, minutes * 60.0)
