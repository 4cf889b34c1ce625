"""Whatever a dream does, undoing it gives back what was there before."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.domain.card import CardLine, without_repetition
from shared.domain.card_changes import lines_before
from shared.domain.conclusion import Collection, Level, content_hash
from shared.domain.dream import Finding, Proposal, Removal, Specialist, sources_needed
from shared.domain.errors import NotFound
from shared.memory import consolidate
from shared.memory import undo as undo_module
from shared.memory.conclude import delete_conclusion
from shared.memory.undo import undo
from shared.store import cards, conclusions, dream_changes, dream_schedule, peers, undoing, workspaces
from shared.store.conclusions import NewConclusion
from tests.support.dreaming import Dreamland, dreamland
from tests.support.undoing import State, dreams_of, state

PICK = st.integers(0, 40)
LINES = ("IDENTITY: a", "IDENTITY: b", "ATTRIBUTE: c", "ATTRIBUTE: d")
# A level, which of its texts, and what it rests on.
FINDINGS = st.lists(
    st.tuples(
        st.sampled_from(("deductive", "contradiction", "inductive", "inductive")),
        st.integers(0, 2),
        st.lists(PICK, min_size=1, max_size=4),
    ),
    max_size=5,
)
REMOVALS = st.lists(st.tuples(PICK, PICK), max_size=3)
CARDS = st.none() | st.lists(st.tuples(st.sampled_from(LINES), PICK), max_size=4, unique_by=lambda line: line[0])
NIGHTS = st.lists(
    st.tuples(FINDINGS, REMOVALS, CARDS, st.sampled_from(["", "", "", "deletes", "writes"])), min_size=2, max_size=5
)
QUICK = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    # A failure is told at once.
    phases=[Phase.generate],
)
Night = tuple[list[tuple[Level, int, list[int]]], list[tuple[int, int]], list[tuple[str, int]] | None, str]


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield place


class Wishes:
    """What the specialists of one dream want, made of what is there when it begins."""

    def __init__(self, now: State, wanted: Night) -> None:
        self.ids = sorted(now.held, key=lambda key: (now.held[key]["created_at"], now.held[key]["content"]))
        self.held = now.held
        self.findings, self.removals, self.card, _ = wanted

    def proposals(self) -> dict[Specialist, Proposal]:
        found = [one for one in map(self._finding, self.findings) if len(one.source_ids) >= sources_needed(one.level)]
        lines = [CardLine(text, (self._id(at),)) for text, at in self.card or ()]
        return {
            "deduction": Proposal(
                tuple(one for one in found if one.level != "inductive"), tuple(map(self._removal, self.removals))
            ),
            "induction": Proposal(tuple(one for one in found if one.level == "inductive")),
            "card": Proposal(card=None if self.card is None else without_repetition(lines)),
        }

    def _id(self, pick: int) -> str:
        return self.ids[pick % len(self.ids)]

    def _finding(self, wanted: tuple[Level, int, list[int]]) -> Finding:
        level, number, picks = wanted
        sources = tuple(dict.fromkeys(self._id(pick) for pick in picks))
        is_telling = level == "deductive" and number == 2 and len(sources) > 1
        outdated = sources[1:] if is_telling else ()
        return Finding(f"{level} {number}", level, sources[:1] if is_telling else sources, "why", outdated)

    def _removal(self, wanted: tuple[int, int]) -> Removal:
        gone, later = self._id(wanted[0]), self._id(wanted[1])
        is_stated = self.held[gone]["level"] == "explicit"
        return Removal(gone, later if is_stated and later != gone else None, "why")


def begins(land: Dreamland, name: str) -> Collection:
    """A workspace with a few facts about ada, which several messages say."""
    with land.backends.db.transaction() as conn:
        workspaces.create(conn, name, {}, {}, land.clock.now())
        peers.ensure(conn, name, ["ada"], land.clock.now())
        new = [
            NewConclusion(
                f"{name}-{number}", "ada", "ada", None, "explicit", f"fact {number}", content_hash(f"fact {number}"),
                True, (f"m{number}", f"m{number + 1}"), (), (), land.clock.now(),
            )
            for number in range(5)
        ]  # fmt: skip
        conclusions.save(conn, name, new, land.clock.now())
        dream_schedule.ensure(conn, Collection(name, "ada", "ada"))
    return Collection(name, "ada", "ada")


def backs(land: Dreamland) -> set[str]:
    """Dream and undo at random; gives what the dreams did."""
    seen: set[str] = set()
    number = iter(range(100_000))

    @QUICK
    @given(nights=NIGHTS)
    def runs(nights: list[Night]) -> None:
        collection = begins(land, f"{land.workspace}-{next(number)}")
        place = replace(land, workspace=collection.workspace)
        dreamt: list[tuple[str, State, State]] = []
        for wanted in nights:
            now = state(place, collection)
            if wanted[3] and now.held:
                happens(place, collection, now, wanted[3])
                dreamt = []
                now = state(place, collection)
            if not now.held:
                continue
            version = card_version(place, collection)
            proposals = Wishes(now, wanted).proposals()
            proposals["card"] = Proposal(card=proposals["card"].card, card_version=version)
            dream = dreams_of(place, collection, proposals)
            dreamt.append((dream, now, state(place, collection)))
        seen.update(
            row["action"] for row in place.rows("SELECT action FROM dream_changes WHERE workspace = %(workspace)s")
        )
        for dream, before, after in reversed(dreamt):
            assert state(place, collection).is_back(after)
            undo(place.backends, collection.workspace, dream)
            assert state(place, collection).is_back(before)
            if before.unsteady:
                # What fell because of a client does not come back, and so the dreams before saw another collection.
                break

    runs()
    return seen


def test_any_dreams_undone_the_last_first_leave_the_collection_as_it_was(land: Dreamland):
    assert backs(land) == {
        "added", "reinforced", "superseded", "deleted", "trimmed", "line_added", "line_removed", "line_moved",
        "card_made", "line_kept",
    }  # fmt: skip


def backwards(changes: Any) -> list[str]:
    return lines_before(changes)[::-1]


def without_former(before: Any, kept: Any) -> Any:
    return replace(TRIMMED(before, kept), former=None)


TRIMMED: Any = vars(consolidate)["_trimmed"]
MISTAKES: dict[str, tuple[object, str, object]] = {
    "an undo leaves what was changed": (undoing, "revert", lambda *_: None),
    "an undo mixes up the lines": (undo_module, "lines_before", backwards),
    "what was trimmed is not recorded": (consolidate, "_trimmed", without_former),
    "what was found once more is not recorded": (dream_changes, "NOTE_FORMER", "SELECT 1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_any_dreams_undone_with_a_mistake_in_the_product_do_not(land: Dreamland, mistake: str, monkeypatch):
    monkeypatch.setattr(*MISTAKES[mistake])
    with pytest.raises(AssertionError):
        backs(land)


def happens(place: Dreamland, collection: Collection, now: State, what: str) -> None:
    """Somebody deletes a conclusion, or writes the card."""
    if what == "writes":
        with place.backends.db.transaction() as conn:
            cards.put(conn, collection, [LINES[1], LINES[0], LINES[1]], place.clock.now())
        return
    with suppress(NotFound):
        delete_conclusion(place.backends, collection.workspace, min(now.held))


def card_version(place: Dreamland, collection: Collection) -> int:
    with place.backends.db.reading() as conn:
        return cards.read(conn, collection).version
