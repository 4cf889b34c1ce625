"""What runs for every message and every wake-up reads by index, however much is stored."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow
from psycopg.sql import Composable

from shared.domain import filters
from shared.domain.conclusion import Collection
from shared.domain.page import PageRequest
from shared.domain.retry import Batch, KeptAnswer, KeyedRequest, Unanswered
from shared.domain.session import ObservationSettings
from shared.domain.spending import Budget
from shared.domain.summary import Summary
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.store import (
    backfills,
    budgets,
    calls,
    cards,
    conclusions,
    erasing,
    erasure,
    erasure_conclusions,
    filter_sql,
    idempotency,
    members,
    messages,
    outbox,
    peers,
    record,
    reopening,
    repair,
    revocations,
    samples,
    scopes,
    selections,
    session_view,
    sessions,
    status,
    stops,
    summaries,
    tasks,
    unanswered,
    work,
    workspaces,
)
from shared.store.budgets import Wish
from shared.store.conclusions import Mention, NewConclusion
from shared.store.database import Connection
from shared.store.messages import NewMessage
from shared.store.outbox import Cadence, Gate, PlannedItem
from shared.store.work import ClaimTerms, Outcome
from tests.support.backends import THEN
from tests.support.index_uses import INDEX_USES
from tests.support.plan_dreams import DREAM_USES
from tests.support.plan_rows import FILL
from tests.support.removal_uses import REMOVAL_USES
from tests.support.session_uses import SESSION_USES
from tests.support.spending import CENT, a_call

BIG = (
    "workspaces",
    "peers",
    "sessions",
    "members",
    "messages",
    "conclusions",
    "work_units",
    "work_items",
    "work_windows",
    "idempotency_keys",
    "unanswered_batches",
    "collections",
    "dreams",
    "dream_changes",
    "dream_formers",
    "dream_checkpoints",
    "model_calls",
    "usage_days",
    "budgets",
    "spending",
    "reservations",
    "vector_removals",
    "peer_cards",
    "summaries",
    "webhooks",
    "webhook_events",
    "message_search",
    "term_stats",
)
GATE = Gate(1024, timedelta(minutes=30))
TERMS = ClaimTerms(GATE, 1024, timedelta(seconds=90))
KINDS = ["derive", "summary"]
UNIT = WorkUnit("w1", TaskKind.DERIVE, "s1", "p1")
COLLECTION = Collection("w1", "p1", "p1")
BATCH = Batch("w1", "s1", "f1", "r1")
REQUEST = KeyedRequest("w1", "somebody", "k77", "f", "t")

FILTERED = filter_sql.condition(
    filters.parse({"metadata": {"topic": "x"}, "peer_id": "p1"}, filters.MESSAGES), filter_sql.MESSAGES
)
OF_A_PEER = filter_sql.condition(
    filters.parse({"observer_id": "p1", "observed_id": "p1"}, filters.CONCLUSIONS), filter_sql.CONCLUSIONS
)


class ExplainingCursor(psycopg.Cursor[Any]):
    """Notes the plan of each statement before it runs it."""

    plans: list[str]

    def execute(self, query: Any, params: Any = None, **more: Any) -> "ExplainingCursor":
        plain = psycopg.Cursor(self.connection)
        query = query.as_string(self.connection) if isinstance(query, Composable) else query
        if str(query).lstrip("( \n").split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
            rows = plain.execute("EXPLAIN (COSTS OFF) " + query, params).fetchall()
            type(self).plans.append("\n".join(row[0] for row in rows))
        return super().execute(query, params, **more)


@pytest.fixture(scope="module")
def full(database_dsn: str, owner_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        owner.execute(FILL)
        owner.execute("VACUUM ANALYZE")
    with psycopg.connect(database_dsn, autocommit=True) as conn:
        conn.cursor_factory = ExplainingCursor
        yield conn


@pytest.fixture
def plans(full: Connection) -> Callable[[Callable[[Connection], object]], list[str]]:
    """Runs a use of the store in a transaction that is undone; gives the plans of its statements."""

    def explain(use: Callable[[psycopg.Connection[TupleRow]], object]) -> list[str]:
        ExplainingCursor.plans = []
        with full.transaction(force_rollback=True):
            use(full)
        return ExplainingCursor.plans

    return explain


def new_message(n: int) -> NewMessage:
    return NewMessage(f"new{n}", "p1", "text", 10, {}, None, True, THEN)


def new_conclusion(n: int) -> NewConclusion:
    return NewConclusion(f"n{n}", "p1", "p1", "s1", "explicit", f"new {n}", f"h{n}", True, ("m1",), (), (), THEN)


def claim_and_finish(conn: Connection) -> None:
    claimed = work.claim(conn, UNIT, TERMS, now=THEN)
    assert claimed is not None
    work.keep_answer(conn, claimed, "{}")
    work.fence(conn, claimed)
    work.finish(conn, claimed, Outcome("m", 1, 1, 1), gate=GATE, now=THEN)


def claim_and_give_back(conn: Connection) -> None:
    claimed = work.claim(conn, UNIT, TERMS, now=THEN)
    assert claimed is not None
    work.retry_later(conn, claimed, "x", is_outage=True, due_at=THEN)


def claim_and_stop(conn: Connection) -> None:
    claimed = work.claim(conn, UNIT, TERMS, now=THEN)
    assert claimed is not None
    stops.stop(conn, claimed, "x", needed=CENT, until=THEN + timedelta(days=9))
    assert stops.resume(conn, Budget(), now=THEN, most=100) == 1


def erase_messages(conn: Connection) -> None:
    erasing.hold(conn, "w1", "s1", THEN)
    erasing.void(conn, "w1", "s1")
    reopening.reopen(conn, "w1", "s1", TaskKind.DERIVE, [1, 2, 3])
    erasure_conclusions.strip(conn, "w1", ["c1", "c9"], ["m1"])
    erasure.messages(conn, "w1", "s1", ["m1", "m5000"])
    reopening.summarize_again(conn, "w1", "s1", Cadence(20, 60), THEN)


USES: dict[str, Callable[[Connection], object]] = {
    **INDEX_USES,
    **SESSION_USES,
    **REMOVAL_USES,
    "scene": lambda conn: record.scene(conn, "w1", "s1", ["p1", "p2"], now=THEN, batch=BATCH),
    "ensure": lambda conn: record.ensure(conn, "w1", "s1", ["p1", "p9"], THEN),
    "insert": lambda conn: messages.insert(conn, "w1", "s1", [new_message(n) for n in range(3)]).read(),
    "plan": lambda conn: outbox.plan(
        conn, "w1", "s1", [PlannedItem(UNIT, 1, 1, "new", 10)], gate=GATE, batch=1, now=THEN
    ).read(),
    "plan_summary": lambda conn: outbox.plan_summary(
        conn, WorkUnit("w1", TaskKind.SUMMARY, "s1"), [f"new{n}" for n in range(40)], Cadence(20, 60), now=THEN
    ).read(),
    "mark_sent": lambda conn: outbox.mark_sent(conn, [WakeUp(UNIT, 0)], now=THEN, resend_after=timedelta(1)),
    "unanswered": lambda conn: (
        unanswered.begin(conn, BATCH, ["m1"], [UNIT], now=THEN),
        unanswered.keep(conn, BATCH, ["m1"], now=THEN),
        unanswered.take(conn, BATCH, Unanswered("r", ("m1",), THEN), now=THEN),
        unanswered.answered(conn, BATCH),
    ),
    "idempotency": lambda conn: (
        idempotency.claim(conn, REQUEST, now=THEN, lease_until=THEN, expires_at=THEN),
        idempotency.find(conn, REQUEST),
        idempotency.answer(conn, REQUEST, KeptAnswer(201, "{}"), [("session", "s1")]),
        idempotency.release(conn, REQUEST),
    ),
    "idempotency_expired": lambda conn: idempotency.purge_expired(conn, now=THEN, most=100),
    "idempotency_erase": lambda conn: idempotency.erase(conn, "w1", [("message", "m1"), ("message", "m2")], most=100),
    "wake_due": lambda conn: outbox.wake_due(conn, now=THEN, most=200),
    "next_due": outbox.next_due,
    "claim_and_finish": claim_and_finish,
    "claim_and_give_back": claim_and_give_back,
    "claim_and_stop": claim_and_stop,
    "message": lambda conn: messages.get(conn, "w1", "s1", "m77"),
    "messages_by_ids": lambda conn: messages.by_ids(conn, "w1", ["m1", "m5000"]),
    "messages_in_range": lambda conn: messages.in_range(conn, "w1", "s1", 100, 140),
    "messages_with_context": lambda conn: messages.with_context(conn, "w1", "s1", "p1", [100, 140], most=50),
    "messages_newest": lambda conn: messages.newest_within(conn, "w1", "s1", tokens=4000),
    "conclusions_newest": lambda conn: conclusions.newest(conn, COLLECTION, most=25),
    "conclusions_newest_of_sessions": lambda conn: conclusions.newest(conn, COLLECTION, most=25, sessions=["s1"]),
    "conclusions_most_derived": lambda conn: conclusions.most_derived(conn, COLLECTION, most=25),
    "conclusions_chosen": lambda conn: conclusions.chosen(
        conn, COLLECTION, ids=["c1", "c9"], most_derived=25, newest=25
    ),
    "conclusions_chosen_of_sessions": lambda conn: conclusions.chosen(
        conn, COLLECTION, ids=["c1"], most_derived=25, newest=25, sessions=["s1"]
    ),
    "session_view": lambda conn: session_view.look(conn, "w1", "s1", COLLECTION),
    "session_view_without_target": lambda conn: session_view.look(conn, "w1", "s1", None),
    "conclusions_newest_of_all": lambda conn: conclusions.newest_of_all(conn, "w1", most=25),
    "conclusions_resting_on": lambda conn: conclusions.resting_on(conn, "w1", ["c7"], collection=COLLECTION, most=20),
    "conclusions_by_ids": lambda conn: conclusions.by_ids(conn, "w1", ["c1", "c9"]),
    "conclusions_save": lambda conn: conclusions.save(conn, "w1", [new_conclusion(n) for n in range(9)], THEN),
    "conclusions_reinforce": lambda conn: conclusions.reinforce(conn, "w1", [Mention("c1", ("m2",), 1, THEN)]),
    "conclusions_hide": lambda conn: conclusions.hide(conn, "w1", ["c1"], THEN),
    "status_of_a_peer": lambda conn: status.counts_of_peers(
        conn, "w1", ["derive"], observer=None, sender="p1", session="s1", now=THEN, most_sessions=9
    ),
    "parked": lambda conn: status.parked(conn, workspace="w1", most=100),
    "retry_parked": lambda conn: repair.retry_parked(conn, "w1", UNIT.key, now=THEN),
    "give_up_parked": lambda conn: repair.give_up_parked(conn, before=THEN, now=THEN, most=100),
    "summaries": lambda conn: (
        summaries.put(conn, "w1", "s1", Summary("short", "x", "m1", 1, 1, THEN)), summaries.both(conn, "w1", "s1")
    ),
    "workspace": lambda conn: workspaces.get(conn, "w1"),
    "peer": lambda conn: peers.get(conn, "w1", "p1"),
    "peer_made": lambda conn: peers.create_within(conn, "w1", "p99999", {}, {}, THEN),
    "peer_changed": lambda conn: peers.change(conn, "w1", "p1", {"a": 1}, None),
    "session": lambda conn: sessions.get(conn, "w1", "s1"),
    "session_made": lambda conn: sessions.create_within(conn, "w1", "s99999", THEN),
    "session_changed": lambda conn: sessions.change(conn, "w1", "s1", {}, {}),
    "card": lambda conn: cards.get(conn, COLLECTION),
    "peers_listed": lambda conn: peers.page(conn, selections.ordinary_peers("w2"), PageRequest()),
    "sessions_listed": lambda conn: sessions.page(conn, selections.active_sessions("w2"), PageRequest()),
    "sessions_of_a_peer": lambda conn: sessions.page(conn, selections.sessions_of_peer("w1", "p9"), PageRequest()),
    "members_listed": lambda conn: members.page(conn, selections.active_members("w1", "s1"), PageRequest()),
    "messages_listed": lambda conn: messages.page(conn, selections.messages_of("w1", "s2"), PageRequest()),
    "messages_filtered": lambda conn: messages.page(
        conn, selections.messages_of("w1", "s2").and_(FILTERED), PageRequest(is_reversed=True)
    ),
    "message_metadata": lambda conn: messages.set_metadata(conn, "w1", "s1", "m77", {}),
    "conclusion": lambda conn: conclusions.get(conn, "w1", "c1"),
    "conclusion_deleted": lambda conn: conclusions.delete(conn, "w1", "c1", THEN),
    "conclusions_of_a_peer": lambda conn: conclusions.page(
        conn, selections.live_conclusions("w1").and_(OF_A_PEER), PageRequest()
    ),
    "membership": lambda conn: members.active_among(conn, "w1", "p1", ["s1", "s2"]),
    "membership_settings": lambda conn: members.get(conn, "w1", "s1", "p1"),
    "revoked": lambda conn: revocations.is_revoked(conn, "key_1"),
    "members": lambda conn: members.join(conn, "w1", "s1", {"p1": ObservationSettings()}, THEN),
    "peers": lambda conn: peers.existing(conn, "w1", ["p1", "p9"]),
    "scope_attach": lambda conn: (
        scopes.hold_candidates(conn, "w1", ["s1", "s2"]), scopes.attach(conn, "w1", "p9", ["s1", "s2"], THEN)
    ),
    "scope_detach": lambda conn: scopes.detach(conn, "w1", "p1", "s1", THEN),
    "scope_listening": lambda conn: scopes.listening(conn, "w1", "s1"),
    "scope_sessions": lambda conn: scopes.sessions_of(conn, "w1", ["p9"], most=1000),
    "scope_copy": lambda conn: backfills.copy(conn, "w1", "p9", "s1"),
    "scope_remove": lambda conn: backfills.remove(conn, "w1", "p1", "s1", THEN),
    "scope_status": lambda conn: backfills.every(conn, "w1", "p1"),
    "erase_message": lambda conn: erasing.plan_message(conn, "w1", "s1", "m1", THEN),
    "erase_touched": lambda conn: erasure_conclusions.touched(conn, "w1", "s1", ["m1", "m2"], peer=None),
    "erase_messages": erase_messages,
    "erase_observers": lambda conn: erasure.observers(conn, "w1", "s1", "p1", most=2000),
    "erase_some_of_peer": lambda conn: erasure.some_of_peer(conn, "w1", "s1", "p1", most=100),
    "erase_peer": lambda conn: erasing.plan_peer(conn, "w1", "p9", THEN),
    "erase_peer_of_sessions": lambda conn: erasing.plan_sessions(conn, "w1", "p9", most=200, now=THEN),
    "erase_conclusions_of_peer": lambda conn: erasure_conclusions.of_peer(conn, "w1", "p9", most=200),
    "erase_peer_at_last": lambda conn: erasure.peer(conn, "w1", "p9"),
    "conclusions_hold": lambda conn: conclusions.hold(conn, "w1", ["c1", "c9"]),
    "erase_reworded": lambda conn: erasure_conclusions.reworded(conn, "w1", ["c1", "c9"], ["m1", "m2"]),
    "erase_strip": lambda conn: erasure_conclusions.strip(conn, "w1", ["c1", "c9"], ["m1", "m2"]),
    **DREAM_USES,
    "sample_recent": lambda conn: samples.sample(conn, COLLECTION, "recent", levels=["explicit"], most=200),
    "calls": lambda conn: (
        calls.note(conn, "w1", [a_call()]),
        calls.used(conn, "w1", since=THEN - timedelta(days=1), until=THEN, by="feature"),
        calls.roll_up(conn, before=THEN - timedelta(days=100), most=500),
    ),
    "budget": lambda conn: (
        budgets.get(conn, "w1"),
        budgets.standing(conn, "w1", now=THEN),
        budgets.standing(conn, "w9999", now=THEN),
        budgets.reserve(conn, "w1", Wish("c", CENT, THEN), Budget(), now=THEN),
        budgets.settle(conn, "w1", [a_call(id="call1")], Budget(), now=THEN),
        budgets.expire(conn, now=THEN, most=100),
    ),
    "tasks": lambda conn: tasks.plan(conn, "w1", [WorkUnit("w1", TaskKind.SCOPE, "s1", "p1")], now=THEN),
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_store_reads_large_tables_by_index(plans, use: str):
    found = plans(USES[use])
    assert found
    scanned = [plan for plan in found if re.search(rf"Seq Scan on ({'|'.join(BIG)})\b", plan)]
    assert scanned == []


def test_newest_conclusions_come_in_the_order_of_their_index(plans):
    [newest] = plans(USES["conclusions_newest"])
    [derived] = plans(USES["conclusions_most_derived"])
    assert "Sort" not in newest + derived
    assert "conclusions_newest" in newest
    assert "conclusions_most_derived" in derived


def test_chosen_conclusions_come_in_the_order_of_their_indexes(plans):
    [chosen] = plans(USES["conclusions_chosen"])
    assert "Sort" not in chosen
    assert "conclusions_newest" in chosen
    assert "conclusions_most_derived" in chosen
    assert "conclusions_pkey" in chosen


def test_newest_conclusions_of_all_come_in_the_order_of_their_index(plans):
    [newest] = plans(USES["conclusions_newest_of_all"])
    assert "conclusions_by_age" in newest
    assert "Sort" not in newest


def test_conclusions_that_rest_on_others_are_found_by_their_sources(plans):
    [found] = plans(USES["conclusions_resting_on"])
    assert "conclusions_by_source" in found
    [of_all] = plans(lambda conn: conclusions.resting_on(conn, "w1", ["c7"], collection=None, most=20))
    assert "conclusions_by_source" in of_all


def test_newest_messages_stop_at_the_budget(plans):
    found = plans(lambda conn: messages.newest_within(conn, "w1", "s1", tokens=300))
    assert len(found) == 1
    assert "Seq Scan" not in found[0]
    # What is kept is found from its lowest place on, however much lies before it.
    assert re.search(r"Index Scan Backward using messages_pkey on messages\n.*seq >= GREATEST", found[0])


def test_due_units_are_found_by_their_due_time(plans):
    [wake] = plans(USES["wake_due"])
    [due] = plans(USES["next_due"])
    assert "work_units_due" in wake
    assert "work_units_due" in due


def test_status_of_one_session_reads_no_other_sessions_units(plans):
    [found] = plans(lambda conn: status.counts(conn, "w1", KINDS, session="s1", now=THEN, most_sessions=9))
    assert "work_units_by_session" in found
