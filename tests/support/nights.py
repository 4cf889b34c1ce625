"""Dreams about ada as a test wants them, and what she is known for then."""

import threading
from collections.abc import Sequence

import pytest

from shared.domain.card import CardLine
from shared.domain.conclusion import Collection
from shared.domain.dream import Finding, Proposal, Removal
from shared.domain.errors import Conflict
from shared.domain.session import ObservationSettings
from shared.memory.undo import undo
from shared.store import cards
from tests.support.dreaming import Dreamland
from tests.support.forgetting import concludes
from tests.support.undoing import State, dreams_of, state


def settles(place: Dreamland) -> Dreamland:
    """The place, where ada once lived in Porto, then in Lisbon, and loves tea."""
    place.joins("s", ada=ObservationSettings(), bob=ObservationSettings())
    for fact in ("porto", "lisbon", "tea"):
        concludes(place, fact, "s")
    return place


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


def await_waiting(land: Dreamland, count: int) -> None:
    """Until so many transactions wait for a lock."""
    pause = threading.Event()
    for _ in range(1000):
        [row] = land.rows("SELECT count(DISTINCT pid) AS n FROM pg_locks WHERE NOT granted")
        if row["n"] >= count:
            return
        pause.wait(0.01)
    raise AssertionError("nobody waits")
