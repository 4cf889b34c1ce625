"""Scopes: what they take over, what they hear, and what they give back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import LiteralString

import pytest

from shared.domain.conclusion import Collection, ConclusionDraft, Level
from shared.domain.errors import Conflict, IndexUnavailable, Invalid, NotFound
from shared.domain.quotes import Quote
from shared.domain.work import TaskKind, WorkUnit
from shared.memory import conclude, scopes, sessions
from shared.memory.backfill import reconcile
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.planning import derive_gate
from shared.memory.vector_upkeep import index_pending
from shared.reasoning.derive import derive
from shared.store import cards, conclusions, tasks
from shared.store import work as stored
from tests.support.backends import THEN, facts

TEAM = "scope.team"
UNINDEXED: LiteralString = "SELECT id FROM conclusions WHERE workspace = %(workspace)s AND indexed_at IS NULL"


@pytest.fixture
def place(place):
    """Two sessions with a message each, and a scope."""
    place.says("s", ("ada", "I sing"), ("bob", "I row"))
    place.says("t", ("ada", "I fence"))
    scopes.get_or_create(place.backends, place.workspace, "team", metadata=None)
    return place


def save(place, *contents: str, session: str | None = "s", observed="ada", observers=None, level: Level = "explicit"):
    """Save and index; gives ids in order."""
    draft = ConclusionDraft(
        "", level, session, ("m1",), THEN, event_at=THEN, quotes=(Quote("m1", 2, 6),), quote_state="verified"
    )
    drafts = [replace(draft, content=one) for one in contents]
    saving = conclude.prepare(place.backends, place.workspace, observed, observers or [observed], drafts)
    with place.backends.db.transaction() as conn:
        saved = saving.write(place.backends, conn)
    conclude.index(place.backends, saved, saving.vectors)
    return [one.id for content in contents for one in saved if one.content == content]


def derived(place, content: str, *sources: str, observer: str = TEAM) -> str:
    drafts = [ConclusionDraft(content, "deductive", None, (), THEN, source_ids=sources)]
    saving = conclude.prepare(place.backends, place.workspace, "ada", [observer], drafts)
    with place.backends.db.transaction() as conn:
        [saved] = saving.write(place.backends, conn)
    return saved.id


def add(place, *names: str) -> None:
    scopes.add_sessions(place.backends, place.workspace, "team", names)


def remove(place, session: str) -> None:
    scopes.remove_session(place.backends, place.workspace, "team", session)


def work(place, backends=None) -> int:
    """Do what was sent for scopes; gives how many wake-ups there were."""
    waiting = place.queue.take(TaskKind.SCOPE)
    for wake_up in waiting:
        reconcile(backends or place.backends, wake_up)
    return len(waiting)


def held(place, observed: str = "ada") -> set[str]:
    """What the scope holds of the peer."""
    with place.backends.db.reading() as conn:
        found = conclusions.newest(conn, Collection(place.workspace, TEAM, observed), most=100)
    return {one.content for one in found}


def found(place, text: str) -> list[str]:
    """The same by meaning."""
    [vector] = place.embedder.embed([text])
    [hits] = place.backends.vectors.nearest_conclusions(Collection(place.workspace, TEAM, "ada"), [vector], k=1)
    return [hit.id for hit in hits]


def status(place) -> dict[str, tuple[str, int | None]]:
    every = scopes.status(place.backends, place.workspace, "team")
    return {one.session: (one.state, one.copied) for one in every}


def test_backfill_copies_what_members_said_of_themselves_with_all_it_came_from(place):
    save(place, "ada sings", observers=["ada", "bob"])
    save(place, "bob rows", observed="bob")
    save(place, "ada fences", session="t")
    save(place, "ada is musical", level="deductive")
    add(place, "s")
    assert status(place) == {"s": ("pending", None)}
    assert work(place) == 1
    assert (held(place), held(place, "bob")) == ({"ada sings"}, {"bob rows"})
    assert status(place) == {"s": ("completed", 2)}
    [copy] = [row for row in place.conclusions() if row["content"] == "ada sings" and row["observer"] == TEAM]
    [original] = [row for row in place.conclusions() if row["content"] == "ada sings" and row["observer"] == "ada"]
    kept = ("session", "level", "message_ids", "occurred_at", "created_at", "times_derived", "event_at", "quote_state")
    assert [copy[name] for name in kept] == [original[name] for name in kept]
    assert copy["quotes"] == original["quotes"] == [{"message_id": "m1", "start": 2, "end": 6}]
    assert copy["copied_from"] == original["id"]


def test_backfill_takes_the_vectors_along_without_embedding_again(place):
    save(place, "ada sings")
    place.embedder.asked.clear()
    add(place, "s")
    work(place)
    assert place.embedder.asked == []
    assert place.rows(UNINDEXED) == []
    [copy] = [row for row in place.conclusions() if row["observer"] == TEAM]
    assert found(place, "ada sings") == [copy["id"]]


def test_backfill_when_the_index_is_away_leaves_the_vectors_to_tick(place):
    class Away:
        def copy_conclusions(self, *_args, **_more):
            raise IndexUnavailable

    save(place, "ada sings")
    add(place, "s")
    work(place, replace(place.backends, vectors=Away()))
    assert status(place) == {"s": ("completed", 1)}
    [waiting] = place.rows(UNINDEXED)
    place.clock.advance(minutes=5)
    index_pending(place.backends)
    assert found(place, "ada sings") == [waiting["id"]]


def test_backfill_a_second_time_copies_nothing_and_restores_nothing_deleted(place):
    save(place, "ada sings", "ada rows")
    add(place, "s")
    [wake_up] = place.queue.take(TaskKind.SCOPE)
    reconcile(place.backends, wake_up)
    [gone] = [row["id"] for row in place.conclusions() if (row["observer"], row["content"]) == (TEAM, "ada rows")]
    with place.backends.db.reading() as conn:
        conclusions.delete(conn, place.workspace, gone, place.clock.now())
    with place.backends.db.transaction() as conn:
        tasks.plan(conn, place.workspace, [wake_up.unit], now=place.clock.now())
    reconcile(place.backends, wake_up)
    assert held(place) == {"ada sings"}
    assert status(place) == {"s": ("completed", 2)}


def test_backfill_copies_a_clients_statement_of_a_session_once(place):
    given = [GivenConclusion("ada", "ada", "s", "ada sings"), GivenConclusion("ada", "ada", "s", "ada sings")]
    create_conclusions(place.backends, place.workspace, given)
    add(place, "s")
    work(place)
    assert status(place) == {"s": ("completed", 1)}


def test_scope_hears_what_is_said_in_its_sessions(place):
    add(place, "s")
    work(place)
    place.queue.take()
    [_] = place.says("s", ("ada", "I rowed " + "far " * 2000))
    [wake_up] = place.queue.take(TaskKind.DERIVE)
    backends, _ = place.asks(facts("ada rowed far"), facts("ada rowed far"), facts("ada rowed far"))
    derive(backends, wake_up)
    for again in place.queue.take(TaskKind.DERIVE):
        derive(backends, again)
    assert held(place) == {"ada rowed far"}


def test_conclusion_of_a_message_from_before_the_scope_reaches_the_scope(place):
    add(place, "s")
    work(place)
    saving = conclude.prepare(
        place.backends, place.workspace, "ada", ["ada"], [ConclusionDraft("ada sings", "explicit", "s", (), THEN)]
    )
    with place.backends.db.transaction() as conn:
        saved = saving.write(place.backends, conn)
    assert {one.observer for one in saved} == {"ada", TEAM}


def test_conclusion_that_comes_after_the_removal_does_not_reach_the_scope(place):
    add(place, "s")
    work(place)
    saving = conclude.prepare(
        place.backends, place.workspace, "ada", ["ada", TEAM], [ConclusionDraft("ada sings", "explicit", "s", (), THEN)]
    )
    remove(place, "s")
    with place.backends.db.transaction() as conn:
        saved = saving.write(place.backends, conn)
    assert {one.observer for one in saved} == {"ada"}


def test_removal_takes_what_the_session_gave_and_what_rests_on_it(place):
    save(place, "ada sings")
    save(place, "ada fences", session="t")
    add(place, "s", "t")
    work(place)
    ids = {row["content"]: row["id"] for row in place.conclusions() if row["observer"] == TEAM}
    musical = derived(place, "ada is musical", ids["ada sings"])
    derived(place, "ada has stage fright", musical, ids["ada fences"])
    derived(place, "ada is quick", ids["ada fences"])
    create_conclusions(place.backends, place.workspace, [GivenConclusion(TEAM, "ada", "s", "ada leads us")])
    view = Collection(place.workspace, TEAM, "ada")
    with place.backends.db.reading() as conn:
        cards.put(conn, view, ["ada sings"], place.clock.now())
    remove(place, "s")
    assert status(place)["s"] == ("pending", None)
    work(place)
    assert held(place) == {"ada fences", "ada is quick", "ada leads us"}
    assert status(place) == {"t": ("completed", 1)}
    with place.backends.db.reading() as conn:
        assert cards.get(conn, view) is None
    assert found(place, "ada sings") != [ids["ada sings"]]
    assert {row["content"] for row in place.conclusions() if row["observer"] == "ada"} == {"ada sings", "ada fences"}


def test_session_that_comes_back_is_taken_over_again(place):
    save(place, "ada sings")
    add(place, "s")
    work(place)
    remove(place, "s")
    work(place)
    assert held(place) == set()
    add(place, "s")
    work(place)
    assert (held(place), status(place)) == ({"ada sings"}, {"s": ("completed", 1)})


@pytest.mark.parametrize("is_last_in", [True, False])
def test_changes_that_pile_up_end_as_the_last_one_says(place, is_last_in):
    save(place, "ada sings")
    for _ in range(2):
        add(place, "s")
        remove(place, "s")
    if is_last_in:
        add(place, "s")
    work(place)
    assert held(place) == ({"ada sings"} if is_last_in else set())
    assert place.unit_row(WorkUnit(place.workspace, TaskKind.SCOPE, "s", TEAM))["pending_items"] == 0


def test_sessions_that_are_in_already_and_those_without_a_past_need_no_work(place):
    sessions.get_or_create(place.backends, place.workspace, "empty")
    add(place, "empty", "s")
    place.queue.take()
    add(place, "empty", "s")
    remove(place, "t")
    assert place.queue.take(TaskKind.SCOPE) == []
    assert set(status(place)) == {"s"}


def test_session_made_within_scopes_joins_them_without_a_backfill(place):
    save(place, "ada sings")
    for _ in range(2):
        sessions.get_or_create(place.backends, place.workspace, "s", within=["team", "other"])
    assert place.queue.take(TaskKind.SCOPE) == []
    assert (held(place), status(place)) == (set(), {})
    assert scopes.sessions_within(place.backends, place.workspace, ["team", "other"]) == ("s",)
    assert sessions.get_or_create(place.backends, place.workspace, "s")[0].name == "s"


@pytest.mark.parametrize("missing", ["nowhere", "closing"])
def test_adding_when_one_session_cannot_join_adds_none(place, missing):
    sessions.get_or_create(place.backends, place.workspace, "closing")
    with place.backends.db.transaction() as conn:
        conn.execute("UPDATE sessions SET is_active = false WHERE name = 'closing'")
    with pytest.raises(NotFound, match=missing):
        add(place, "s", missing)
    assert scopes.sessions_within(place.backends, place.workspace, ["team"]) == ()
    assert place.queue.take(TaskKind.SCOPE) == []


def test_sessions_within_scopes_are_those_that_are_in_them_now(place):
    add(place, "s", "t")
    remove(place, "s")
    scopes.get_or_create(place.backends, place.workspace, "other", metadata=None)
    scopes.add_sessions(place.backends, place.workspace, "other", ["t"])
    within = scopes.sessions_within(place.backends, place.workspace, ["team", "other"])
    assert within == ("t",)
    with pytest.raises(Invalid):
        scopes.sessions_within(place.backends, place.workspace, ["team"], most=0)


def test_failed_backfill_says_so_until_it_is_done(place):
    save(place, "ada sings")
    add(place, "s")
    place.queue.take()
    unit = WorkUnit(place.workspace, TaskKind.SCOPE, "s", TEAM)
    claimed = place.claims(unit)
    with place.backends.db.transaction() as conn:
        stored.park(conn, claimed, "broken", gate=derive_gate(place.backends.settings), now=place.clock.now())
    assert status(place) == {"s": ("failed", None)}


def test_name_that_an_ordinary_peer_has_is_no_scope(place):
    with place.backends.db.transaction() as conn:
        conn.execute("INSERT INTO peers (workspace, name, uid) VALUES (%s, 'scope.old', 'u')", (place.workspace,))
    with pytest.raises(Conflict):
        scopes.get_or_create(place.backends, place.workspace, "old", metadata=None)
    with pytest.raises(Conflict):
        sessions.get_or_create(place.backends, place.workspace, "s", within=["old"])
    with pytest.raises(Invalid):
        scopes.perspective(place.backends, place.workspace, "old")
    with pytest.raises(NotFound):
        scopes.require(place.backends, place.workspace, "old")


@pytest.mark.parametrize("ends_in", [True, False])
def test_scope_has_exactly_what_its_session_has_however_changes_race(place, ends_in):
    add(place, "s")

    def change() -> None:
        for _ in range(8):
            remove(place, "s")
            add(place, "s")
        if not ends_in:
            remove(place, "s")

    def conclude_things() -> None:
        for number in range(30):
            save(place, f"ada has boat {number}", observers=["ada", TEAM] if number % 2 else ["ada"])

    def reconcile_all() -> None:
        for _ in range(30):
            work(place)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(one) for one in (change, conclude_things, reconcile_all)]:
            done.result()
    finish_all(place)
    expected = {f"ada has boat {number}" for number in range(30)} if ends_in else set()
    assert held(place) == expected


def finish_all(place) -> None:
    """Do what is pending for scopes, whatever became of its wake-ups, as tick would in time."""
    unit = WorkUnit(place.workspace, TaskKind.SCOPE, "s", TEAM)
    for _ in range(20):
        if place.unit_row(unit)["pending_items"] == 0:
            return
        place.clock.advance(minutes=30)
        reconcile(place.backends, place.wake_up(unit))
    pytest.fail("the unit does not come to an end")
