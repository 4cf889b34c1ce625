"""Wake-ups on their way: sent at once, owed when that fails, sent again when they are lost."""

from dataclasses import replace

import pytest

from shared.domain.work import TaskKind, WakeUp
from shared.memory.relay import next_due, relay, send
from tests.support.backends import THEN
from tests.support.database_proxy import DatabaseProxy


def spoken(place, tokens: int = 2000) -> list[tuple[str, str]]:
    """A message that passes the gate at once."""
    return [("ada", "word " * tokens)]


def test_record_sends_one_wake_up_per_unit(place):
    place.says("s", *spoken(place), *spoken(place), ("bob", "hello"))
    units = [wake_up.unit for wake_up in place.queue.sent]
    assert sorted(map(str, units)) == sorted(
        str(unit) for unit in (place.unit("s", "ada"), place.unit("s", kind=TaskKind.INDEX))
    )
    assert [place.unit_row(unit)["sent_at"] for unit in units] == [THEN, THEN]


def test_record_twice_within_a_second_leaves_no_message_unlooked_at(place):
    ada = place.unit("s", "ada")
    place.says("s", *spoken(place))
    place.clock.advance(seconds=1)
    place.says("s", *spoken(place))
    assert place.queue.take(TaskKind.DERIVE) == [WakeUp(ada, 1)]
    assert len(place.claims(ada, window_tokens=10_000).items) == 2


def test_record_twice_around_a_claim_sends_two_numbers_or_leaves_the_second_to_the_worker(place):
    index = place.unit("s", kind=TaskKind.INDEX)
    place.says("s", ("ada", "one"))
    first = place.queue.take(TaskKind.INDEX)
    claimed = place.claims(index)
    place.says("s", ("ada", "two"))
    assert (first, place.queue.take(TaskKind.INDEX)) == ([WakeUp(index, 1)], [])

    owed = place.finishes(claimed)

    assert owed == [WakeUp(index, 2)]
    assert send(place.backends, owed) == 1
    assert [item.seq for item in place.claims(index).items] == [2]


def test_relay_sends_what_could_not_be_sent_with_the_same_number(place):
    place.queue.is_down = True
    place.says("s", *spoken(place))
    assert relay(place.backends) == 0
    assert place.unit_row(place.unit("s", "ada"))["sent_at"] is None

    place.queue.is_down = False
    place.clock.advance(seconds=5)
    assert relay(place.backends) == 2
    assert WakeUp(place.unit("s", "ada"), 1) in place.queue.sent
    assert relay(place.backends) == 0


def test_relay_sends_what_the_queue_took_only_in_part(place):
    place.queue.accepts = 1
    place.says("s", *spoken(place))
    place.queue.accepts = None
    [early] = place.queue.take()
    place.clock.advance(seconds=5)
    assert relay(place.backends) == 1
    [late] = place.queue.take()
    assert {early.number, late.number} == {1}
    assert early.unit != late.unit


def test_relay_while_the_queue_is_down_tries_once_and_counts_nothing(place):
    for session in range(3):
        place.says(f"s{session}", ("ada", "x"))
    place.clock.advance(minutes=20)
    asked = []

    class Down:
        def send(self, wake_ups):
            asked.append(len(wake_ups))
            return []

    assert relay(replace(place.backends, queue=Down())) == 0
    assert asked == [3]


def test_relay_sends_a_lost_wake_up_again_after_its_time(place):
    ada = place.unit("s", "ada")
    place.says("s", *spoken(place))
    place.queue.take()
    place.clock.advance(minutes=13, seconds=59)
    assert relay(place.backends) == 0
    place.clock.advance(seconds=1)
    assert relay(place.backends) == 2
    assert place.queue.take(TaskKind.DERIVE) == [WakeUp(ada, 2)]


def test_relay_wakes_a_small_tail_when_it_grew_old(place):
    place.says("s", ("ada", "x"))
    place.finishes(place.claims(place.unit("s", kind=TaskKind.INDEX)))
    place.queue.take()
    assert next_due(place.backends) == THEN.replace(minute=30)
    place.clock.advance(minutes=30)
    assert relay(place.backends) == 1
    assert [item.seq for item in place.claims(place.unit("s", "ada")).items] == [1]


def test_relay_after_a_worker_died_wakes_its_unit_at_the_end_of_the_lease(place):
    ada = place.unit("s", "ada")
    place.says("s", *spoken(place))
    place.claims(ada)
    place.queue.take()
    place.clock.advance(seconds=89)
    relay(place.backends)
    assert place.queue.take(TaskKind.DERIVE) == []
    place.clock.advance(seconds=1)
    relay(place.backends)
    assert place.queue.take(TaskKind.DERIVE) == [WakeUp(ada, 2)]


def test_relay_takes_more_than_one_batch(place):
    for session in range(70):
        place.says(f"s{session}", *((peer, "x") for peer in ("a", "b", "c")))
    place.queue.take()
    place.clock.advance(minutes=31)
    assert relay(place.backends) == 70 * 4
    assert len({str(wake_up.unit) for wake_up in place.queue.sent}) == 70 * 4


def test_send_of_nothing_asks_nobody(place):
    place.queue.is_down = True
    assert send(place.backends, []) == 0


@pytest.mark.parametrize("drops_every_wake_up", [True, False])
def test_relay_alone_drains_everything_when_the_queue_loses_all(place, drops_every_wake_up):
    """Liveness without events: what is due again and again is looked at in the end."""
    place.says("s", *spoken(place), ("bob", "small"))
    place.queue.take()
    units = [place.unit("s", "ada"), place.unit("s", "bob"), place.unit("s", kind=TaskKind.INDEX)]
    for _ in range(40):
        if drops_every_wake_up:
            place.queue.take()
        relay(place.backends)
        for wake_up in place.queue.take():
            claimed = place.claims(wake_up.unit)
            if claimed:
                place.queue.sent += place.finishes(claimed)
        if not any(place.unit_row(unit)["pending_items"] for unit in units):
            break
        place.clock.advance(minutes=1)
    assert [place.unit_row(unit)["pending_items"] for unit in units] == [0, 0, 0]
    assert [place.unit_row(unit)["due_at"] for unit in units] == [None, None, None]


def test_send_when_the_database_is_away_says_what_the_queue_took(place, app_dsn):
    place.says("s", ("ada", "x"))
    [wake_up] = place.queue.take()
    with DatabaseProxy(app_dsn) as proxy:
        backends = place.backends_at(proxy.dsn)
        proxy.sever()
        assert send(backends, [wake_up]) == 1
