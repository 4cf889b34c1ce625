"""The outbox: when a unit is woken, under which number, and when tick looks again."""

import threading
from datetime import timedelta

import pytest

from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.store import outbox
from shared.store.outbox import SEND_GRACE, Cadence, Gate, PlannedItem
from tests.support.backends import THEN

GATE = Gate(100, timedelta(minutes=30))
RESEND = timedelta(minutes=14)


def plan(place, unit: WorkUnit, *tokens: int, gate: Gate = GATE) -> list[WakeUp]:
    """Plan one item per number of tokens, after the places that the session has given already."""
    count = len(tokens)
    items = [PlannedItem(unit, n, n, f"m{n}", size, ("ada",)) for n, size in enumerate(tokens, 1)]
    with place.backends.db.transaction() as conn:
        conn.execute(
            "UPDATE sessions SET last_seq = last_seq + %s WHERE workspace = %s AND name = %s",
            [count, place.workspace, unit.session],
        )
        decided = outbox.plan(
            conn, place.workspace, unit.session, items, gate=gate, batch=count, now=place.clock.moment
        )
        return decided.read()


def mark(place, *wake_ups: WakeUp) -> None:
    with place.backends.db.transaction() as conn:
        outbox.mark_sent(conn, wake_ups, now=place.clock.moment, resend_after=RESEND)


def wake_due(place, most: int = 200) -> list[WakeUp]:
    with place.backends.db.transaction() as conn:
        return outbox.wake_due(conn, now=place.clock.moment, most=most)


@pytest.fixture
def unit(place) -> WorkUnit:
    place.joins("s")
    return place.unit("s", "ada")


@pytest.mark.parametrize(("tokens", "numbers"), [((99,), []), ((100,), [1]), ((40, 60), [1]), ((0,), [])])
def test_plan_wakes_at_the_gate_and_not_below(place, unit, tokens, numbers):
    assert [wake_up.number for wake_up in plan(place, unit, *tokens)] == numbers
    row = place.unit_row(unit)
    assert row["due_at"] == THEN + (SEND_GRACE if numbers else timedelta(minutes=30))
    assert row["is_woken"] == bool(numbers)


def test_plan_adds_up_to_the_gate_over_several_batches(place, unit):
    assert plan(place, unit, 60) == []
    place.clock.advance(minutes=3)
    assert plan(place, unit, 39) == []
    assert place.unit_row(unit)["due_at"] == THEN + timedelta(minutes=30)
    assert plan(place, unit, 1) == [WakeUp(unit, 1)]


def test_plan_when_woken_already_decides_nothing_new(place, unit):
    [first] = plan(place, unit, 100)
    mark(place, first)
    assert plan(place, unit, 500) == []
    assert place.unit_row(unit)["wake_no"] == 1


def test_plan_while_a_wake_up_is_owed_hands_the_same_one_out_again(place, unit):
    assert plan(place, unit, 100) == plan(place, unit, 100) == [WakeUp(unit, 1)]


def test_plan_while_the_unit_is_leased_leaves_the_waking_to_its_worker(place, unit):
    mark(place, *plan(place, unit, 2000))
    assert place.claims(unit) is not None

    assert plan(place, unit, 500) == []

    row = place.unit_row(unit)
    assert (row["is_woken"], row["pending_items"], row["due_at"]) == (False, 2, row["lease_until"])


@pytest.mark.parametrize("kind", [TaskKind.INDEX, TaskKind.SUMMARY])
def test_plan_of_ungated_work_wakes_at_once(place, unit, kind):
    other = place.unit("s", kind=kind)
    assert plan(place, other, 0) == [WakeUp(other, 1)]


def test_plan_without_a_greatest_age_waits_without_a_due_time(place, unit):
    plan(place, unit, 99, gate=Gate(100, None))
    assert place.unit_row(unit)["due_at"] is None


def test_mark_sent_says_when_the_wake_up_counts_as_lost(place, unit):
    mark(place, *plan(place, unit, 100))
    row = place.unit_row(unit)
    assert (row["sent_at"], row["due_at"]) == (THEN, THEN + RESEND)


def test_mark_sent_after_a_claim_changes_nothing(place, unit):
    [wake_up] = plan(place, unit, 100)
    place.claims(unit)
    before = place.unit_row(unit)
    mark(place, wake_up)
    assert place.unit_row(unit) == before


def test_mark_sent_with_an_older_number_changes_nothing(place, unit):
    [old] = plan(place, unit, 100)
    mark(place, old)
    place.clock.advance(minutes=15)
    [new] = wake_due(place)
    before = place.unit_row(unit)
    mark(place, old)
    assert (new.number, place.unit_row(unit)) == (2, before)


def test_mark_sent_waits_for_its_units_in_their_order(place, unit):
    """A planner holds the first unit and wants the second: whoever marks both must not hold the second meanwhile."""
    other = place.unit("s", kind=TaskKind.INDEX)
    owed = [*plan(place, other, 1), *plan(place, unit, 100)]
    hold = "SELECT 1 FROM work_units WHERE workspace = %s AND unit = %s FOR UPDATE"
    marking = threading.Thread(target=mark, args=(place, *owed))
    with place.backends.db.transaction() as conn:
        conn.execute(hold, [place.workspace, unit.key]).fetchone()
        marking.start()
        _await_waiting(place)
        conn.execute(hold, [place.workspace, other.key]).fetchone()
    marking.join(10)
    assert [place.unit_row(one)["sent_at"] for one in (unit, other)] == [THEN, THEN]


def _await_waiting(place) -> None:
    """Until some transaction waits for a lock."""
    done = threading.Event()
    for _ in range(500):
        if place.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND %(workspace)s <> ''"):
            return
        done.wait(0.01)
    raise AssertionError("nobody waits")


def test_wake_due_keeps_the_number_of_what_is_owed(place, unit):
    plan(place, unit, 100)
    assert wake_due(place) == []
    place.clock.advance(seconds=5)
    assert wake_due(place) == [WakeUp(unit, 1)]
    assert place.unit_row(unit)["due_at"] == place.clock.moment + SEND_GRACE


def test_wake_due_gives_a_lost_wake_up_a_new_number(place, unit):
    mark(place, *plan(place, unit, 100))
    place.clock.advance(minutes=13)
    assert wake_due(place) == []
    place.clock.advance(minutes=1)
    assert wake_due(place) == [WakeUp(unit, 2)]


def test_wake_due_passes_over_a_kind_of_work_of_a_later_release(place, unit):
    """Left behind by a release that was rolled back: it must not keep the work of everybody else from its workers."""
    plan(place, unit, 100)
    with place.backends.db.transaction() as conn:
        conn.execute(
            "INSERT INTO work_units (workspace, unit, kind, session, observed, pending_items, is_woken, due_at)"
            " SELECT workspace, 'ponder:s:ada', 'ponder', session, observed, pending_items, is_woken, due_at"
            "   FROM work_units WHERE workspace = %s",
            [place.workspace],
        )
    place.clock.advance(seconds=5)
    assert wake_due(place) == [WakeUp(unit, 1)]


def test_wake_due_finds_what_grew_old(place, unit):
    plan(place, unit, 1)
    place.clock.advance(minutes=30)
    assert wake_due(place) == [WakeUp(unit, 1)]


def test_wake_due_takes_the_longest_due_first(place):
    place.joins("s")
    units = [place.unit("s", peer) for peer in ("carol", "bob", "ada")]
    for unit in units:
        plan(place, unit, 1)
        place.clock.advance(minutes=1)
    place.clock.advance(minutes=60)
    taken = [wake_up.unit for _ in units for wake_up in wake_due(place, most=1)]
    assert taken == units


def test_wake_due_leaves_out_what_another_holds(place, unit):
    plan(place, unit, 100)
    place.clock.advance(minutes=1)
    with place.backends.db.transaction() as conn:
        conn.execute("SELECT 1 FROM work_units WHERE workspace = %s FOR UPDATE", [place.workspace]).fetchone()
        assert wake_due(place) == []
    assert wake_due(place) == [WakeUp(unit, 1)]


def test_next_due_is_the_earliest_of_all(place, unit):
    with place.backends.db.reading() as conn:
        assert outbox.next_due(conn) is None
    plan(place, unit, 1)
    plan(place, place.unit("s", kind=TaskKind.INDEX), 1)
    with place.backends.db.reading() as conn:
        assert outbox.next_due(conn) == THEN + SEND_GRACE


def _plan_summary(place, unit: WorkUnit, count: int) -> list[WakeUp]:
    with place.backends.db.transaction() as conn:
        conn.execute("UPDATE sessions SET last_seq = last_seq + %s WHERE workspace = %s", [count, place.workspace])
        ids = [f"m{n}" for n in range(count)]
        return outbox.plan_summary(conn, unit, ids, Cadence(20, 60), now=place.clock.moment).read()


def test_plan_summary_gives_one_item_for_each_cadence_and_one_wake_up(place, unit):
    summary = place.unit("s", kind=TaskKind.SUMMARY)
    assert _plan_summary(place, summary, 19) == []
    assert _plan_summary(place, summary, 100) == [WakeUp(summary, 1)]
    assert [row["seq"] for row in place.items(summary)] == [20, 40, 60, 80, 100]
    assert [row["message_id"] for row in place.items(summary)] == ["m0", "m20", "m40", "m60", "m80"]
    assert place.unit_row(summary)["pending_items"] == 5


def test_plan_summary_while_one_is_written_wakes_nobody(place, unit):
    summary = place.unit("s", kind=TaskKind.SUMMARY)
    mark(place, *_plan_summary(place, summary, 20))
    place.claims(summary, window_tokens=2**62)
    assert _plan_summary(place, summary, 20) == []
    assert place.unit_row(summary)["pending_items"] == 2
