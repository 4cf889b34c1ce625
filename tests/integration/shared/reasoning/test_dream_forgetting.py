"""What dreams wrote goes with what it rested on."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from shared.domain.conclusion import Collection
from shared.domain.json import Json, JsonObject
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind
from shared.llm.types import Completion, Reply
from shared.memory import scopes
from shared.memory.backfill import reconcile
from shared.memory.erase import erase_message, erase_peer
from shared.memory.forget import delete_session, delete_workspace
from shared.memory.recall import recall, vector_of
from shared.memory.vector_upkeep import index_pending
from shared.reasoning.dream import dream
from shared.store import cards, conclusions, dream_traces
from tests.support.backends import Meddling
from tests.support.dreaming import Acting, Dreamland, deduction, dreamland, ids, without_embedder
from tests.support.erasing import settle
from tests.support.forgetting import forgets
from tests.support.residue import residue
from tests.support.scripted_model import FixedModels, ScriptedModel, calls


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield place


def test_fact_that_is_forgotten_while_a_dream_goes_on_leaves_nothing_that_rests_on_it(land: Dreamland):
    land.tells("ada", "I live in Porto.", session="gone")
    land.tells("ada", "I love the sea.", session="stays")
    known = ids(land)

    forgotten = forgetting(land)

    def act(request: Completion) -> Reply | None:
        if request.purpose != "dream_deduction" or len(request.turns) > 2:
            return None
        found = [deduction("ada likes coasts.", known["ada loves the sea"])]
        if forgotten():
            found.append(deduction("ada lives in Portugal.", known["ada lives in Porto"]))
        return calls(*found)

    land.asks_for()
    land.dreaming_with(Acting(act)).dreams_on()
    assert land.levels() == {"explicit": ["ada loves the sea"], "deductive": ["ada likes coasts."]}


def forgetting(land: Dreamland) -> Callable[[], bool]:
    """Has the session `gone` forgotten to its last trace; True when that was not so before."""
    left = ["gone"]

    def forget() -> bool:
        if not left:
            return False
        delete_session(land.backends, land.workspace, left.pop())
        forgets(land)
        return True

    return forget


@pytest.mark.parametrize("is_late", [False, True], ids=["thinking", "embedding"])
def test_finding_that_tells_of_what_is_forgotten_without_naming_it_is_not_written(
    land: Dreamland, owner_dsn: str, *, is_late: bool
):
    land.tells("ada", "I live in Zqcanaryville.", session="gone")
    land.tells("ada", "I love the sea.", session="stays")
    sea, forgotten = ids(land)["ada loves the sea"], forgetting(land)

    def act(request: Completion) -> Reply | None:
        if request.purpose != "dream_deduction" or len(request.turns) > 2:
            return None
        if "Zqcanaryville" not in str(request.turns):
            return calls(deduction("ada likes coasts.", sea))
        if not is_late:
            forgotten()
        return calls(deduction("ada lives in Zqcanaryville by the sea.", sea))

    land.asks_for()
    model = Acting(act)
    place = land.dreaming_with(model)
    if is_late:
        embedder = Meddling(land.backends.models.embedder(), forgotten)
        place = replace(place, backends=replace(place.backends, models=FixedModels(model, embedder)))
    place.dreams_on()
    assert residue(owner_dsn, "Zqcanaryville") == {}
    assert land.levels() == {"explicit": ["ada loves the sea"], "deductive": ["ada likes coasts."]}
    [row] = land.dreams()
    assert (row["restarts"], row["finished_at"] is not None) == (1, True)
    # What the run cost that was dropped stays paid.
    assert row["input_tokens"] == 10 * len(model.requests)


@pytest.mark.parametrize("has_card", [False, True])
def test_fact_that_is_forgotten_while_a_card_is_written_is_not_told_on_it(
    land: Dreamland, owner_dsn: str, has_card: bool
):
    land.tells("ada", "I live in Zqcanaryville.", session="gone")
    land.tells("ada", "I love the sea.", session="stays")
    known = ids(land)
    if has_card:
        with land.backends.db.transaction() as conn:
            cards.put(conn, Collection(land.workspace, "ada", "ada"), ["ATTRIBUTE: Is tall"], land.clock.now())

    def line(text: str, fact: str) -> JsonObject:
        return {"text": text, "source_ids": [known[fact]]}

    forgotten = forgetting(land)

    def act(request: Completion) -> Reply | None:
        if len(request.turns) > 2:
            return None
        lines: list[Json] = [line("ATTRIBUTE: Loves the sea", "ada loves the sea")]
        if forgotten():
            lines = [line("ATTRIBUTE: Lives in Zqcanaryville", "ada lives in Zqcanaryville"), *lines]
        return calls(("rewrite_card", {"lines": [*lines, {"text": "ATTRIBUTE: Is tall"}] if has_card else lines}))

    land.asks_for("card_refresh")
    land.dreaming_with(Acting(act)).dreams_on()
    assert residue(owner_dsn, "Zqcanaryville") == {}
    assert land.card() == ["ATTRIBUTE: Loves the sea", *(["ATTRIBUTE: Is tall"] if has_card else [])]


def test_card_that_is_written_anew_after_an_erasure_is_not_taken_for_the_one_that_was_read(
    land: Dreamland, owner_dsn: str
):
    """The card goes with a message while its specialist thinks; then somebody writes another one."""
    land.tells("ada", "I live in Zqcanaryville.", "I love the sea.")
    own, known = Collection(land.workspace, "ada", "ada"), ids(land)
    writes(land, own, "ATTRIBUTE: Lives in Zqcanaryville")
    [said] = land.rows("SELECT id FROM messages WHERE workspace = %(workspace)s AND content LIKE '%%Zqcanary%%'")

    def act(request: Completion) -> Reply | None:
        if len(request.turns) > 2 or land.card() != ["ATTRIBUTE: Lives in Zqcanaryville"]:
            return None
        erase_message(land.backends, land.workspace, "s", said["id"])
        settle(land, TaskKind.ERASE)
        assert land.card() is None
        writes(land, own, "ATTRIBUTE: Is tall")
        new: JsonObject = {"text": "ATTRIBUTE: Loves the sea", "source_ids": [known["ada loves the sea"]]}
        lines: list[Json] = [{"text": "ATTRIBUTE: Lives in Zqcanaryville"}, new]
        return calls(("rewrite_card", {"lines": lines}))

    land.asks_for("card_refresh")
    land.dreaming_with(Acting(act)).dreams_on()
    assert residue(owner_dsn, "Zqcanaryville") == {}
    assert land.card() == ["ATTRIBUTE: Is tall"]


def writes(land: Dreamland, collection: Collection, *lines: str) -> None:
    with land.backends.db.transaction() as conn:
        cards.put(conn, collection, lines, land.clock.now())


def test_session_that_is_forgotten_takes_with_it_what_dreams_wrote_of_it(land: Dreamland, owner_dsn: str):
    land.tells("ada", "I moved to Canaryville.", "I am allergic to canaryfish.", session="gone")
    land.tells("ada", "I speak Greek.", session="stays")
    land.asks_for()
    land.dreams_out()
    assert land.card() is not None
    land.clock.advance(minutes=5)
    land.tells("ada", "I moved to Canaryport.", session="gone")
    land.asks_for()
    land.dreams_out()
    assert {"dream_changes", "peer_cards", "conclusions"} <= residue(owner_dsn, "anary").keys()
    delete_session(land.backends, land.workspace, "gone")
    forgets(land)
    assert residue(owner_dsn, "anary") == {}
    assert land.card() == ["ATTRIBUTE: Speaks Greek"]
    assert all(change["conclusion"] is None or change["content"] is not None for change in land.changes())


def test_proposal_that_waits_for_its_commit_does_not_outlive_the_session(land: Dreamland, owner_dsn: str):
    land.tells("ada", "I live in Canaryville.", session="gone")
    mine = ids(land)["ada lives in Canaryville"]
    land.asks_for()
    without_embedder(
        land.dreaming_with(ScriptedModel([calls(deduction("ada is a canary.", mine)), "done"]))
    ).dreams_on()
    assert "dream_checkpoints" in residue(owner_dsn, "canary")
    delete_session(land.backends, land.workspace, "gone")
    forgets(land)
    assert residue(owner_dsn, "canary", "Canary") == {}


def test_scope_that_loses_a_session_loses_what_dreams_wrote_of_it(land: Dreamland):
    land.tells("ada", "I am allergic to nuts.")
    scopes.get_or_create(land.backends, land.workspace, "x", metadata=None)
    scopes.add_sessions(land.backends, land.workspace, "x", ["s"])
    settle_scopes(land)
    land.asks_for(observer="scope.x", observed="ada")
    land.dreams_out()
    assert land.card("scope.x", "ada") == ["ATTRIBUTE: Allergic to nuts"]
    scopes.remove_session(land.backends, land.workspace, "x", "s")
    settle_scopes(land)
    assert land.card("scope.x", "ada") is None
    assert land.changes() == []
    assert [row["observer"] for row in land.conclusions()] == ["ada"]


def settle_scopes(land: Dreamland) -> None:
    for wake_up in land.queue.take(TaskKind.SCOPE):
        reconcile(land.backends, wake_up)


def test_update_goes_when_what_it_tells_of_as_overtaken_is_forgotten(land: Dreamland, owner_dsn: str):
    land.tells("ada", "I live in Canaryville.", session="gone")
    land.tells("ada", "I moved to Lisbon.", session="stays")
    land.asks_for()
    land.dreams_out()
    assert any("Canaryville" in content for content in land.levels()["deductive"])
    delete_session(land.backends, land.workspace, "gone")
    forgets(land)
    assert residue(owner_dsn, "Canaryville") == {}
    assert land.levels() == {"explicit": ["ada moved to Lisbon"], "deductive": ["ada lives in Lisbon."]}


def test_fact_that_was_overtaken_holds_again_when_the_later_one_is_forgotten(land: Dreamland):
    land.tells("ada", "I live in Porto.", session="stays")
    land.tells("ada", "I moved to Lisbon.", session="gone")
    land.asks_for()
    land.dreams_out()
    assert land.levels()["explicit"] == ["ada moved to Lisbon"]
    delete_session(land.backends, land.workspace, "gone")
    forgets(land)
    assert land.levels() == {"explicit": ["ada lives in Porto"]}
    assert land.changes() == []
    land.clock.advance(minutes=10)
    index_pending(land.backends)
    own, vector = Collection(land.workspace, "ada", "ada"), vector_of(land.backends, land.workspace, "Porto")
    found = recall(land.backends, own, "Porto", vector, k=3)
    assert [one.content for one in found] == ["ada lives in Porto"]


def test_fact_that_was_overtaken_and_said_again_is_not_doubled(land: Dreamland):
    land.tells("ada", "I live in Porto.", session="stays")
    land.tells("ada", "I moved to Lisbon.", session="gone")
    land.asks_for()
    land.dreams_out()
    land.clock.advance(minutes=5)
    land.tells("ada", "I live in Porto.", session="stays")
    delete_session(land.backends, land.workspace, "gone")
    forgets(land)
    assert land.levels()["explicit"] == ["ada lives in Porto"]


def test_dream_takes_away_what_rested_on_a_fact_that_a_client_deleted(land: Dreamland):
    land.tells("ada", "I am allergic to nuts.", "I play the piano.", "I sing.", "I joined a choir.", "I love jazz.")
    land.asks_for()
    land.dreams_out()
    assert "ada must not be given nuts." in land.levels()["deductive"]
    [pattern] = [row for row in land.conclusions() if row["level"] == "inductive"]
    known = ids(land)
    with land.backends.db.transaction() as conn:
        for content in ("ada is allergic to nuts", "ada sings"):
            assert conclusions.delete(conn, land.workspace, known[content], land.clock.now())
    assert "ada must not be given nuts." in land.levels()["deductive"]
    land.clock.advance(minutes=5)
    land.asks_for()
    land.dreams_out()
    assert "deductive" not in land.levels()
    [left] = [row for row in land.conclusions() if row["level"] == "inductive"]
    assert left["id"] == pattern["id"]
    assert left["source_ids"] == [one for one in pattern["source_ids"] if one != known["ada sings"]]


def test_workspace_that_is_forgotten_leaves_nothing_of_its_dreams(land: Dreamland, owner_dsn: str):
    land = replace(land, workspace="canary-workspace")
    land.tells("ada", "I live in Porto.", "I moved to Lisbon.")
    land.asks_for()
    land.dreams_out()
    land.asks_for("card_refresh")
    assert {"collections", "dreams", "dream_changes"} <= residue(owner_dsn, "canary-workspace").keys()
    delete_session(land.backends, land.workspace, "s")
    forgets(land)
    delete_workspace(land.backends, land.workspace)
    forgets(land)
    assert residue(owner_dsn, "canary-workspace") == {}


def test_peer_that_is_forgotten_leaves_no_dream_and_others_keep_theirs(land: Dreamland, owner_dsn: str):
    land.joins("s", canary=ObservationSettings(), bob=ObservationSettings(observe_others=True))
    land.tells("canary", "I am allergic to nuts.")
    land.tells("bob", "I live in Rome.")
    for observer, observed in (("canary", "canary"), ("bob", "canary"), ("bob", "bob")):
        land.asks_for(observer=observer, observed=observed)
    land.dreams_out()
    land.asks_for(observer="bob", observed="canary")
    [wake_up] = land.queue.take(TaskKind.DREAM)

    def act(_: Completion) -> Reply | None:
        with land.backends.db.transaction() as conn:
            dream_traces.forget_peer(conn, land.workspace, "canary")
        return None

    dream(land.dreaming_with(Acting(act)).backends, wake_up)
    of_dreams = {"collections", "dreams", "dream_changes", "work_units", "work_items", "work_windows"}
    left = land.rows("SELECT unit FROM work_units WHERE workspace = %(workspace)s AND kind = 'dream'")
    assert [row["unit"] for row in left] == ["dream::bob:bob"]
    assert [(row["observer"], row["observed"]) for row in land.dreams()] == [("bob", "bob")]
    assert of_dreams & residue(owner_dsn, "dream::bob:canary", "dream::canary:canary").keys() == set()


def test_message_that_is_erased_takes_with_it_what_dreams_made_of_it(land: Dreamland, owner_dsn: str):
    land.tells("ada", "I speak Greek.", "I am allergic to zqcanaryfish.")
    settle(land)
    land.asks_for()
    land.dreams_out()
    assert {"conclusions", "peer_cards", "dream_changes"} <= residue(owner_dsn, "zqcanaryfish").keys()
    [said] = land.rows("SELECT id FROM messages WHERE workspace = %(workspace)s AND content LIKE '%%zqcanaryfish%%'")
    erase_message(land.backends, land.workspace, "s", said["id"])
    settle(land)
    assert residue(owner_dsn, "zqcanaryfish") == {}
    assert land.levels() == {"explicit": ["ada speaks Greek"]}


def test_peer_that_is_erased_leaves_no_trace_of_its_dreams(land: Dreamland, owner_dsn: str):
    land.joins("s", zqcanary=ObservationSettings(), bob=ObservationSettings(observe_others=True))
    land.tells("zqcanary", "I moved to Rome.", "I am allergic to nuts.")
    land.tells("bob", "I live in Oslo.")
    settle(land)
    for observer, observed in (("zqcanary", "zqcanary"), ("bob", "zqcanary"), ("bob", "bob")):
        land.asks_for(observer=observer, observed=observed)
    land.dreams_out()
    assert {"collections", "dreams", "work_units", "conclusions"} <= residue(owner_dsn, "zqcanary").keys()
    erase_peer(land.backends, land.workspace, "zqcanary")
    settle(land)
    assert residue(owner_dsn, "zqcanary") == {}
    assert land.card("bob", "bob") == ["ATTRIBUTE: Lives in Oslo"]
    assert [row["observer"] for row in land.dreams()] == ["bob"]
