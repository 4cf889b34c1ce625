"""Claiming and finishing: windows in order, each once, whoever comes late changes nothing."""

from datetime import timedelta

import pytest

from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.memory.planning import derive_gate
from shared.store import repair, work
from shared.store.outbox import SEND_GRACE, Gate
from shared.store.work import ClaimLost, Outcome
from tests.support.backends import THEN

GATE = Gate(1024, timedelta(minutes=30))
OUTCOME = Outcome("test/1", 10, 2, 0)
LONG = 2**40


def fill(place, *tokens: int, session: str = "s", peer: str = "ada", **columns: object) -> WorkUnit:
    """Pending items of these many tokens, appended to the unit as recording would."""
    unit = place.unit(session, peer)
    place.says(session, *((peer, "x") for _ in tokens))
    place.queue.take()
    with place.backends.db.transaction() as conn:
        for back, size in enumerate(reversed(tokens)):
            conn.execute(
                """UPDATE work_items SET tokens = %s WHERE workspace = %s AND unit = %s
                      AND seq = (SELECT last_seq - %s FROM sessions WHERE workspace = %s AND name = %s)""",
                [size, place.workspace, unit.key, back, place.workspace, session],
            )
        conn.execute(
            """UPDATE work_units SET is_flushed = true, pending_tokens = (
                      SELECT sum(tokens) FROM work_items WHERE workspace = %s AND unit = %s AND state = 'pending')
                WHERE workspace = %s AND unit = %s""",
            [place.workspace, unit.key, place.workspace, unit.key],
        )
    return unit


def change(place, unit: WorkUnit, assignments: str) -> None:
    with place.backends.db.transaction() as conn:
        conn.execute(
            f"UPDATE work_units SET {assignments} WHERE workspace = %s AND unit = %s", [place.workspace, unit.key]
        )


def finish(place, claimed, gate: Gate = GATE) -> list[WakeUp]:
    with place.backends.db.transaction() as conn:
        work.fence(conn, claimed)
        return work.finish(conn, claimed, OUTCOME, gate=gate, now=place.clock.moment)


def seqs(claimed) -> list[int]:
    return [item.seq for item in claimed.items]


def test_claim_takes_the_oldest_items_up_to_the_window(place):
    unit = fill(place, 40, 40, 20, 1)
    claimed = place.claims(unit, window_tokens=100)
    assert (seqs(claimed), claimed.attempts, claimed.answer) == ([1, 2, 3], 1, None)
    row = place.unit_row(unit)
    assert (row["token"], row["window_first"], row["window_last"], row["window_items"]) == (claimed.token, 1, 3, 3)
    assert row["lease_until"] == row["due_at"] == THEN + timedelta(seconds=90)


def test_claim_when_the_first_item_exceeds_the_window_takes_it_alone(place):
    assert seqs(place.claims(fill(place, 500, 1), window_tokens=100)) == [1]


def test_claim_stops_where_the_observers_change(place):
    unit = fill(place, 1, 1, 1)
    with place.backends.db.transaction() as conn:
        conn.execute(
            "UPDATE work_items SET observers = '{ada,bob}' WHERE workspace = %s AND seq > 1", [place.workspace]
        )
    first = place.claims(unit)
    assert seqs(first) == [1]
    finish(place, first)
    assert seqs(place.claims(unit)) == [2, 3]


def test_claim_stops_where_the_instructions_change(place):
    unit = fill(place, 1, 1, 1)
    with place.backends.db.transaction() as conn:
        conn.execute(
            "UPDATE work_items SET custom_instructions = 'x' WHERE workspace = %s AND seq = 3", [place.workspace]
        )
    assert seqs(place.claims(unit)) == [1, 2]


def test_claim_while_the_lease_lives_gives_nothing_and_looks_again_at_its_end(place):
    unit = fill(place, 1)
    place.claims(unit)
    change(place, unit, "is_woken = true, due_at = NULL")
    assert place.claims(unit) is None
    row = place.unit_row(unit)
    assert (row["is_woken"], row["due_at"]) == (False, row["lease_until"])


def test_claim_after_one_worker_after_the_other_died_still_gives_the_kept_answer(place):
    unit = fill(place, 1)
    first = place.claims(unit)
    with place.backends.db.transaction() as conn:
        work.keep_answer(conn, first, "said")
    answers: list[str | None] = []
    for _ in range(3):
        place.clock.advance(seconds=90)
        answers.append(place.claims(unit).answer)
    assert answers == ["said"] * 3


def test_claim_after_the_lease_gives_the_same_window_and_the_kept_answer(place):
    unit = fill(place, 40, 40, 40)
    first = place.claims(unit, window_tokens=100)
    with place.backends.db.transaction() as conn:
        work.keep_answer(conn, first, "said")
    fill(place, 1)
    place.clock.advance(seconds=90)

    second = place.claims(unit, window_tokens=LONG)

    assert (seqs(second), second.answer, second.attempts) == ([1, 2], "said", 2)
    assert second.token != first.token


def test_claim_of_a_window_again_leaves_out_what_was_unparked_meanwhile(place):
    unit = fill(place, 1, 1)
    parked = place.claims(unit)
    with place.backends.db.transaction() as conn:
        work.park(conn, parked, "broken", gate=GATE, now=place.clock.moment)
    fill(place, 1)
    first = place.claims(unit)
    with place.backends.db.transaction() as conn:
        work.keep_answer(conn, first, "said of the third alone")
        repair.retry_parked(conn, place.workspace, unit.key, now=place.clock.moment)
    place.clock.advance(seconds=90)

    second = place.claims(unit)

    assert (seqs(second), second.answer) == (seqs(first), "said of the third alone") == ([3], second.answer)


def test_claim_of_a_unit_that_is_done_or_unknown_gives_nothing(place):
    unit = fill(place, 1)
    finish(place, place.claims(unit))
    assert place.claims(unit) is None
    assert place.claims(place.unit("s", "nobody")) is None


@pytest.mark.parametrize(("tokens", "is_taken"), [(1023, False), (1024, True), (1025, True)])
def test_claim_looks_at_the_gate(place, tokens, is_taken):
    unit = fill(place, tokens)
    change(place, unit, "is_flushed = false, is_woken = true")
    assert (place.claims(unit, window_tokens=LONG) is not None) == is_taken
    if not is_taken:
        assert place.unit_row(unit)["due_at"] == THEN + timedelta(minutes=30)


def test_claim_below_the_gate_when_the_oldest_grew_old_takes_it(place):
    unit = fill(place, 1)
    change(place, unit, "is_flushed = false")
    place.clock.advance(minutes=30)
    assert seqs(place.claims(unit)) == [1]


def test_claim_below_the_gate_without_a_greatest_age_goes_on_waiting(place):
    unit = fill(place, 1)
    change(place, unit, "is_flushed = false, is_woken = true")
    forever = place.configured(deriver={"representation_batch_max_age_seconds": 0})
    place.clock.advance(minutes=60 * 24 * 365)
    assert forever.claims(unit) is None
    row = place.unit_row(unit)
    assert (row["is_woken"], row["due_at"], row["pending_items"]) == (False, None, 1)


def test_finish_closes_items_and_writes_the_ledger_once(place):
    unit = fill(place, 40, 40, 40)
    claimed = place.claims(unit, window_tokens=100)
    finish(place, claimed)
    assert [row["state"] for row in place.items(unit)] == ["finished", "finished", "pending"]
    assert place.windows(unit) == [(1, 2)]
    row = place.unit_row(unit)
    assert (row["pending_items"], row["pending_tokens"], row["done_items"], row["attempts"]) == (1, 40, 2, 0)
    assert (row["token"], row["lease_until"], row["window_last"], row["answer"]) == (None, None, None, None)


def test_finish_by_a_worker_whose_lease_was_taken_over_writes_nothing(place):
    unit = fill(place, 1)
    stale = place.claims(unit)
    place.clock.advance(seconds=91)
    current = place.claims(unit)

    for late, result in ((work.finish, OUTCOME), (work.park, "broken")):
        with pytest.raises(ClaimLost), place.backends.db.transaction() as conn:
            late(conn, stale, result, gate=GATE, now=place.clock.moment)
    with pytest.raises(ClaimLost), place.backends.db.transaction() as conn:
        work.fence(conn, stale)
    with place.backends.db.transaction() as conn:
        work.keep_answer(conn, stale, "late")
        work.retry_later(conn, stale, "late", is_outage=True, due_at=place.clock.moment)

    row = place.unit_row(unit)
    assert (row["token"], row["answer"], row["error"], row["pending_items"]) == (current.token, None, None, 1)
    assert place.windows(unit) == []
    assert [item["state"] for item in place.items(unit)] == ["pending"]


def test_finish_twice_with_one_claim_raises_and_counts_once(place):
    unit = fill(place, 1)
    claimed = place.claims(unit)
    finish(place, claimed)
    with pytest.raises(ClaimLost):
        finish(place, claimed)
    assert place.unit_row(unit)["done_items"] == 1


@pytest.mark.parametrize(("rest", "is_owed"), [(1023, False), (1024, True)])
def test_finish_wakes_again_when_what_remains_passes_the_gate(place, rest, is_owed):
    unit = fill(place, 10, rest)
    claimed = place.claims(unit, window_tokens=10)
    change(place, unit, "is_flushed = false")
    number = place.unit_row(unit)["wake_no"]

    wake_ups = finish(place, claimed)

    assert wake_ups == ([WakeUp(unit, number + 1)] if is_owed else [])
    assert place.unit_row(unit)["due_at"] == THEN + (SEND_GRACE if is_owed else timedelta(minutes=30))


def test_finish_wakes_again_when_what_remains_grew_old(place):
    unit = fill(place, 10, 1)
    claimed = place.claims(unit, window_tokens=10)
    change(place, unit, "is_flushed = false")
    place.clock.advance(minutes=31)
    assert len(finish(place, claimed)) == 1


def test_finish_of_a_flushed_unit_wakes_until_nothing_is_left(place):
    unit = fill(place, 1, 1)
    assert len(finish(place, place.claims(unit, window_tokens=1))) == 1
    assert finish(place, place.claims(unit, window_tokens=1)) == []
    assert place.unit_row(unit)["is_flushed"] is False
    assert place.unit_row(unit)["due_at"] is None


def test_finish_without_a_greatest_age_leaves_the_rest_waiting(place):
    unit = fill(place, 10, 1)
    claimed = place.claims(unit, window_tokens=10)
    change(place, unit, "is_flushed = false")
    assert finish(place, claimed, Gate(1024, None)) == []
    row = place.unit_row(unit)
    assert (row["pending_items"], row["is_woken"], row["due_at"]) == (1, False, None)


def test_finish_of_the_last_item_forgets_a_wake_up_under_way(place):
    """The wake-up may be lost; were it still believed in, the next message would not wake the unit."""
    unit = fill(place, 1)
    claimed = place.claims(unit)
    change(place, unit, "is_woken = true, sent_at = now()")
    finish(place, claimed)
    assert place.unit_row(unit)["is_woken"] is False


def test_park_sets_the_window_aside_and_the_unit_goes_on(place):
    unit = fill(place, 10, 1)
    claimed = place.claims(unit, window_tokens=10)
    with place.backends.db.transaction() as conn:
        wake_ups = work.park(conn, claimed, "broken", gate=GATE, now=place.clock.moment)
    assert len(wake_ups) == 1
    [parked, pending] = place.items(unit)
    assert (parked["state"], parked["error"], parked["attempts"]) == ("parked", "broken", 1)
    assert pending["state"] == "pending"
    assert place.windows(unit) == []
    assert place.unit_row(unit)["parked_items"] == 1


def test_retry_later_keeps_the_window_and_lets_nothing_younger_pass(place):
    unit = fill(place, 10, 10)
    claimed = place.claims(unit, window_tokens=10)
    due_at = place.clock.moment + timedelta(seconds=8)
    with place.backends.db.transaction() as conn:
        work.retry_later(conn, claimed, "ModelUnavailable: x", is_outage=True, due_at=due_at)
    place.says("s", ("ada", "more"))
    assert place.claims(unit) is None
    row = place.unit_row(unit)
    assert (row["due_at"], row["error"], row["is_woken"]) == (due_at, "ModelUnavailable: x", False)

    place.clock.advance(seconds=8)
    assert seqs(place.claims(unit, window_tokens=LONG)) == [1]


def test_ungated_work_is_claimed_whatever_waits(place):
    place.says("s", ("ada", "x"))
    index = place.unit("s", kind=TaskKind.INDEX)
    assert place.unit_row(index)["pending_tokens"] < derive_gate(place.backends.settings).tokens
    assert seqs(place.claims(index)) == [1]
