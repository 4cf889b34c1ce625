"""Work goes on by the scheduler's visits alone, whatever becomes of the wake-ups."""

import random
from datetime import timedelta

import pytest

from shared.domain.work import WakeUp
from shared.memory.relay import next_due, relay
from shared.memory.work import perform

_MOST_VISITS = 200


def _work_off(place, wake_ups: list[WakeUp]) -> None:
    for wake_up in wake_ups:
        perform(place.backends, wake_up.unit, lambda _, claimed: place.finishes(claimed), window_tokens=100)


@pytest.mark.parametrize(("lost", "within"), [(0.0, timedelta(hours=2)), (0.5, timedelta(hours=6))])
def test_work_when_no_wake_up_but_the_schedulers_arrives_drains(place, lost, within):
    """Whatever is sent after a commit is dropped, and of the scheduler's own wake-ups a part, by seed."""
    chance, begun = random.Random(7), place.clock.moment
    for session in ("s", "t"):
        place.says(session, *[("ada", "word " * 90)] * 5, ("bob", "small"))
    derived = [place.unit(session, peer) for session in ("s", "t") for peer in ("ada", "bob")]

    for _ in range(_MOST_VISITS):
        place.queue.take()
        due_at = next_due(place.backends)
        if due_at is None:
            break
        place.clock.moment = max(place.clock.moment, due_at)
        relay(place.backends)
        _work_off(place, [one for one in place.queue.take() if chance.random() >= lost])

    assert next_due(place.backends) is None
    assert place.clock.moment - begun < within
    assert {item["state"] for unit in derived for item in place.items(unit)} == {"finished"}
    assert [place.windows(unit) for unit in derived[::2]] == [[(n, n) for n in range(1, 6)]] * 2
