"""Tick comes in time where nothing but an order brings it, and is ordered no more often than that takes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.errors import IndexUnavailable, ModelUnavailable, OutOfTime
from shared.domain.session import ObservationSettings
from shared.domain.vector import ConclusionVector
from shared.domain.work import TaskKind
from shared.memory import cloning, dreams, erase, forget, scopes, webhooks
from shared.memory.conclude import GivenConclusion, create_conclusions, delete_conclusion
from shared.memory.timer import SOONEST, arm, rearm
from shared.memory.work import park, perform
from shared.store.timer import LATE
from shared.store.work import ClaimLost
from shared.vectors.pg import PgIndex
from tests.support.backends import THEN
from tests.support.dying import Died, FailingIndex, raises
from tests.support.ordering import Ordered, ordered, rounded
from tests.support.workplace import Workplace

MINUTE = timedelta(minutes=1)
SENT_AGAIN = timedelta(seconds=540, minutes=5)
LEASE = timedelta(seconds=90)


@pytest.fixture
def timed(place: Workplace) -> Ordered:
    return ordered(place.configured(deriver={"flush_enabled": True}))


def speaks(timed: Ordered) -> None:
    timed.says("s", ("ada", "I live in Porto."))


def speaks_below_the_gate(timed: Ordered) -> None:
    ordered_below = timed.configured(deriver={"flush_enabled": False}, app={"embed_messages": False})
    ordered_below.says("s", ("ada", "hm"))


def speaks_while_the_queue_is_down(timed: Ordered) -> None:
    timed.queue.is_down = True
    speaks(timed)


def another_speaks_while_the_queue_is_down(timed: Ordered) -> None:
    timed.queue.is_down = True
    timed.says("t", ("bob", "hello"))


def clones(timed: Ordered) -> None:
    speaks(timed)
    cloning.clone(timed.backends, timed.workspace, "s")


def asks_for_a_dream(timed: Ordered) -> None:
    timed.joins("s", ada=ObservationSettings())
    dreams.schedule(timed.backends, DreamRequest(Collection(timed.workspace, "ada", "ada"), "omni", "manual"))


def concludes(timed: Ordered) -> None:
    timed.joins("s", ada=ObservationSettings())
    few = timed.configured(dream={"document_threshold": 1})
    create_conclusions(few.backends, timed.workspace, [GivenConclusion("ada", "ada", None, "ada lives in Porto")])


def concludes_while_the_index_is_away(timed: Ordered) -> None:
    timed.joins("s", ada=ObservationSettings())
    without = replace(timed.backends, vectors=FailingIndex(IndexUnavailable("away")))
    create_conclusions(without, timed.workspace, [GivenConclusion("ada", "ada", None, "ada lives in Porto")])


def deletes_a_conclusion(timed: Ordered) -> None:
    timed.joins("s", ada=ObservationSettings())
    [made] = create_conclusions(timed.backends, timed.workspace, [GivenConclusion("ada", "ada", None, "a fact")])
    delete_conclusion(timed.backends, timed.workspace, made.id)


def widens_a_scope(timed: Ordered) -> None:
    speaks(timed)
    scopes.get_or_create(timed.backends, timed.workspace, "team", metadata=None)
    scopes.add_sessions(timed.backends, timed.workspace, "team", ["s"])


def deletes_a_session(timed: Ordered) -> None:
    timed.joins("s", ada=ObservationSettings())
    forget.delete_session(timed.backends, timed.workspace, "s")


def erases_a_peer(timed: Ordered) -> None:
    timed.joins("s", ada=ObservationSettings())
    erase.erase_peer(timed.backends, timed.workspace, "ada")


def owes_an_endpoint(timed: Ordered) -> None:
    timed.joins("s", ada=ObservationSettings())
    signed = timed.configured(webhook={"secret": "s3cret", "allow_private": True})
    webhooks.register(signed.backends, timed.workspace, "http://127.0.0.1:1/hook")
    webhooks.test(signed.backends, timed.workspace)


def works(timed: Ordered, *, then: Callable[[], object] = lambda: None) -> None:
    """Claims the index work of a message, and `then` is what happens to the worker."""
    speaks(timed)
    timed.row()
    unit = timed.unit("s", kind=TaskKind.INDEX)
    perform(timed.backends, unit, lambda own, claimed: then() or timed.finishes(claimed), window_tokens=100)


def dies_at_work(timed: Ordered) -> None:
    with pytest.raises(Died):
        works(timed, then=raises(Died()))


def meets_an_outage(timed: Ordered) -> None:
    works(timed, then=raises(ModelUnavailable()))


def has_no_time_left(timed: Ordered) -> None:
    works(timed, then=raises(OutOfTime()))


def loses_its_claim(timed: Ordered) -> None:
    works(timed, then=raises(ClaimLost()))


def parks_with_more_behind(timed: Ordered) -> None:
    speaks(timed)
    unit = timed.unit("s", kind=TaskKind.INDEX)

    def parked(own: object, claimed: object) -> None:
        timed.says("s", ("ada", "and a cat"))
        park(timed.backends, claimed, "broken")  # type: ignore[arg-type]

    perform(timed.backends, unit, parked, window_tokens=1)


class AwayIndex(PgIndex):
    """Cannot be reached."""

    def stored_conclusions(self, workspace: str, ids: Sequence[str]) -> list[ConclusionVector]:
        raise IndexUnavailable("away")


WRITERS = [
    *(speaks, speaks_below_the_gate, speaks_while_the_queue_is_down, clones, asks_for_a_dream, concludes),
    *(concludes_while_the_index_is_away, deletes_a_conclusion, widens_a_scope, deletes_a_session, erases_a_peer),
    *(owes_an_endpoint, works, dies_at_work, meets_an_outage, has_no_time_left, loses_its_claim),
    parks_with_more_behind,
]


@pytest.mark.parametrize("writer", WRITERS)
def test_whoever_makes_something_due_leaves_a_visit_ordered_that_comes_in_time(timed, writer):
    writer(timed)

    due_at = timed.next_due()
    assert due_at is not None
    assert timed.timer.at == timed.row()["armed_for"]
    assert timed.timer.at <= rounded(max(due_at, timed.clock.now() + SOONEST))


def test_order_moves_to_what_is_due_earlier_and_not_to_what_is_due_later(timed):
    speaks(timed)
    assert timed.timer.orders == [THEN + SENT_AGAIN]

    timed.clock.advance(seconds=10)
    timed.says("t", ("bob", "hello"))
    assert timed.timer.orders == [THEN + SENT_AGAIN]

    assert timed.claims(timed.unit("s", "ada")) is not None
    arm(timed.backends)
    assert timed.timer.orders == [THEN + SENT_AGAIN, timed.clock.now() + LEASE]


def test_hundred_messages_after_the_first_order_nothing(timed):
    for number in range(100):
        timed.says(f"s{number % 7}", ("ada", f"message {number}"))
        timed.clock.advance(seconds=1)
    assert len(timed.timer.orders) == 1


def test_order_for_what_is_due_at_once_leaves_the_schedule_its_time(timed):
    timed.clock.advance(seconds=0.25)
    speaks_while_the_queue_is_down(timed)
    assert timed.timer.orders == [rounded(timed.clock.now() + SOONEST)]


def test_of_many_writers_at_once_one_orders_or_the_earliest_wins(timed):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: timed.says(f"s{n}", ("ada", f"message {n}")), range(24)))
    # Whoever writes while another has not sent yet sees what is due in a moment: the soonest that can be ordered.
    assert timed.timer.at == timed.row()["armed_for"]
    assert set(timed.timer.orders) <= {rounded(THEN + SOONEST), THEN + SENT_AGAIN}
    assert timed.timer.at == min(order for order in timed.timer.orders if order is not None)
    assert len(timed.timer.orders) <= 4


def test_order_that_fails_is_given_by_the_next_writer(timed):
    timed.timer.fails = 1
    speaks(timed)
    assert (timed.timer.at, timed.row()["armed_for"]) == (None, None)

    timed.clock.advance(seconds=30)
    timed.says("t", ("bob", "hello"))
    # Not for what bob said, but for what ada did.
    assert timed.timer.at == THEN + SENT_AGAIN


def test_order_that_fails_with_nobody_after_it_is_made_good_by_the_sweep(timed):
    timed.timer.fails = 1
    speaks(timed)
    timed.queue.take()

    timed.clock.advance(minutes=24 * 60)
    timed.visits()
    assert {wake_up.unit.kind for wake_up in timed.queue.take()} == {TaskKind.DERIVE, TaskKind.INDEX}
    assert timed.timer.at == timed.clock.now() + SENT_AGAIN


def test_writer_who_dies_before_the_order_is_found_by_the_next(timed):
    speaks(replace(timed, backends=replace(timed.backends, timer=type(timed.timer)(is_used=False))))
    assert timed.timer.at is None

    timed.clock.advance(seconds=30)
    concludes(timed)
    assert timed.timer.at == THEN + SENT_AGAIN


def test_writer_who_dies_between_row_and_order_is_made_good_when_the_visit_is_missed(timed):
    timed.timer.before = raises(Died())
    with pytest.raises(Died):
        speaks(timed)
    assert (timed.timer.at, timed.row()["armed_for"]) == (None, THEN + SENT_AGAIN)

    # As long as the visit may still come, nobody doubts it.
    timed.clock.moment = THEN + SENT_AGAIN + LATE
    timed.says("t", ("bob", "hello"))
    assert timed.timer.at is None
    timed.clock.advance(seconds=1)
    timed.says("t", ("bob", "hello again"))
    assert timed.timer.at == rounded(timed.clock.now() + SOONEST)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_earlier_order_given_meanwhile_is_not_undone_by_a_later_one_that_arrives_last(timed, moment):
    setattr(timed.timer, moment, lambda: another_speaks_while_the_queue_is_down(timed))
    speaks(timed)
    assert timed.timer.at == timed.row()["armed_for"] == rounded(THEN + SOONEST)


def test_order_that_fails_meanwhile_does_not_undo_one_that_arrives(timed):
    timed.timer.before = lambda: another_speaks_while_the_queue_is_down(timed)
    timed.timer.fails = 1
    speaks(timed)
    assert (timed.timer.at, timed.row()["armed_for"]) == (THEN + SENT_AGAIN, None)


def test_visit_orders_the_next_for_what_is_due_then(timed):
    speaks(timed)
    timed.clock.moment = timed.timer.at
    timed.visits()
    assert timed.timer.at == timed.clock.now() + SENT_AGAIN


def test_visit_that_leaves_nothing_due_orders_none(timed):
    works(timed)
    perform(timed.backends, timed.unit("s", "ada"), lambda _, claimed: timed.finishes(claimed), window_tokens=1024)
    assert timed.next_due() is None
    timed.clock.moment = timed.timer.at
    timed.visits()
    assert (timed.timer.orders[-1], timed.timer.at, timed.row()["armed_for"]) == (None, None, None)


def test_visit_sets_the_timer_again_even_where_the_row_says_it_is_set(timed):
    """A deploy may have put the schedule back to what its template says."""
    speaks(timed)
    timed.timer.at = None
    timed.visits()
    assert timed.timer.at == timed.row()["armed_for"] == THEN + SENT_AGAIN


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_becomes_due_while_a_visit_ends_is_not_overlooked(timed, moment):
    speaks(timed)
    timed.clock.moment = timed.timer.at
    setattr(timed.timer, moment, lambda: another_speaks_while_the_queue_is_down(timed))
    timed.visits()
    assert timed.timer.at == timed.row()["armed_for"] == rounded(timed.clock.now() + SOONEST)


def test_what_becomes_due_between_the_look_and_the_word_is_seen_by_one_of_them(timed):
    """Tick first takes back what it had ordered, then looks; a writer first commits, then looks what is ordered."""
    speaks(timed)
    timed.clock.moment = timed.timer.at
    began = timed.clock.now()
    timed.clock.advance(seconds=2)
    unsaid = replace(timed, backends=replace(timed.backends, timer=type(timed.timer)(is_used=False)))
    another_speaks_while_the_queue_is_down(unsaid)
    rearm(timed.backends, began=began)
    assert timed.timer.at == rounded(timed.clock.now() + SOONEST)


def test_visit_that_cannot_order_the_next_fails_so_that_it_is_repeated(timed):
    speaks(timed)
    timed.timer.fails = 1
    with pytest.raises(Exception, match="The timer cannot be set"):
        timed.visits()
    assert timed.row()["armed_for"] is None
    timed.visits()
    assert timed.timer.at == THEN + SENT_AGAIN


def without_index(timed: Ordered) -> Ordered:
    away = AwayIndex(timed.backends.db, lambda: timed.embedder.space)
    return replace(timed, backends=replace(timed.backends, vectors=away))


def test_work_that_a_visit_could_not_get_through_is_visited_again_soon(timed):
    speaks(timed)
    timed.clock.moment = began = timed.timer.at + 2 * MINUTE
    rearm(timed.backends, began=began)
    assert timed.timer.at == began + MINUTE


def visits_of(timed: Ordered, until: datetime) -> list[datetime]:
    """The visits that the timer brings until then."""
    found: list[datetime] = []
    while timed.timer.at is not None and timed.timer.at <= until:
        timed.clock.moment = timed.timer.at
        found.append(timed.clock.now())
        try:
            timed.visits()
        except IndexUnavailable:
            rearm(timed.backends, began=timed.clock.now())
    return found


def test_index_that_stays_away_does_not_keep_the_database_awake(timed):
    concludes_while_the_index_is_away(timed)
    away = without_index(timed)
    first = timed.timer.at

    came = visits_of(away, THEN + timedelta(days=2))

    assert came[0] == first
    # In the first hour as often as that takes, and then twice as late each time.
    assert len([one for one in came if one < first + timedelta(hours=1)]) <= 10
    assert len(came) <= 20
    assert all(late - early <= timedelta(days=1) for early, late in pairwise(came))


def test_index_that_is_back_has_what_it_was_owed_after_no_longer_than_it_was_away(timed):
    concludes_while_the_index_is_away(timed)
    away = without_index(timed)
    visits_of(away, back := THEN + timedelta(hours=1))
    visits_of(timed, back + timedelta(hours=1) + MINUTE)
    assert [row["indexed_at"] is not None for row in timed.conclusions()] == [True]


def test_without_a_timer_nothing_is_asked_of_the_database(place, monkeypatch):
    seen: list[str] = []
    reading = type(place.backends.db).reading

    def counted(db: object):
        seen.append("reading")
        return reading(db)

    monkeypatch.setattr(type(place.backends.db), "reading", counted)
    arm(place.backends)
    rearm(place.backends, began=THEN)
    assert seen == []
