"""Performing work: what becomes of a window whose doing fails."""

from datetime import timedelta

import pytest

from shared.backends import Backends
from shared.domain.errors import (
    AnswerUnreadable,
    DatabaseUnavailable,
    IndexUnavailable,
    Invalid,
    ModelRefused,
    ModelUnavailable,
)
from shared.domain.status import Counts
from shared.domain.work import Claim, TaskKind
from shared.memory.relay import relay
from shared.memory.status import queue_status
from shared.memory.work import perform
from shared.store import readiness, repair, status, work
from shared.store.work import ClaimLost


def doing(place, *outcomes: Exception | None):
    """A worker that meets these outcomes one after the other, and what it was given."""
    script, seen = list(outcomes), list[Claim]()

    def do(_: Backends, claimed: Claim) -> None:
        seen.append(claimed)
        outcome = script.pop(0) if script else None
        if outcome is not None:
            raise outcome
        place.finishes(claimed)

    return do, seen


def work_on(place, do, session: str = "s") -> None:
    perform(place.backends, place.unit(session, kind=TaskKind.INDEX), do, window_tokens=10_000)


def pauses(place, do, times: int) -> list[float]:
    """How long the unit is put off after each of several attempts, each made when it is due."""
    found = []
    for _ in range(times):
        work_on(place, do)
        due_at = place.unit_row(place.unit("s", kind=TaskKind.INDEX))["due_at"]
        if due_at is None:
            break
        found.append((due_at - place.clock.moment).total_seconds())
        place.clock.moment = due_at
    return found


@pytest.fixture
def index(place):
    place.says("s", ("ada", "one"), ("ada", "two"))
    place.queue.take()
    return place.unit("s", kind=TaskKind.INDEX)


def test_perform_does_the_window_once(place, index):
    do, seen = doing(place)
    work_on(place, do)
    work_on(place, do)
    assert [[item.seq for item in claimed.items] for claimed in seen] == [[2]]
    assert place.windows(index) == [(2, 2)]


@pytest.mark.parametrize("error", [ModelUnavailable(), IndexUnavailable()])
def test_perform_in_an_outage_waits_longer_each_time_and_never_parks(place, index, error):
    do, seen = doing(place, *[error] * 14)
    assert pauses(place, do, 13) == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]
    row = place.unit_row(index)
    assert (row["parked_items"], row["error"]) == (0, f"{type(error).__name__}: {error}")
    assert {claimed.last_seq for claimed in seen} == {2}


def test_perform_after_an_outage_finishes_and_forgets_it(place, index):
    do, _ = doing(place, *[ModelUnavailable()] * 7)
    pauses(place, do, 8)
    row = place.unit_row(index)
    assert (row["done_items"], row["attempts"], row["failures"], row["error"]) == (1, 0, 0, None)


def test_perform_waits_as_long_as_the_other_side_asks(place, index):
    do, _ = doing(place, ModelUnavailable(retry_after_s=30.0), ModelUnavailable(retry_after_s=10_000.0))
    assert pauses(place, do, 2) == [30, 900]


@pytest.mark.parametrize("error", [AnswerUnreadable("no JSON"), ModelRefused("key"), Invalid("bad"), ValueError("x")])
def test_perform_when_it_fails_for_good_parks_after_the_last_attempt(place, index, error):
    do, seen = doing(place, *[error] * 5)
    assert pauses(place, do, 9) == [2, 4, 8, 16]
    assert len(seen) == 5
    [item] = place.items(index)
    said = type(error).__name__ if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    assert (item["state"], item["error"], item["attempts"]) == ("parked", said, 5)


def test_perform_counts_outages_and_failures_apart(place, index):
    do, seen = doing(place, *[ModelUnavailable()] * 6, *[AnswerUnreadable()] * 5)
    pauses(place, do, 20)
    assert len(seen) == 11
    assert [item["state"] for item in place.items(index)] == ["parked"]


def test_perform_never_keeps_the_text_of_a_foreign_error(place, index):
    do, _ = doing(place, ValueError("secret of ada"))
    work_on(place, do)
    assert place.unit_row(index)["error"] == "ValueError"


def test_perform_when_every_worker_died_parks_without_trying_again(place, index):
    for _ in range(5):
        assert place.claims(index) is not None
        place.clock.advance(seconds=90)
    do, seen = doing(place)
    work_on(place, do)
    assert seen == []
    [item] = place.items(index)
    assert (item["state"], item["error"]) == ("parked", "worker ended without an answer")


def test_perform_when_one_item_is_poison_parks_it_alone_and_finishes_its_neighbours(place):
    place.says("s", *[("ada", f"word {n} " * 400) for n in range(4)])
    unit = place.unit("s", "ada")
    tried = []

    def do(_: Backends, claimed: Claim) -> None:
        tried.append([item.seq for item in claimed.items])
        if 2 in tried[-1]:
            raise AnswerUnreadable("no JSON")
        place.finishes(claimed)

    for _ in range(12):
        perform(place.backends, unit, do, window_tokens=10_000)
        place.clock.moment = max(place.unit_row(unit)["due_at"] or place.clock.moment, place.clock.moment)

    assert [item["state"] for item in place.items(unit)] == ["finished", "parked", "finished", "finished"]
    assert place.windows(unit) == [(1, 1), (3, 4)]
    assert tried == [[1, 2, 3, 4]] * 2 + [[1]] + [[2, 3, 4]] * 2 + [[2]] * 3 + [[3, 4]]


def test_perform_in_an_outage_keeps_the_window_whole(place):
    place.says("s", *[("ada", f"word {n} " * 400) for n in range(3)])
    do, seen = doing(place, *[ModelUnavailable()] * 4)
    for _ in range(5):
        perform(place.backends, place.unit("s", "ada"), do, window_tokens=10_000)
        place.clock.advance(seconds=60)
    assert [[item.seq for item in claimed.items] for claimed in seen] == [[1, 2, 3]] * 5


def test_claim_of_a_suspected_window_leaves_the_answer_about_the_whole_behind(place):
    place.says("s", *[("ada", f"word {n} " * 400) for n in range(2)])
    unit = place.unit("s", "ada")
    claimed = place.claims(unit, window_tokens=10_000)
    with place.backends.db.reading() as conn:
        work.keep_answer(conn, claimed, "{}")
    place.clock.advance(seconds=91)
    second = place.claims(unit, window_tokens=10_000)
    place.clock.advance(seconds=91)
    third = place.claims(unit, window_tokens=10_000)
    assert [(len(claimed.items), claimed.answer) for claimed in (second, third)] == [(2, "{}"), (1, None)]
    assert place.unit_row(unit)["answer"] is None


def test_perform_when_another_took_over_gives_up_quietly(place, index):
    def slow(claimed: Claim) -> None:
        place.clock.advance(seconds=91)
        assert place.claims(index) is not None
        place.finishes(claimed)

    work_on(place, slow)
    assert place.windows(index) == []


def test_perform_when_another_took_over_what_failed_last_gives_up_quietly(place, index):
    def failing(_: Backends, claimed: Claim) -> None:
        place.clock.advance(seconds=91)
        assert place.claims(index) is not None
        raise Invalid("bad")

    for _ in range(4):
        assert place.claims(index) is not None
        place.clock.advance(seconds=91)
    work_on(place, failing)
    assert [item["state"] for item in place.items(index)] == ["pending"]


@pytest.mark.parametrize(("error", "pause_s"), [(DatabaseUnavailable(), 90), (ClaimLost(), 5)])
def test_perform_when_the_database_goes_away_leaves_the_window_to_its_lease(place, index, error, pause_s):
    do, seen = doing(place, error)
    work_on(place, do)
    row = place.unit_row(index)
    assert (row["due_at"], row["error"]) == (place.clock.moment + timedelta(seconds=pause_s), None)
    # A claim that is lost is given up at once: who deletes the session, or erases from it, waits for it.
    assert (row["lease_until"] is None) == isinstance(error, ClaimLost)
    place.clock.advance(seconds=90)
    relay(place.backends)
    assert [wake_up.unit for wake_up in place.queue.take(TaskKind.INDEX)] == [index]
    work_on(place, do)
    assert (len(seen), place.windows(index)) == (2, [(2, 2)])


def test_parked_items_can_be_seen_retried_and_dropped(place, index):
    do, _ = doing(place, *[Invalid("bad")] * 10)
    pauses(place, do, 5)
    with place.backends.db.transaction() as conn:
        [seen] = status.parked(conn, workspace=place.workspace, most=10)
        assert (seen.unit, seen.seq, seen.error, seen.parked_at) == (index.key, 2, "Invalid: bad", place.clock.moment)
        assert repair.retry_parked(conn, place.workspace, index.key, now=place.clock.moment) == 1
    assert relay(place.backends) >= 1

    pauses(place, do, 5)
    with place.backends.db.transaction() as conn:
        assert repair.drop_parked(conn, place.workspace, None, now=place.clock.moment) == 1
        assert status.parked(conn, workspace=place.workspace, most=10) == []
    row = place.unit_row(index)
    assert (row["parked_items"], row["done_items"], row["pending_items"]) == (0, 1, 0)


def test_flush_makes_small_tails_due_and_goes_on_until_nothing_is_left(place):
    place.says("s", *[("ada", "word " * 30)] * 4)
    unit = place.unit("s", "ada")
    place.clock.advance(seconds=1)
    with place.backends.db.transaction() as conn:
        assert repair.flush(conn, workspace=place.workspace, now=place.clock.moment) == 2
    relay(place.backends)
    taken = []
    for _ in range(4):
        claimed = place.claims(unit, window_tokens=40)
        taken += [item.seq for item in claimed.items]
        place.finishes(claimed)
    assert taken == [1, 2, 3, 4]


def test_flush_reaches_the_rest_of_a_unit_at_work(place):
    place.says("s", *[("ada", "word " * 300)] * 4)
    unit = place.unit("s", "ada")
    claimed = place.claims(unit, window_tokens=1000)
    with place.backends.db.transaction() as conn:
        repair.flush(conn, workspace=place.workspace, now=place.clock.moment)
    assert place.unit_row(unit)["due_at"] == place.unit_row(unit)["lease_until"]
    assert len(place.finishes(claimed)) == 1
    assert place.claims(unit) is not None


def test_recover_frees_what_workers_held_and_owes_every_wake_up_again(place):
    place.says("s", *[("ada", "word " * 2000)] * 2)
    derive, index = place.unit("s", "ada"), place.unit("s", kind=TaskKind.INDEX)
    place.claims(index)
    with place.backends.db.transaction() as conn:
        assert repair.recover(conn, now=place.clock.moment) == 2
    place.queue.take()
    relay(place.backends)
    assert sorted(wake_up.unit.key for wake_up in place.queue.take()) == [derive.key, index.key]
    assert place.claims(derive) is not None
    assert place.claims(index) is not None


def test_queue_status_counts_what_waits_what_is_at_work_and_what_is_done(place):
    place.says("s", *[("ada", "word " * 700)] * 3, ("bob", "small"))
    place.says("t", ("ada", "other"))

    def counts(**filters: str) -> Counts:
        return queue_status(place.backends, place.workspace, **filters).total

    assert counts() == Counts(0, 0, 5)
    claimed = place.claims(place.unit("s", "ada"), window_tokens=1500)
    assert counts() == counts(session="s") + counts(session="t") == Counts(0, 2, 3)
    assert counts(sender="ada") == counts(observer="ada") == Counts(0, 2, 2)
    place.clock.advance(seconds=90)
    assert counts() == Counts(0, 0, 5)
    place.clock.advance(seconds=-90)
    place.finishes(claimed)
    assert counts() == Counts(2, 0, 3)
    assert queue_status(place.backends, place.workspace).sessions == {"s": Counts(2, 0, 2), "t": Counts(0, 0, 1)}
    assert counts(sender="nobody") == Counts()


@pytest.mark.parametrize("peers", [{}, {"observer": None, "sender": "ada"}])
def test_queue_status_of_many_sessions_names_those_first_where_something_is_left(place, peers):
    for session in "abcde":
        place.says(session, ("ada", "word " * 2000))
    for session in "abd":
        place.finishes(place.claims(place.unit(session, "ada")))
    read = status.counts_of_peers if peers else status.counts
    with place.backends.db.reading() as conn:
        found = read(conn, place.workspace, ["derive"], session=None, now=place.clock.moment, most_sessions=3, **peers)
    assert found.total == Counts(3, 0, 2)
    assert found.sessions == {"c": Counts(0, 0, 1), "e": Counts(0, 0, 1), "a": Counts(1, 0, 0)}


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda place, unit: None, "queue"),
        (lambda place, unit: place.claims(unit), "lease"),
        (lambda place, unit: perform(place.backends, unit, doing(place, ModelUnavailable())[0], window_tokens=9),
         "backoff"),
    ],
)  # fmt: skip
def test_waiting_says_what_each_unit_waits_for_and_until_when(place, index, prepare, reason):
    prepare(place, index)
    with place.backends.db.reading() as conn:
        waiting = {one.unit: one for one in status.waiting(conn, now=place.clock.moment, most=9)}
    assert (waiting[index.key].reason, waiting["derive:s:ada"].reason) == (reason, "tokens")
    assert waiting["derive:s:ada"].due_at == place.clock.moment + timedelta(minutes=30)
    assert waiting[index.key].due_at is not None


def test_waiting_says_when_a_wake_up_is_still_owed(place):
    place.queue.is_down = True
    place.says("s", ("ada", "one"))
    with place.backends.db.reading() as conn:
        reasons = {one.unit: one.reason for one in status.waiting(conn, now=place.clock.moment, most=9)}
    assert reasons == {"index:s:": "send", "derive:s:ada": "tokens"}


def test_waiting_when_the_scheduler_does_not_come_says_that_the_work_is_due(place, index):
    perform(place.backends, index, doing(place, ModelUnavailable())[0], window_tokens=9)
    place.clock.advance(minutes=31)
    with place.backends.db.reading() as conn:
        found = {one.unit: one.reason for one in status.waiting(conn, now=place.clock.moment, most=9)}
    assert found == {"index:s:": "due", "derive:s:ada": "due"}


def test_waiting_when_the_session_is_being_deleted_says_so(place, index):
    with place.backends.db.transaction() as conn:
        conn.execute("UPDATE sessions SET is_active = false WHERE workspace = %s", [place.workspace])
    assert place.claims(index) is None
    with place.backends.db.reading() as conn:
        found = {one.unit: one.reason for one in status.waiting(conn, now=place.clock.moment, most=9)}
    assert found == {"index:s:": "deletion", "derive:s:ada": "deletion"}


def test_oldest_pending_age_grows_while_nobody_looks(place, index):
    def oldest_s() -> float | None:
        with place.backends.db.reading() as conn:
            return readiness.look(conn, place.clock.moment).oldest_pending_s

    assert oldest_s() == 0
    place.clock.advance(minutes=10)
    assert oldest_s() == 600
