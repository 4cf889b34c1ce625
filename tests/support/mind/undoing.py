"""Dreams that are taken back: nothing but what they did, and all of it where nothing has happened since."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import rule

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRecord
from shared.domain.errors import Conflict, NotFound
from shared.domain.work import TaskKind, WakeUp
from shared.memory.undo import undo
from tests.support.mind import statements
from tests.support.mind.speaking import PLACES, WHO
from tests.support.mind.working import Working
from tests.support.undoing import State, state
from tests.support.workplace import Row, Workplace

# Not doing well, mostly.
DEEP = st.lists(st.integers(0, 59), min_size=12, max_size=36)
# Two nights as they come, or two that find the same, each for another reason.
NIGHTS = st.tuples(DEEP, DEEP) | DEEP.map(lambda tape: ([0, 0, 1, 4, 0, *tape], [0, 2, 3, 4, 0, *tape]))
# While nothing else happens, a dream is all that changes its collection.
LONELY = ("none", "outage", "unreadable", "is hasty")


@dataclass(frozen=True)
class Night:
    """What a dream found, and what it left. `forgettings` had been asked for, and were done."""

    before: State
    after: State
    forgettings: int


class Undoing(Working):
    """Operators look at what a dream did, and do not like it."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # pyright: ignore[reportArgumentType]  # whatever the world takes
        self.nights: dict[str, Night] = {}

    def work(self, wake_up: WakeUp, fault: str = "none", number: int = 1, tape: list[int] | None = None) -> None:
        unit = wake_up.unit
        if unit.kind is not TaskKind.DREAM or fault not in LONELY:
            super().work(wake_up, fault, number, tape)
            return
        place = self.places[self.workspaces.index(unit.workspace)]
        collection = Collection(unit.workspace, unit.observer, unit.observed)
        names = {"unit": unit.key, "observer": unit.observer, "observed": unit.observed}
        coming = place.rows(statements.NEXT_DREAM, **names)
        before = state(place, collection)
        super().work(wake_up, fault, number, tape)
        is_quiet = not place.rows(statements.FORGETTING) and not unit.observer.startswith("scope.")
        if coming and coming[0]["begun_at"] is None and is_quiet:
            self.nights[coming[0]["id"]] = Night(before, state(place, collection), self.forgettings)

    @rule(place=PLACES, pick=st.integers(0, 30))
    def undo_dream(self, place: int, pick: int) -> None:
        where = self.places[place]
        # The newest first: those before it are seldom what is wanted.
        found = where.rows(statements.DREAMS)
        if found:
            self.take_back(where, self.pick(found, pick))

    @rule(place=PLACES, observed=WHO, tapes=NIGHTS, is_first=st.booleans(), pick=st.none() | st.integers(0, 9))
    def regret(
        self, place: int, observed: str, tapes: tuple[list[int], list[int]], is_first: bool, pick: int | None
    ) -> None:
        """Two whole nights after an eventful day, and then both dreams are taken back, the last one first or not.

        Between them a client may delete what something rests on.
        """
        where = self.places[place]
        self.record(place, "s", [(observed, 1, 0, None)] * 3, False)
        self.sleep(place, observed, tapes[0])
        built_on = where.rows(statements.BUILT_ON, observed=observed)
        if built_on and pick is not None:
            self.delete(place, self.pick(built_on, pick)["id"])
        self.sleep(place, observed, tapes[1])
        found = [row for row in where.rows(statements.DREAMS) if row["observer"] == row["observed"] == observed][:2]
        for row in found[::-1] if is_first else found:
            self.take_back(where, row)

    def take_back(self, place: Workplace, row: Row) -> None:
        collection = Collection(place.workspace, row["observer"], row["observed"])
        before = self._whole(place)
        is_alone = self._is_alone(place, collection, row)
        undone = None
        with contextlib.suppress(Conflict, NotFound):
            undone = undo(place.backends, place.workspace, row["id"])
        if undone is None:
            assert self._whole(place) == before, "what is refused has changed something"
            assert not is_alone, "nothing was in the way"
            return
        assert (undone.state, undone.undone_at is not None) == ("undone", True)
        if row["undone_at"] is not None:
            assert self._whole(place) == before, "a dream was undone twice"
            return
        after = self._whole(place)
        self._only_its_own(place, undone, before, after)
        unfounded = state(place, collection).lost - before.keys()
        assert not unfounded, "something came back that rests on what is gone"
        if is_alone:
            night = self.nights[row["id"]]
            assert state(place, collection).is_back(night.before), "something of the dream is left"

    def _is_alone(self, place: Workplace, collection: Collection, row: Row) -> bool:
        """Whether nothing has happened to the collection since the dream, and nothing goes on there."""
        night = self.nights.get(row["id"])
        is_over = row["finished_at"] is not None and row["undone_at"] is None
        if night is None or not is_over or night.forgettings != self.forgettings:
            return False
        others = place.rows(
            statements.LATER_DREAMS, dream=row["id"], observer=row["observer"], observed=row["observed"]
        )
        return not others and state(place, collection) == night.after

    def _only_its_own(
        self, place: Workplace, undone: DreamRecord, before: Mapping[str, Row], after: Mapping[str, Row]
    ) -> None:
        """Only what it added goes, only what it took away comes back, only what it changed is changed."""
        did = place.rows(statements.CHANGES, dream=undone.id)
        named = {
            action: {row["conclusion"] for row in did if row["action"] == action}
            for action in ("added", "superseded", "deleted", "reinforced", "trimmed")
        }
        went, came = before.keys() - after.keys(), after.keys() - before.keys()
        card = f"{undone.observer} {undone.observed}"
        cards = {key for key in (*before, *after) if " " in key}
        assert went - cards == named["added"] & before.keys(), "something else went, or less"
        assert came - cards <= named["superseded"] | named["deleted"], "something else came back"
        changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
        assert changed - cards <= named["reinforced"] | named["trimmed"], "something else was changed"
        assert {key for key in cards if before.get(key) != after.get(key)} <= {card}, "another card was changed"

    def _whole(self, place: Workplace) -> dict[str, Row]:
        """All that holds in the workspace by id, and all cards by who observes whom: two words."""
        rows = place.rows(statements.WHOLE)
        return {row["id"]: row for row in [*rows, *place.rows(statements.CARDS)]}
