"""Taking back what a dream did."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.card import CardLine
from shared.domain.dream import Finding, Removal
from shared.memory.conclude import delete_conclusion
from shared.memory.recall import recall, vector_of
from shared.memory.undo import undo
from shared.memory.vector_upkeep import index_pending, remove_hidden
from shared.store import cards, dream_records, lineage, repair
from shared.store.dreams import unit_of
from tests.support.dreaming import Dreamland, dreamland, without_embedder
from tests.support.forgetting import concludes
from tests.support.nights import MOVED, await_waiting, ids, night, now, own, settles, so, takes_back
from tests.support.scripted_model import ScriptedModel


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield settles(place)


def test_undo_gives_back_what_was_there_and_is_shown(land: Dreamland):
    before = now(land)
    done = night(land, so("moved", "lisbon"), removals=[MOVED], card=[CardLine("ATTRIBUTE: Lives", ("lisbon",))])
    assert now(land).card == ["ATTRIBUTE: Lives"]
    land.clock.advance(minutes=1)
    takes_back(land, done)
    assert now(land) == before
    with land.backends.db.reading() as conn:
        shown, changes = (look(conn, land.workspace, done) for look in (dream_records.get, dream_records.changes))
    assert shown is not None
    assert (shown.state, shown.undone_at) == ("undone", land.clock.moment)
    assert {(one.change.action, one.content, one.is_undone) for one in changes} == {
        ("added", "moved", True),
        ("superseded", "porto", True),
        ("line_added", None, True),
    }


def test_undo_gives_back_a_former_card_with_its_order(land: Dreamland):
    with land.backends.db.transaction() as conn:
        cards.put(conn, own(land), ["b", "a", "c"], land.clock.now())
        first = cards.read(conn, own(land)).version
    done = night(land, card=[CardLine("IDENTITY: d", ("tea",)), CardLine("a"), CardLine("b")])
    takes_back(land, done)
    assert now(land).card == ["b", "a", "c"]
    with land.backends.db.reading() as conn:
        assert cards.read(conn, own(land)).version == first + 2


def test_undo_once_more_changes_nothing(land: Dreamland):
    done = night(land, so("moved", "lisbon"), removals=[MOVED])
    takes_back(land, done)
    first = land.rows("SELECT undone_at FROM dreams WHERE id = %(id)s", id=done)
    delete_conclusion(land.backends, land.workspace, "porto")
    land.clock.advance(minutes=1)
    takes_back(land, done)
    assert land.rows("SELECT undone_at FROM dreams WHERE id = %(id)s", id=done) == first
    assert "porto" not in now(land).held


def test_undo_by_two_at_the_same_moment_happens_once(land: Dreamland):
    before = now(land)
    done = night(land, so("moved", "lisbon"), removals=[MOVED], card=[CardLine("ATTRIBUTE: Lives", ("lisbon",))])
    hold = "SELECT 1 FROM work_units WHERE workspace = %s AND unit = %s FOR UPDATE"
    with ThreadPoolExecutor(2) as pool:
        with land.backends.db.transaction() as conn:
            conn.execute(hold, [land.workspace, unit_of(own(land)).key]).fetchone()
            answers = [pool.submit(undo, land.backends, land.workspace, done) for _ in range(2)]
            await_waiting(land, 2)
        assert {answer.result(10).state for answer in answers} == {"undone"}
    assert now(land) == before
    assert land.count("peer_cards") == 0


def test_undo_has_what_it_restores_found_again_and_the_rest_no_more(land: Dreamland):
    land.clock.advance(minutes=10)
    index_pending(land.backends)
    done = night(land, so("moved", "lisbon"), removals=[MOVED])
    added = ids(land)["moved"]
    assert found_near(land, "porto") == {"lisbon", "tea", "moved"}
    takes_back(land, done)
    assert found_near(land, "porto") == {"porto", "lisbon", "tea"}
    assert land.backends.vectors.stored_conclusions(land.workspace, [added]) == []
    # What was noted to be taken out, or brought late, leaves it so.
    land.clock.advance(minutes=10)
    remove_hidden(land.backends)
    index_pending(land.backends)
    assert found_near(land, "porto") == {"porto", "lisbon", "tea"}
    assert land.backends.vectors.stored_conclusions(land.workspace, [added]) == []


def test_undo_without_an_embedding_model_leaves_the_index_to_tick(land: Dreamland):
    done = night(land, removals=[MOVED])
    takes_back(without_embedder(land.dreaming_with(ScriptedModel([]))), done)
    assert "porto" in now(land).held
    land.clock.advance(minutes=10)
    index_pending(land.backends)
    assert "porto" in found_near(land, "porto")


def found_near(land: Dreamland, text: str) -> set[str]:
    vector = vector_of(land.backends, land.workspace, text)
    return {one.content for one in recall(land.backends, own(land), text, vector, k=10)}


def test_undo_counts_for_no_next_dream(land: Dreamland):
    """Whoever did not like a dream does not want the same one again at once."""
    done = night(land, so("moved", "lisbon"), removals=[MOVED])
    before = land.schedule()
    takes_back(land, done)
    assert land.schedule() == before


def test_undo_does_not_bring_back_what_rested_on_what_a_client_deleted(land: Dreamland):
    concludes(land, "portugal", "s", "porto")
    pattern = Finding("often", "inductive", ("porto", "lisbon", "tea"))
    night(land, pattern)
    delete_conclusion(land.backends, land.workspace, "porto")
    done = night(land, removals=[Removal("tea", "lisbon")])
    assert now(land).held.keys() == {"lisbon"}
    takes_back(land, done)
    # The deletion had called for that, and the dream only did it.
    assert now(land).held.keys() == {"lisbon", "tea"}


def test_undo_gives_a_pattern_back_only_the_sources_that_are_there(land: Dreamland):
    concludes(land, "sea", "s")
    first = night(land, Finding("often", "inductive", ("porto", "lisbon", "tea", "sea")))
    often = ids(land)["often"]
    delete_conclusion(land.backends, land.workspace, "sea")
    second = night(land, removals=[MOVED])
    assert now(land).held[often]["source_ids"] == ["lisbon", "tea"]
    takes_back(land, second)
    row = now(land).held[often]
    assert (row["source_ids"], row["premises"]) == (["porto", "lisbon", "tea"], ["porto", "lisbon", "tea"])
    takes_back(land, first)
    assert now(land).held.keys() == {"porto", "lisbon", "tea"}


def test_undo_lets_what_comes_back_rest_on_the_heir_of_its_source(land: Dreamland):
    concludes(land, "portugal", "s", "porto")
    done = night(land, removals=[Removal("portugal")])
    concludes(land, "porto, by the river", "s")
    with land.backends.db.transaction() as conn:
        lineage.hand_over(conn, land.workspace, {"porto": "porto, by the river"})
    delete_conclusion(land.backends, land.workspace, "porto")
    takes_back(land, done)
    assert now(land).held["portugal"]["source_ids"] == ["porto, by the river"]


def test_dream_that_was_set_aside_and_undone_does_not_go_on(land: Dreamland):
    before = now(land)
    done = night(land, so("moved", "lisbon"))
    with land.backends.db.transaction() as conn:
        # As if it had failed for good before its second phase.
        for statement in SET_ASIDE:
            conn.execute(statement, {"workspace": land.workspace, "id": done})
    takes_back(land, done)
    with land.backends.db.transaction() as conn:
        repair.retry_parked(conn, land.workspace, None, now=land.clock.now())
    model = ScriptedModel(["done", "done", "done"])
    land.clock.advance(minutes=10)
    land.dreaming_with(model).dreams_out()
    assert model.requests == []
    assert now(land) == before
    [row] = land.dreams()
    assert (row["finished_at"] is not None, row["undone_at"] is not None) == (True, True)


def test_undo_of_a_dream_that_was_set_aside_and_given_up_gives_back_what_was_there(land: Dreamland):
    before = now(land)
    done = night(land, so("moved", "lisbon"))
    with land.backends.db.transaction() as conn:
        for statement in SET_ASIDE:
            conn.execute(statement, {"workspace": land.workspace, "id": done})
        assert repair.drop_parked(conn, land.workspace, None, now=land.clock.now()) == 1
    takes_back(land, done)
    assert now(land) == before


SET_ASIDE = (
    "UPDATE dreams SET finished_at = NULL, phase = 'induction' WHERE workspace = %(workspace)s AND id = %(id)s",
    "UPDATE work_items SET state = 'parked', error = 'e' WHERE workspace = %(workspace)s AND unit LIKE 'dream:%%'",
    "UPDATE work_units SET parked_items = 1, done_items = 0 WHERE workspace = %(workspace)s AND kind = 'dream'",
)
