"""When a dream cannot be taken back, and what has to happen before it can."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.card import CardLine
from shared.domain.dream import Finding, Removal
from shared.domain.errors import Conflict, NotFound
from shared.memory.conclude import delete_conclusion
from shared.memory.erase import erase_peer
from shared.reasoning.dream import dream
from shared.store import cards
from tests.support.dreaming import Acting, Dreamland, dreamland
from tests.support.forgetting import concludes
from tests.support.nights import MOVED, await_waiting, ids, night, now, own, refusal, settles, so, takes_back


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield settles(place)


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
