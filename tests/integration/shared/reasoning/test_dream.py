"""Dreams over a real database, dreamt by the offline model: what changes, and what it rests on."""

from collections.abc import Iterator

import pytest

from shared.domain.conclusion import Collection
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind
from shared.reasoning.dream import dream
from shared.store import cards, index_state
from tests.support.dreaming import Dreamland, dreamland


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield place


def configure(land: Dreamland, **sections: object) -> None:
    from psycopg.types.json import Jsonb

    with land.backends.db.transaction() as conn:
        conn.execute("UPDATE workspaces SET configuration = %s WHERE name = %s", [Jsonb(sections), land.workspace])


def test_dream_over_a_changed_fact_keeps_the_newer_and_takes_the_older_away(land: Dreamland):
    land.tells("ada", "I live in Porto.", "I moved to Lisbon.")
    land.asks_for()
    land.dreams_out()
    assert land.levels()["explicit"] == ["ada moved to Lisbon"]
    assert "ada moved to Lisbon (before that: Porto, as of 2031-05-06)." in land.levels()["deductive"]
    [told] = [row for row in land.conclusions() if "before that" in row["content"]]
    [gone] = [change for change in land.changes() if change["action"] == "superseded"]
    assert told["source_ids"] == [gone["successor"], gone["conclusion"]]
    assert len(told["message_ids"]) == 2
    assert told["premises"] == ["ada moved to Lisbon"]
    assert (gone["content"], gone["successor_content"]) == ("ada lives in Porto", "ada moved to Lisbon")


def test_dream_over_what_cannot_both_be_true_keeps_both_and_says_so(land: Dreamland):
    land.tells("ada", "I love coffee.", "I hate coffee.")
    land.asks_for()
    land.dreams_out()
    assert len(land.levels()["explicit"]) == 2
    [row] = [row for row in land.conclusions() if row["level"] == "contradiction"]
    assert "loves coffee" in row["content"]
    assert "hates coffee" in row["content"]
    assert len(row["source_ids"]) == 2


def test_dream_concludes_what_follows_and_keeps_where_it_comes_from(land: Dreamland):
    land.tells("ada", "I am allergic to peanuts.")
    [fact] = land.conclusions()
    land.asks_for()
    land.dreams_out()
    [made] = [row for row in land.conclusions() if row["level"] == "deductive"]
    assert made["content"] == "ada must not be given peanuts."
    assert made["source_ids"] == [fact["id"]]
    assert made["premises"] == [fact["content"]]
    assert made["message_ids"] == fact["message_ids"]
    assert made["session"] is None
    assert made["occurred_at"] == fact["occurred_at"]


def test_dream_finds_the_pattern_in_several_facts(land: Dreamland):
    land.tells("ada", "I play the piano.", "I sing in a choir.", "I went to a jazz concert.")
    land.asks_for()
    land.dreams_out()
    [pattern] = [row for row in land.conclusions() if row["level"] == "inductive"]
    assert pattern["content"] == "ada comes back to music again and again."
    assert len(pattern["source_ids"]) == 3
    [change] = [change for change in land.changes() if change["conclusion"] == pattern["id"]]
    assert change["reason"] == "preference, medium confidence"


def test_dream_writes_the_card_and_records_its_lines(land: Dreamland):
    land.tells("ada", "I live in Porto.", "I am allergic to peanuts.")
    land.asks_for()
    land.dreams_out()
    assert land.card() == ["ATTRIBUTE: Lives in Porto", "ATTRIBUTE: Allergic to peanuts"]
    land.clock.advance(minutes=5)
    land.tells("ada", "I moved to Lisbon.")
    land.asks_for()
    land.dreams_out()
    assert land.card() == ["ATTRIBUTE: Allergic to peanuts", "ATTRIBUTE: Lives in Lisbon"]
    lines = [(change["action"], change["line"]) for change in land.changes() if change["line"]]
    assert lines[2:] == [
        ("line_removed", "ATTRIBUTE: Lives in Porto"),
        ("line_added", "ATTRIBUTE: Lives in Lisbon"),
    ]


def test_dream_a_second_time_over_the_same_changes_nothing(land: Dreamland):
    land.tells("ada", "I live in Porto.", "I moved to Lisbon.", "I love tea.", "I hate tea.", "I am allergic to nuts.")
    land.asks_for()
    land.dreams_out()
    before, changes, card = land.conclusions(), land.changes(), land.card()
    land.clock.advance(minutes=5)
    land.asks_for()
    land.dreams_out()
    assert [dreamt["finished_at"] is not None for dreamt in land.dreams()] == [True, True]
    assert land.conclusions() == before
    assert land.changes() == changes
    assert land.card() == card


def test_dream_when_its_wake_up_comes_twice_is_dreamt_once(land: Dreamland):
    land.tells("ada", "I am allergic to peanuts.")
    land.asks_for()
    [wake_up] = land.queue.take(TaskKind.DREAM)
    dream(land.backends, wake_up)
    before = land.conclusions()
    dream(land.backends, wake_up)
    assert land.conclusions() == before
    assert land.dream_unit()["pending_items"] == 0
    assert land.dream_unit()["done_items"] == 1


def test_dream_about_another_stays_in_what_the_observer_knows(land: Dreamland):
    land.joins("s", ada=ObservationSettings(), bob=ObservationSettings(observe_others=True))
    land.tells("ada", "I am allergic to peanuts.")
    land.asks_for(observer="bob", observed="ada")
    land.dreams_out()
    made = [row for row in land.conclusions() if row["level"] == "deductive"]
    assert [(row["observer"], row["observed"]) for row in made] == [("bob", "ada")]
    assert land.card("bob", "ada") == ["ATTRIBUTE: Allergic to peanuts"]
    assert land.card() is None


def test_dream_takes_away_what_rested_on_an_outdated_fact(land: Dreamland):
    land.tells("ada", "I moved to Porto.")
    land.asks_for()
    land.dreams_out()
    assert land.levels()["deductive"] == ["ada lives in Porto."]
    land.clock.advance(minutes=5)
    land.tells("ada", "I moved to Lisbon.")
    land.asks_for()
    land.dreams_out()
    assert "ada lives in Porto." not in land.levels()["deductive"]
    assert "ada lives in Lisbon." in land.levels()["deductive"]
    [fallen] = [change for change in land.changes() if change["action"] == "deleted"]
    assert (fallen["content"], fallen["reason"]) == ("ada lives in Porto.", "what it rested on is gone")


def test_dream_over_nothing_asks_no_model_and_succeeds(land: Dreamland):
    land.joins("s")
    land.asks_for(observer="nobody", observed="nobody")
    land.dreams_out()
    [dreamt] = land.dreams()
    assert dreamt["finished_at"] is not None
    assert dreamt["input_tokens"] == 0
    assert land.schedule("nobody", "nobody")["last_dream_at"] is not None


@pytest.mark.parametrize(
    "sections",
    [{"dream": {"enabled": False}}, {"reasoning": {"enabled": False}}, {"skip_deriver": True}],
)
def test_dream_where_the_workspace_does_not_want_it_changes_nothing(land: Dreamland, sections: dict[str, object]):
    land.tells("ada", "I am allergic to peanuts.")
    configure(land, **sections)
    land.asks_for()
    land.dreams_out()
    assert list(land.levels()) == ["explicit"]
    assert land.card() is None
    assert land.dream_unit()["pending_items"] == 0
    assert land.schedule()["last_dream_at"] is None


def test_dream_where_cards_are_not_to_be_made_leaves_the_card_alone(land: Dreamland):
    land.tells("ada", "I am allergic to peanuts.")
    configure(land, peer_card={"create": False})
    land.asks_for()
    land.asks_for("card_refresh")
    land.dreams_out()
    assert "deductive" in land.levels()
    assert land.card() is None
    assert land.dream_unit()["pending_items"] == 0


def test_card_refresh_writes_the_card_and_nothing_else(land: Dreamland):
    land.tells("ada", "I am allergic to peanuts.")
    land.asks_for("card_refresh")
    land.dreams_out()
    assert list(land.levels()) == ["explicit"]
    assert land.card() == ["ATTRIBUTE: Allergic to peanuts"]
    assert land.schedule()["last_dream_at"] is None


@pytest.mark.parametrize(("is_rebuild", "kept"), [(False, True), (True, False)])
def test_card_refresh_as_a_rebuild_forgets_what_the_card_said(land: Dreamland, is_rebuild: bool, kept: bool):
    land.tells("ada", "I am allergic to peanuts.")
    with land.backends.db.transaction() as conn:
        cards.put(conn, Collection(land.workspace, "ada", "ada"), ["IDENTITY: Name is Ada"], land.clock.now())
    land.asks_for("card_refresh", is_rebuild=is_rebuild)
    land.dreams_out()
    assert ("IDENTITY: Name is Ada" in (land.card() or [])) == kept
    assert "ATTRIBUTE: Allergic to peanuts" in (land.card() or [])


def test_dream_of_each_kind_is_one_however_often_it_is_asked_for(land: Dreamland):
    land.tells("ada", "I am allergic to peanuts.")
    for _ in range(3):
        land.asks_for()
        land.asks_for("card_refresh")
    assert [dreamt["kind"] for dreamt in land.dreams()] == ["omni", "card_refresh"]
    assert land.dream_unit()["pending_items"] == 2
    land.dreams_out()
    assert land.dream_unit()["done_items"] == 2
    assert land.dream_unit()["pending_tokens"] == 0


def test_derived_conclusions_are_found_by_meaning_and_outdated_ones_are_not(land: Dreamland):
    from shared.memory.recall import recall, vector_of

    land.tells("ada", "I live in Porto.", "I moved to Lisbon.", "I am allergic to peanuts.")
    land.asks_for()
    land.dreams_out()
    own, vector = Collection(land.workspace, "ada", "ada"), vector_of(land.backends, land.workspace, "peanuts")
    found = [one.content for one in recall(land.backends, own, "peanuts", vector, k=10)]
    assert "ada must not be given peanuts." in found
    assert "ada lives in Porto" not in found
    with land.backends.db.reading() as conn:
        now = land.clock.advance(minutes=9)
        pending = index_state.unindexed(conn, before=now, now=now, most=9)
    assert [one for one in pending if one.workspace == land.workspace] == []
