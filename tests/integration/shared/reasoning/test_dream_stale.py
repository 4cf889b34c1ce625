"""What was kept of a dream and does not fit any more is dropped; what must be forgotten is not kept."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import LiteralString

import pytest

from shared.domain.conclusion import Collection
from shared.domain.work import TaskKind
from shared.llm.types import Completion, Reply
from shared.memory import scopes
from shared.memory.backfill import reconcile
from shared.memory.erase import erase_message, erase_peer
from shared.memory.forget import delete_session, delete_workspace
from shared.store import cards, conclusions, purge
from tests.support.dreaming import Acting, Dreamland, dreamland, ids
from tests.support.erasing import settle
from tests.support.forgetting import forgets
from tests.support.residue import residue
from tests.support.scripted_model import calls
from tests.support.shifts import AT_ONCE, CHECKPOINTS, TURNS, asked, begun, goes_on, outcome


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield place


def changes(land: Dreamland, statement: LiteralString) -> None:
    with land.backends.db.transaction() as conn:
        conn.execute(statement, [land.workspace])


def is_of_another_prompt(land: Dreamland) -> None:
    changes(land, "UPDATE dream_checkpoints SET made_by = 'another' WHERE workspace = %s")


def is_unreadable(land: Dreamland) -> None:
    changes(land, "UPDATE dream_checkpoints SET run = '{}' WHERE workspace = %s")


def is_no_json(land: Dreamland) -> None:
    changes(land, "UPDATE dream_checkpoints SET run = 'x' WHERE workspace = %s")


def lost_a_fact(land: Dreamland) -> None:
    with land.backends.db.transaction() as conn:
        conclusions.delete(conn, land.workspace, ids(land)["ada loves the sea"], land.clock.now())


@pytest.mark.parametrize("happens", [is_of_another_prompt, is_unreadable, is_no_json, lost_a_fact])
def test_run_that_does_not_fit_any_more_is_begun_anew_and_counted(
    land: Dreamland, happens: Callable[[Dreamland], None]
):
    place, model = begun(land)
    for _ in range(3):
        place.dreams_on(lasts=AT_ONCE)
    happens(place)
    # Its script names what may be gone: the model only reads from here on.
    reading = Acting(lambda _: None)
    goes_on(place.dreaming_with(reading))
    assert asked(model) == TURNS[:3]
    assert asked(reading) == ["dream_deduction", "dream_induction", "dream_card"]
    assert len(reading.requests[0].turns) == 2
    [row] = land.dreams()
    assert row["restarts"] == 1
    # What was paid for the turns that are lost stays paid.
    assert row["input_tokens"] == 10 * 6
    assert "deductive" not in land.levels()


def test_run_is_not_continued_by_another_model(land: Dreamland):
    place, model = begun(land)
    place.dreams_on(lasts=AT_ONCE)
    other = Acting(model.act)
    other.name = "other/1"
    goes_on(place.dreaming_with(other))
    assert asked(other) == TURNS
    assert land.dreams()[0]["restarts"] == 1


def test_card_that_was_written_meanwhile_is_read_again(land: Dreamland):
    place, _ = begun(land)
    line = calls(("read_recent", {"limit": 9}))
    model = Acting(lambda request: line if request.purpose == "dream_card" and len(request.turns) == 2 else None)
    place = place.dreaming_with(model)
    for _ in range(3):
        place.dreams_on(lasts=AT_ONCE)
    assert [row["phase"] for row in place.rows(CHECKPOINTS)] == ["card"]
    with place.backends.db.transaction() as conn:
        cards.put(conn, Collection(place.workspace, "ada", "ada"), ["mine"], place.clock.now())
    goes_on(place)
    assert asked(model)[2:] == ["dream_card"] * 3
    assert "mine" in model.requests[3].turns[1].text
    assert land.dreams()[0]["restarts"] == 1


def test_what_is_said_meanwhile_does_not_begin_a_run_anew(land: Dreamland):
    place, model = begun(land)
    place.dreams_on(lasts=AT_ONCE)
    land.tells("ada", "I speak Greek.")
    goes_on(place)
    assert asked(model) == TURNS
    assert land.dreams()[0]["restarts"] == 0


def paused(land: Dreamland, town: str = "Zqcanaryville", *, observer: str = "ada") -> Dreamland:
    """A dream in the middle of whose run all that is known of ada lies in its checkpoint."""
    land.tells("ada", f"I live in {town}.", session="gone")
    land.asks_for(observer=observer, observed="ada")
    place = land.dreaming_with(
        Acting(lambda request: calls(("read_recent", {"limit": 9})) if len(request.turns) < 5 else None)
    )
    for _ in range(2):
        place.dreams_on(lasts=AT_ONCE)
    assert len(place.rows(CHECKPOINTS)) == 1
    return place


def test_session_that_is_forgotten_takes_the_run_with_it(land: Dreamland, owner_dsn: str):
    land.tells("ada", "I speak Greek.", session="stays")
    place = paused(land)
    assert "dream_checkpoints" in residue(owner_dsn, "Zqcanaryville")
    delete_session(land.backends, land.workspace, "gone")
    forgets(land)
    assert residue(owner_dsn, "Zqcanaryville") == {}
    goes_on(place)
    assert land.dreams()[0]["restarts"] == 1
    assert outcome(place)[0] == {"explicit": ["ada speaks Greek"]}


def test_message_that_is_erased_takes_the_run_with_it(land: Dreamland, owner_dsn: str):
    land.tells("ada", "I speak Greek.", session="stays")
    place = paused(land)
    [said] = land.rows("SELECT id FROM messages WHERE workspace = %(workspace)s AND session = 'gone'")
    erase_message(land.backends, land.workspace, "gone", said["id"])
    settle(land)
    assert residue(owner_dsn, "Zqcanaryville") == {}
    goes_on(place)
    assert outcome(place)[0] == {"explicit": ["ada speaks Greek"]}


def test_peer_that_is_erased_takes_the_run_with_it(land: Dreamland, owner_dsn: str):
    place = paused(land)
    erase_peer(land.backends, land.workspace, "ada")
    settle(land)
    assert residue(owner_dsn, "Zqcanaryville") == {}
    assert place.rows(CHECKPOINTS) == []
    assert goes_on(place) <= 1


def test_workspace_that_is_forgotten_takes_the_run_with_it(land: Dreamland, owner_dsn: str):
    place = paused(replace(land, workspace="zqcanary-workspace"))
    assert "dream_checkpoints" in residue(owner_dsn, "zqcanary-workspace")
    delete_session(place.backends, place.workspace, "gone")
    delete_workspace(place.backends, place.workspace)
    for _ in range(3):
        forgets(place)
    assert residue(owner_dsn, "zqcanary-workspace") == {}


def test_scope_that_loses_a_session_loses_the_run_that_saw_it(land: Dreamland):
    land.tells("ada", "I speak Greek.")
    scopes.get_or_create(land.backends, land.workspace, "x", metadata=None)
    scopes.add_sessions(land.backends, land.workspace, "x", ["s"])
    settle_scopes(land)
    place = paused(land, "Rome", observer="scope.x")
    scopes.remove_session(land.backends, land.workspace, "x", "s")
    settle_scopes(land)
    assert place.rows(CHECKPOINTS) == []
    goes_on(place)
    assert land.dreams()[0]["finished_at"] is not None


def settle_scopes(land: Dreamland) -> None:
    for wake_up in land.queue.take(TaskKind.SCOPE):
        reconcile(land.backends, wake_up)


def test_worker_that_still_has_in_mind_what_is_forgotten_does_not_keep_it(land: Dreamland, owner_dsn: str):
    land.tells("ada", "I speak Greek.", session="stays")
    land.tells("ada", "I live in Zqcanaryville.", session="gone")
    turns: list[int] = []

    def act(request: Completion) -> Reply | None:
        turns.append(len(request.turns))
        if len(turns) == 3:
            delete_session(land.backends, land.workspace, "gone")
            forgets(land)
        return calls(("read_recent", {"limit": 9})) if len(turns) < 6 else None

    land.asks_for()
    place = land.dreaming_with(Acting(act))
    for _ in range(2):
        place.dreams_on(lasts=AT_ONCE)
    assert "dream_checkpoints" in residue(owner_dsn, "Zqcanaryville")
    # This call ends with the fact in its memory, after it was forgotten.
    place.dreams_on(lasts=AT_ONCE)
    assert residue(owner_dsn, "Zqcanaryville") == {}
    goes_on(place)
    assert turns[:4] == [2, 4, 6, 2]
    assert land.dreams()[0]["restarts"] == 1


def test_run_that_is_kept_while_its_facts_are_being_forgotten_waits_and_is_not_kept(land: Dreamland):
    """The worker looks while the other transaction is not committed: it must wait for it, and then see."""
    land.tells("ada", "I live in Rome.", "I speak Greek.")
    place = paused(land, "Oslo")
    gone = ids(land)["ada lives in Rome"]
    with land.backends.db.transaction() as conn:

        def act(_: Completion) -> Reply:
            assert purge.conclusions(conn, land.workspace, [gone]) == []
            return calls(("read_recent", {"limit": 9}))

        place = place.dreaming_with(Acting(act))
        dreaming = threading.Thread(target=place.dreams_on, kwargs={"lasts": AT_ONCE})
        dreaming.start()
        dreaming.join(0.5)
        assert dreaming.is_alive()
    dreaming.join()
    assert place.rows(CHECKPOINTS) == []


def test_dream_that_may_not_go_on_leaves_nothing(land: Dreamland):
    place = paused(land, "Rome")
    goes_on(place.configured(dream={"enabled": False}))
    assert place.rows(CHECKPOINTS) == []
    assert land.dreams()[0]["finished_at"] is not None
