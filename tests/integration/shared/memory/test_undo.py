"""Taking back what a dream did, and when that is refused."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.card import CardLine
from shared.domain.conclusion import Collection
from shared.domain.dream import Finding, Proposal, Removal
from shared.domain.errors import Conflict, NotFound
from shared.domain.session import ObservationSettings
from shared.memory.conclude import delete_conclusion
from shared.memory.erase import erase_peer
from shared.memory.recall import recall, vector_of
from shared.memory.undo import undo
from shared.memory.vector_upkeep import index_pending, remove_hidden
from shared.reasoning.dream import dream
from shared.store import cards, dream_records, lineage, repair
from shared.store.dreams import unit_of
from tests.support.dreaming import Acting, Dreamland, dreamland, without_embedder
from tests.support.forgetting import concludes
from tests.support.scripted_model import ScriptedModel
from tests.support.undoing import State, dreams_of, state


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    """Ada once lived in Porto, then in Lisbon, and loves tea."""
    with dreamland(database_dsn, owner_dsn) as place:
        place.joins("s", ada=ObservationSettings(), bob=ObservationSettings())
        for fact in ("porto", "lisbon", "tea"):
            concludes(place, fact, "s")
        yield place


def own(land: Dreamland) -> Collection:
    return Collection(land.workspace, "ada", "ada")


def now(land: Dreamland) -> State:
    return state(land, own(land))


def so(content: str, *sources: str) -> Finding:
    return Finding(content, "deductive", sources)


def night(
    land: Dreamland,
    *findings: Finding,
    removals: Sequence[Removal] = (),
    card: Sequence[CardLine] | None = None,
) -> str:
    """A dream that finds this, takes that away, and writes the card; gives its id."""
    with land.backends.db.reading() as conn:
        version = cards.read(conn, own(land)).version
    patterns = tuple(one for one in findings if one.level == "inductive")
    others = tuple(one for one in findings if one.level != "inductive")
    lines = None if card is None else tuple(card)
    return dreams_of(
        land,
        own(land),
        {
            "deduction": Proposal(others, tuple(removals)),
            "induction": Proposal(patterns),
            "card": Proposal(card=lines, card_version=version),
        },
    )


def takes_back(land: Dreamland, dream_id: str) -> None:
    undo(land.backends, land.workspace, dream_id)


def refusal(land: Dreamland, dream_id: str) -> str:
    """Why the dream cannot be undone; nothing has changed."""
    before = now(land)
    with pytest.raises(Conflict) as refused:
        takes_back(land, dream_id)
    assert now(land) == before
    assert land.rows("SELECT 1 FROM dreams WHERE id = %(id)s AND undone_at IS NOT NULL", id=dream_id) == []
    return str(refused.value)


def ids(land: Dreamland) -> dict[str, str]:
    return {row["content"]: key for key, row in now(land).held.items()}


MOVED = Removal("porto", "lisbon")


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
    done = night(land, card=[CardLine("IDENTITY: d", ("tea",)), CardLine("a"), CardLine("b")])
    takes_back(land, done)
    assert now(land).card == ["b", "a", "c"]
    with land.backends.db.reading() as conn:
        assert cards.read(conn, own(land)).version == 3


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


def test_undo_of_what_is_built_upon_is_refused_until_that_is_undone(land: Dreamland):
    first = night(land, so("moved", "lisbon"))
    second = night(land, so("travels", ids(land)["moved"]))
    assert refusal(land, first) == f"conclusion {ids(land)['travels']} rests on what the dream added"
    takes_back(land, second)
    takes_back(land, first)
    assert now(land).held.keys() == {"porto", "lisbon", "tea"}


@pytest.mark.parametrize("change", ["superseded", "deleted", "reinforced", "trimmed"])
def test_undo_of_what_a_later_dream_has_changed_is_refused_until_that_is_undone(land: Dreamland, change: str):
    pattern = Finding("often", "inductive", ("porto", "lisbon", "tea"))
    before = now(land)
    first = night(land, pattern, so("moved", "lisbon"))
    added = ids(land)
    named = added["often"] if change in ("trimmed", "reinforced") else added["moved"]
    concludes(land, "sea", "s")
    match change:
        case "superseded":
            second = night(land, removals=[Removal(named, "sea")])
        case "deleted":
            second = night(land, removals=[Removal(named)])
        case "trimmed":
            second = night(land, removals=[MOVED])
        case _:
            second = night(land, replace(pattern, source_ids=("tea", "sea")))
    assert [row["action"] for row in land.changes() if row["dream"] == second and row["conclusion"] == named] == [
        change
    ]
    assert refusal(land, first) == f"dream {second} has changed conclusion {named} since: undo that dream first"
    takes_back(land, second)
    takes_back(land, first)
    delete_conclusion(land.backends, land.workspace, "sea")
    assert now(land) == before


def test_undo_of_what_something_else_gave_way_to_is_refused(land: Dreamland):
    concludes(land, "portugal", "s", "porto")
    first = night(land, so("moved", "lisbon"))
    added = ids(land)["moved"]
    second = night(land, removals=[Removal("portugal", added)])
    assert refusal(land, first) == (
        f"something has given way to conclusion {added} in dream {second}: undo that dream first"
    )


def test_undo_of_what_a_line_of_the_card_rests_on_is_refused(land: Dreamland):
    first = night(land, so("moved", "lisbon"))
    second = night(land, card=[CardLine("ATTRIBUTE: Moves", (ids(land)["moved"],))])
    assert refusal(land, first) == f"dream {second} has written on the card what rests on what this one added"
    takes_back(land, second)
    takes_back(land, first)


def test_undo_where_the_card_was_changed_since_is_refused_until_it_is_as_it_was(land: Dreamland):
    done = night(land, so("moved", "lisbon"), card=[CardLine("ATTRIBUTE: Lives", ("lisbon",))])
    for lines in (["mine"], ["ATTRIBUTE: Lives"]):
        assert now(land).card is not None
        with land.backends.db.transaction() as conn:
            cards.put(conn, own(land), lines, land.clock.now())
        if lines == ["mine"]:
            assert refusal(land, done) == "the card has been changed since"
    takes_back(land, done)
    assert now(land).card is None


def test_undo_where_the_same_was_concluded_again_is_refused(land: Dreamland):
    done = night(land, removals=[MOVED])
    with land.backends.db.transaction() as conn:
        conn.execute(SAID_AGAIN, {"workspace": land.workspace})
    assert refusal(land, done) == "conclusion porto has been concluded again since, as again"
    delete_conclusion(land.backends, land.workspace, "again")
    takes_back(land, done)
    assert now(land).held.keys() == {"porto", "lisbon", "tea"}


SAID_AGAIN = """
INSERT INTO conclusions (workspace, id, observer, observed, session, level, content, content_hash, is_derived,
       message_ids, source_ids, premises, occurred_at, times_derived, created_at, quotes, quote_state)
SELECT workspace, 'again', observer, observed, session, level, content, content_hash, is_derived,
       message_ids, source_ids, premises, occurred_at, times_derived, created_at, quotes, quote_state
  FROM conclusions
 WHERE workspace = %(workspace)s AND id = 'porto'
"""


def test_undo_while_the_same_is_being_concluded_again_is_refused(land: Dreamland):
    done = night(land, removals=[MOVED])
    with ThreadPoolExecutor(1) as pool:
        with land.backends.db.transaction() as conn:
            conn.execute(SAID_AGAIN, {"workspace": land.workspace})
            answer = pool.submit(refused_with, land, done)
            await_waiting(land, 1)
        assert answer.result(10) == "something that the dream took away is being concluded again at this moment"
    assert now(land).held.keys() == {"again", "lisbon", "tea"}


def refused_with(land: Dreamland, dream_id: str) -> str:
    with pytest.raises(Conflict) as refused:
        takes_back(land, dream_id)
    return str(refused.value)


def test_undo_of_what_rests_on_something_taken_away_later_is_refused(land: Dreamland):
    concludes(land, "portugal", "s", "porto")
    first = night(land, removals=[Removal("portugal")])
    second = night(land, removals=[MOVED])
    assert refusal(land, first) == (
        f"dream {second} has taken away since what conclusion portugal rests on: undo that dream first"
    )
    takes_back(land, second)
    takes_back(land, first)
    assert now(land).held.keys() == {"porto", "lisbon", "tea", "portugal"}


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


def test_undo_of_a_dream_that_waits_or_goes_on_is_refused(land: Dreamland):
    done = night(land, removals=[MOVED])
    land.asks_for()
    [waiting] = land.rows("SELECT id FROM dreams WHERE workspace = %(workspace)s AND begun_at IS NULL")
    assert refusal(land, waiting["id"]) == f"dream {waiting['id']} has not begun"
    asleep = threading.Event()
    reasons: list[str] = []

    def look() -> None:
        if not asleep.is_set():
            asleep.set()
            reasons.extend(refusal(land, one) for one in (waiting["id"], done))

    land.dreaming_with(Acting(lambda _: look())).dreams_on()
    assert reasons == [
        f"dream {waiting['id']} is under way: undo it when it has ended",
        f"dream {waiting['id']} of the same peers is under way: try again when it has ended",
    ]
    takes_back(land, waiting["id"])
    takes_back(land, done)
    assert "porto" in now(land).held


def test_undo_of_a_dream_between_two_shifts_is_refused(land: Dreamland):
    land.asks_for()
    [wake_up] = land.queue.take()
    dream(land.backends, wake_up, lasts=timedelta(0))
    [row] = land.dreams()
    assert refusal(land, row["id"]).endswith("is under way: undo it when it has ended")


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


def test_undo_of_a_dream_of_an_earlier_release_is_refused(land: Dreamland):
    done = night(land, removals=[MOVED])
    with land.backends.db.transaction() as conn:
        conn.execute("UPDATE dreams SET is_whole = false WHERE workspace = %s", [land.workspace])
    assert refusal(land, done) == f"dream {done} is of a release that did not record all that a dream changes"


def test_undo_for_a_peer_that_is_being_erased_is_refused(land: Dreamland):
    done = night(land, removals=[MOVED])
    erase_peer(land.backends, land.workspace, "ada")
    assert refusal(land, done) == "peer ada is being erased"


def test_undo_of_a_dream_that_nobody_knows_finds_nothing(land: Dreamland):
    with pytest.raises(NotFound):
        takes_back(land, "nothing")


def await_waiting(land: Dreamland, count: int) -> None:
    """Until so many transactions wait for a lock."""
    pause = threading.Event()
    for _ in range(1000):
        [row] = land.rows("SELECT count(DISTINCT pid) AS n FROM pg_locks WHERE NOT granted")
        if row["n"] >= count:
            return
        pause.wait(0.01)
    raise AssertionError("nobody waits")
