"""Nothing that was erased or forgotten comes back when a dream is undone, and no trace of it is kept for that."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.domain.card import CardLine
from shared.domain.conclusion import Collection
from shared.domain.dream import Finding, Proposal, Removal
from shared.domain.work import TaskKind
from shared.memory import scopes
from shared.memory.backfill import reconcile
from shared.memory.erase import erase, erase_message, erase_peer
from shared.memory.forget import delete_session, delete_workspace
from shared.memory.undo import undo
from shared.memory.vector_upkeep import index_pending
from shared.store import cards
from tests.support.dreaming import Dreamland, dreamland
from tests.support.erasing import settle
from tests.support.forgetting import FailingIndex, forgets
from tests.support.residue import residue
from tests.support.undoing import dreams_of, state


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    """Ada lived in Canaryville, which one session knows; all else is said in another."""
    with dreamland(database_dsn, owner_dsn) as place:
        place.tells("ada", "I live in Canaryville.", session="gone")
        place.tells("ada", "I moved to Lisbon.", "I love the sea.", "I play the piano.", session="stays")
        yield place


OVERTAKEN, LATER, SEA, PIANO = (
    "ada lives in Canaryville", "ada moved to Lisbon", "ada loves the sea", "ada plays the piano",
)  # fmt: skip


def own(land: Dreamland, observer: str = "ada") -> Collection:
    return Collection(land.workspace, observer, "ada")


def ids(land: Dreamland, observer: str = "ada") -> dict[str, str]:
    return {row["content"]: key for key, row in state(land, own(land, observer)).held.items()}


def pattern(land: Dreamland, *more: str) -> Finding:
    known = ids(land)
    return Finding("ada is somewhere often", "inductive", (*(known[one] for one in more), known[SEA], known[PIANO]))


def moves(land: Dreamland, observer: str = "ada") -> str:
    """A dream in which the later place overtakes the earlier one, on the card, too."""
    known = ids(land, observer)
    with land.backends.db.reading() as conn:
        version = cards.read(conn, own(land, observer)).version
    return dreams_of(
        land,
        own(land, observer),
        {
            "deduction": Proposal(
                (Finding("ada has left", "deductive", (known[LATER],), outdated=(known[OVERTAKEN],)),),
                (Removal(known[OVERTAKEN], known[LATER]),),
            ),
            "card": Proposal(card=(CardLine("ATTRIBUTE: Lives in Lisbon", (known[LATER],)),), card_version=version),
        },
    )


def settles_in(land: Dreamland) -> str:
    """A dream that finds a pattern and writes the card."""
    known = ids(land)
    line = CardLine("ATTRIBUTE: Lives in Canaryville", (known[OVERTAKEN],))
    return dreams_of(
        land,
        own(land),
        {"induction": Proposal((pattern(land, OVERTAKEN),)), "card": Proposal(card=(line,))},
    )


def said(land: Dreamland) -> dict[str, object]:
    [row] = land.rows("SELECT id, session FROM messages WHERE workspace = %(workspace)s AND session = 'gone'")
    return row


def test_undo_after_a_message_was_erased_brings_nothing_of_it_back(land: Dreamland, owner_dsn: str):
    first = settles_in(land)
    second = moves(land)
    message = said(land)
    assert {"dream_formers", "dream_changes"} <= residue(owner_dsn, "Canaryville").keys()
    erase_message(land.backends, land.workspace, "gone", str(message["id"]))
    settle(land)
    assert residue(owner_dsn, "Canaryville", str(message["id"])) == {}
    undo(land.backends, land.workspace, second)
    undo(land.backends, land.workspace, first)
    assert ids(land).keys() == {LATER, SEA, PIANO}
    assert state(land, own(land)).card is None
    assert residue(owner_dsn, "Canaryville", str(message["id"])) == {}


def test_undo_after_a_session_was_forgotten_brings_nothing_of_it_back(land: Dreamland, owner_dsn: str):
    first = settles_in(land)
    second = moves(land)
    delete_session(land.backends, land.workspace, "gone")
    forgets(land)
    assert residue(owner_dsn, "Canaryville") == {}
    undo(land.backends, land.workspace, second)
    undo(land.backends, land.workspace, first)
    assert ids(land).keys() == {LATER, SEA, PIANO}
    assert residue(owner_dsn, "Canaryville") == {}


def test_undo_while_a_session_is_to_be_forgotten_leaves_what_was_said_there_hidden(land: Dreamland, owner_dsn: str):
    done = moves(land)
    delete_session(land.backends, land.workspace, "gone")
    undo(land.backends, land.workspace, done)
    assert ids(land).keys() == {LATER, SEA, PIANO}
    forgets(land)
    assert ids(land).keys() == {LATER, SEA, PIANO}
    assert residue(owner_dsn, "Canaryville") == {}


def test_undo_in_the_midst_of_an_erasure_does_not_bring_back_what_is_on_its_way_out(land: Dreamland, owner_dsn: str):
    done = moves(land)
    message = said(land)
    erase_message(land.backends, land.workspace, "gone", str(message["id"]))
    # It is hidden, and its vector is about to go, when the index is away.
    away = replace(land.backends, vectors=FailingIndex(land.backends.vectors, 1))
    for wake_up in land.queue.take(TaskKind.ERASE):
        erase(away, wake_up)
    undo(land.backends, land.workspace, done)
    assert OVERTAKEN not in ids(land)
    land.clock.advance(minutes=10)
    index_pending(land.backends)
    settle(land)
    assert ids(land).keys() == {LATER, SEA, PIANO}
    assert residue(owner_dsn, "Canaryville", str(message["id"])) == {}


def test_erasure_of_a_message_leaves_what_others_of_it_were_before_a_dream(land: Dreamland):
    """A pattern was trimmed; what it was before cites the message no more, and can still be given back."""
    land.tells("ada", "I love the sea.", session="gone")
    settles = dreams_of(land, own(land), {"induction": Proposal((pattern(land, LATER),))})
    known = ids(land)
    trims = dreams_of(land, own(land), {"deduction": Proposal(removals=(Removal(known[SEA], known[PIANO]),))})
    [former] = land.rows("SELECT * FROM dream_formers WHERE workspace = %(workspace)s AND dream = %(id)s", id=trims)
    twice = [row for row in land.rows(SEA_SAID) if row["session"] == "gone"]
    erase_message(land.backends, land.workspace, "gone", twice[0]["id"])
    settle(land)
    left = land.rows("SELECT * FROM dream_formers WHERE workspace = %(workspace)s AND dream = %(id)s", id=trims)
    assert all(twice[0]["id"] not in row["message_ids"] for row in left)
    assert former["source_ids"] == [known[LATER], known[SEA], known[PIANO]]
    undo(land.backends, land.workspace, trims)
    undo(land.backends, land.workspace, settles)
    assert ids(land).keys() >= {LATER, PIANO}


SEA_SAID = """
SELECT id, session FROM messages WHERE workspace = %(workspace)s AND content LIKE '%%love the sea%%' ORDER BY seq DESC
"""


def test_erasure_of_a_peer_takes_its_dreams_along(land: Dreamland):
    settles_in(land)
    moves(land)
    erase_peer(land.backends, land.workspace, "ada")
    settle(land)
    assert [land.count(table) for table in ("dreams", "dream_changes", "dream_formers")] == [0, 0, 0]


def test_deletion_of_a_workspace_takes_its_dreams_along(land: Dreamland):
    settles_in(land)
    moves(land)
    for session in ("gone", "stays"):
        delete_session(land.backends, land.workspace, session)
    forgets(land)
    delete_workspace(land.backends, land.workspace)
    forgets(land)
    assert [land.count(table) for table in ("dreams", "dream_changes", "dream_formers")] == [0, 0, 0]


def test_undo_after_a_scope_lost_a_session_brings_nothing_of_it_back(land: Dreamland):
    scopes.get_or_create(land.backends, land.workspace, "x", metadata=None)
    scopes.add_sessions(land.backends, land.workspace, "x", ["gone", "stays"])
    reconciles(land)
    done = moves(land, "scope.x")
    scopes.remove_session(land.backends, land.workspace, "x", "gone")
    reconciles(land)
    # Nobody could tell what on it came from there.
    assert state(land, own(land, "scope.x")).card is None
    undo(land.backends, land.workspace, done)
    assert ids(land, "scope.x").keys() == {LATER, SEA, PIANO}
    assert state(land, own(land, "scope.x")).card is None


def test_undo_after_a_scope_lost_the_session_of_what_came_later_restores_what_came_before(land: Dreamland):
    scopes.get_or_create(land.backends, land.workspace, "x", metadata=None)
    scopes.add_sessions(land.backends, land.workspace, "x", ["gone", "stays"])
    reconciles(land)
    done = moves(land, "scope.x")
    scopes.remove_session(land.backends, land.workspace, "x", "stays")
    reconciles(land)
    undo(land.backends, land.workspace, done)
    assert ids(land, "scope.x").keys() == {OVERTAKEN}
    assert state(land, own(land, "scope.x")).card is None


def reconciles(land: Dreamland) -> None:
    for wake_up in land.queue.take(TaskKind.SCOPE):
        reconcile(land.backends, wake_up)
