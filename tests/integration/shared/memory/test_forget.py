"""Forgetting a session: nothing is left, nobody else's is touched, and a worker that ends anywhere is made good."""

from dataclasses import replace
from typing import LiteralString

import pytest

from shared.domain.conclusion import Collection
from shared.domain.errors import NotFound
from shared.domain.work import TaskKind
from shared.memory import forget, sessions
from shared.memory.forget import delete_session
from shared.memory.indexing import index_messages
from shared.store import conclusions
from shared.store.conclusions import NewConclusion
from tests.support.backends import THEN
from tests.support.forgetting import FailingIndex, HastyClock, concludes, forgets, furnishes, indexes
from tests.support.residue import residue

STATISTICS: LiteralString = "SELECT term, df FROM term_stats WHERE workspace = %(workspace)s ORDER BY term"
TOTALS: LiteralString = "SELECT documents, lexemes FROM search_totals WHERE workspace = %(workspace)s"
DERIVED = NewConclusion("", "ada", "ada", None, "deductive", "more", "", True, (), ("canary",), (), THEN)
LEFT: LiteralString = "SELECT id FROM conclusions WHERE workspace = %(workspace)s ORDER BY id"


def test_delete_session_at_once_refuses_writers_and_serves_readers(place):
    place.says("s", ("ada", "hello"))
    delete_session(place.backends, place.workspace, "s")
    with pytest.raises(NotFound):
        place.says("s", ("ada", "more"))
    with pytest.raises(NotFound):
        sessions.get_or_create(place.backends, place.workspace, "s")
    with pytest.raises(NotFound):
        delete_session(place.backends, place.workspace, "s")
    assert place.count("messages") == 1
    [wake_up] = place.queue.take(TaskKind.FORGET)
    assert (wake_up.unit.session, place.unit_row(wake_up.unit)["pending_items"]) == ("s", 1)


def test_forgotten_session_leaves_no_trace_and_others_theirs(place, owner_dsn):
    furnishes(place, "s", "canary")
    furnishes(place, "other", "parrot")
    delete_session(place.backends, place.workspace, "s")
    assert "messages" in residue(owner_dsn, "canary")
    forgets(place)
    assert residue(owner_dsn, "canary") == {}
    assert [row["session"] for row in place.rows("SELECT session FROM members WHERE workspace = %(workspace)s")] == [
        "other"
    ] * 2
    assert [row["id"] for row in place.rows(LEFT)] == ["parrot-fact"]
    assert place.count("messages") == 2
    assert [row["name"] for row in place.rows("SELECT name FROM peers WHERE workspace = %(workspace)s")] == [
        "ada",
        "bob",
    ]


def test_forgotten_messages_no_longer_count_in_the_statistics_of_words(place):
    place.says("other", ("ada", "tea and coffee"))
    indexes(place)
    before = place.rows(STATISTICS), place.rows(TOTALS)
    place.says("s", ("ada", "tea"), ("bob", "more tea and some milk"))
    indexes(place)
    assert place.rows(STATISTICS) != before[0]
    delete_session(place.backends, place.workspace, "s")
    forgets(place)
    assert (place.rows(STATISTICS), place.rows(TOTALS)) == before


def test_conclusions_that_rest_on_forgotten_ones_go_too_however_far_up(place):
    place.says("s", ("ada", "hello"))
    place.says("other", ("ada", "hello"))
    concludes(place, "fact", "s")
    concludes(place, "kept", "other")
    concludes(place, "kept-1", None, "kept")
    concludes(place, "on-1", None, "kept", "fact")
    concludes(place, "on-2", None, "on-1", "on-3")
    concludes(place, "on-3", "other", "on-2")
    delete_session(place.backends, place.workspace, "s")
    forgets(place)
    assert [row["id"] for row in place.rows(LEFT)] == ["kept", "kept-1"]
    everywhere = Collection(place.workspace, "ada", "ada")
    [hits] = place.backends.vectors.nearest_conclusions(everywhere, place.embedder.embed(["fact"]), k=10)
    assert {hit.id for hit in hits} == {"kept", "kept-1"}


@pytest.mark.parametrize("fails_at", range(1, 7))
def test_forget_when_it_fails_anywhere_goes_on_where_it_was(place, owner_dsn, fails_at):
    furnishes(place, "s", "canary")
    concludes(place, "canary-1", None, "canary-fact")
    concludes(place, "canary-2", None, "canary-1")
    failing = FailingIndex(place.backends.vectors, fails_at)
    delete_session(place.backends, place.workspace, "s")
    [wake_up] = place.queue.take(TaskKind.FORGET)
    forget.forget(replace(place.backends, vectors=failing), wake_up)
    assert (failing.left > 0) == (place.count("sessions") == 0)
    for row in place.rows("SELECT source_ids FROM conclusions WHERE workspace = %(workspace)s AND deleted_at IS NULL"):
        assert set(row["source_ids"]) <= {one["id"] for one in place.rows(LEFT)}
    forgets(place)
    assert residue(owner_dsn, "canary") == {}


def test_conclusions_of_several_batches_go_from_the_top_down(place, owner_dsn):
    """So that after an end in between those that are left still rest on what leads to them."""
    place.says("s", ("ada", "hello"))
    concludes(place, "canary", "s")
    upper = [replace(DERIVED, id=f"canary-{number}", content_hash=f"h{number}") for number in range(250)]
    with place.backends.db.transaction() as conn:
        conclusions.save(conn, place.workspace, upper, THEN)
    delete_session(place.backends, place.workspace, "s")
    [wake_up] = place.queue.take(TaskKind.FORGET)
    failing = FailingIndex(place.backends.vectors, 3)
    forget.forget(replace(place.backends, vectors=failing), wake_up)
    left = {row["id"] for row in place.rows(LEFT)}
    assert (len(left), "canary" in left) == (51, True)
    forgets(place)
    assert residue(owner_dsn, "canary") == {}


def test_forget_when_its_time_is_up_hands_on_to_the_next_worker(place, owner_dsn):
    furnishes(place, "s", "canary")
    delete_session(place.backends, place.workspace, "s")
    hasty = replace(place.backends, clock=HastyClock(place.clock))
    rounds = 0
    while wake_ups := place.queue.take(TaskKind.FORGET):
        [wake_up] = wake_ups
        forget.forget(hasty, wake_up)
        rounds += 1
    assert rounds > 2
    assert residue(owner_dsn, "canary") == {}


def test_session_forgotten_can_be_made_anew_and_its_wake_ups_count_on(place):
    for _ in range(3):
        place.says("s", ("ada", "hello"))
        [first] = place.queue.take(TaskKind.INDEX)
        index_messages(place.backends, first)
    delete_session(place.backends, place.workspace, "s")
    [gone] = place.queue.take(TaskKind.FORGET)
    place.queue.sent.append(gone)
    forgets(place)
    [message] = place.says("s", ("ada", "hello again"))
    [second] = place.queue.take(TaskKind.INDEX)
    assert message.seq == 1
    # The queue forgets a number after minutes only: the same one again would not arrive.
    assert (second.unit, second.number > first.number) == (first.unit, True)
    delete_session(place.backends, place.workspace, "s")
    [again] = place.queue.take(TaskKind.FORGET)
    assert again.deduplication_id() != gone.deduplication_id()
