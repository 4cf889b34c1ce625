"""What workers do and what becomes of them: late, doubled, overtaken, dead, or without their model or database."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.errors import DatabaseUnavailable, ModelUnavailable, NotFound
from shared.domain.work import TaskKind, WakeUp
from shared.llm.types import Completion, Reply, UserTurn
from shared.memory import dreams, vector_upkeep
from shared.memory.forget import forget
from shared.memory.relay import relay
from shared.reasoning.dream import dream
from shared.store import repair
from tests.support.erasing import DO, Died
from tests.support.mind import statements
from tests.support.mind.expected import Switch
from tests.support.mind.forgetting import Forgetting
from tests.support.mind.speaking import IN, PLACES, WHO
from tests.support.mind.voices import MET, Tape
from tests.support.mind.world import Shift
from tests.support.shaken import SHOCKS, shaken
from tests.support.workplace import Row, Workplace

DO_ALL: Final = {**DO, TaskKind.FORGET: forget}
MODEL_FAULTS: Final = ("outage", "unreadable", "dies before the answer")
TAPES = st.lists(st.integers(0, 59), max_size=24)
DELIVERIES = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(
            (*["none"] * 5, *MODEL_FAULTS, *SHOCKS, "comes twice", "is overtaken", "is slow", "is hasty", "is hasty",
             "erased meanwhile", "erased long ago", "said meanwhile", "switched meanwhile", "deleted meanwhile",
             "undone meanwhile")
        ),
        # Deriving is over after a few transactions, an erasure or a dream is not.
        st.integers(2, 3) | st.integers(1, 9),
        st.booleans(),
        TAPES,
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


def key_of(wake_up: WakeUp) -> tuple[str, str]:
    """The workspace and the unit."""
    return wake_up.unit.workspace, wake_up.unit.key


class Working(Forgetting):
    """Wake-ups arrive in any order, get lost, and come again long after they were done."""

    @precondition(lambda self: self.waiting())
    @rule(arriving=DELIVERIES)
    def deliver(self, arriving: list[tuple[int, str, int, bool, list[int]]]) -> None:
        for pick, fault, number, comes_again, tape in arriving:
            waiting = self.waiting()
            if waiting:
                wake_up = self.pick(waiting, pick)
                if not comes_again:
                    self.queue.sent.remove(wake_up)
                self.work(wake_up, fault, number, tape)

    @precondition(lambda self: self.delivered)
    @rule(pick=st.integers(0, 30), tape=TAPES)
    def redeliver(self, pick: int, tape: list[int]) -> None:
        self.work(self.pick(self.delivered, pick), tape=tape)

    @precondition(lambda self: self.waiting())
    @rule(pick=st.integers(0, 30))
    def lose(self, pick: int) -> None:
        self.queue.sent.remove(self.pick(self.waiting(), pick))

    @rule(seconds=st.sampled_from([1, 6, 95, 901, 1801, 4200]), is_down=st.sampled_from([False, False, False, True]))
    def time_passes(self, seconds: int, is_down: bool) -> None:
        self.clock.advance(seconds=seconds)
        self.queue.is_down = is_down
        self.tick()
        self.queue.is_down = False

    def tick(self) -> None:
        dreams.release_dreams(self.backends)
        relay(self.backends)
        vector_upkeep.remove_hidden(self.backends)
        vector_upkeep.index_pending(self.backends)

    @rule(tape=TAPES)
    def catch_up(self, tape: list[int]) -> None:
        """Others do everything that waits in the queue."""
        for _ in range(3):
            relay(self.backends)
            for wake_up in self.waiting():
                self.queue.sent.remove(wake_up)
                self.work(wake_up, tape=tape)

    @rule(place=PLACES)
    def flush(self, place: int) -> None:
        with self.backends.db.transaction() as conn:
            repair.flush(conn, workspace=self.workspaces[place], now=self.clock.moment)

    @rule(place=PLACES, observer=WHO, observed=WHO, is_own=st.booleans(), is_card=st.booleans(), session=st.none() | IN)
    def ask_for_dream(
        self, place: int, observer: str, observed: str, is_own: bool, is_card: bool, session: str | None
    ) -> None:
        collection = Collection(self.workspaces[place], observed if is_own else observer, observed)
        wanted = DreamRequest(collection, "card_refresh" if is_card else "omni", "manual", session, is_rebuild=is_card)
        with contextlib.suppress(NotFound):
            dreams.schedule(self.backends, wanted)

    @rule(place=PLACES, observed=WHO, tape=TAPES, without=st.sampled_from([*[None] * 6, "peer_card", "dream"]))
    def sleep(self, place: int, observed: str, tape: list[int], without: Switch | None = None) -> None:
        """What makes a night worth it: all that was said is known, and then a whole dream, or one without something."""
        self.flush(place)
        self.catch_up([])
        if without is not None:
            self.set_switch(place, None, without, False)
        self.ask_for_dream(place, observed, observed, True, False, None)
        self.catch_up(tape)
        if without is not None:
            self.set_switch(place, None, without, None)

    def work(self, wake_up: WakeUp, fault: str = "none", number: int = 1, tape: list[int] | None = None) -> None:
        """A worker takes the wake-up; `number` says when the fault strikes, or whom it concerns."""
        self.delivered = [*self.delivered, wake_up][-20:]
        place = self.places[self.workspaces.index(wake_up.unit.workspace)]
        backends = replace(place.backends, db=shaken(place.backends.db, fault, number))
        self.excuse(place, wake_up, fault)
        shift = Shift(wake_up, Tape(list(tape or [])), self.happenings(place, wake_up, fault, number), fault)
        before, is_eventful = self.dreamt(place, wake_up), bool(shift.happenings)
        self.shifts.append(shift)
        try:
            with contextlib.suppress(Died, DatabaseUnavailable):
                if fault == "is hasty" and wake_up.unit.kind is TaskKind.DREAM:
                    # One turn of a model, and the rest in the next call.
                    dream(backends, wake_up, lasts=timedelta(0))
                else:
                    DO_ALL[wake_up.unit.kind](backends, wake_up)
        finally:
            self.shifts.pop()
        if before is not None and not is_eventful:
            may_dream, may_write, found = before
            [now] = place.rows(statements.DREAMT)
            assert may_dream or now["changes"] == found["changes"], "it dreamt where it may not"
            assert may_write or now["lines"] == found["lines"], "it wrote a card that it may not"

    def dreamt(self, place: Workplace, wake_up: WakeUp) -> tuple[bool, bool, Row] | None:
        """What the next dream of the unit may do, as things stand, and what was changed by dreams so far."""
        unit = wake_up.unit
        if unit.kind is not TaskKind.DREAM:
            return None
        coming = place.rows(statements.NEXT_DREAM, unit=unit.key, observer=unit.observer, observed=unit.observed)
        session, expects = coming[0]["session"] if coming else None, self.expects(place)
        is_known = session not in expects.disturbed
        may_dream = expects.is_on("dream", session) and expects.is_on("reasoning", session)
        [found] = place.rows(statements.DREAMT)
        return may_dream or not is_known, expects.is_on("peer_card", session) or not is_known, found

    def excuse(self, place: Workplace, wake_up: WakeUp, fault: str) -> None:
        """A derivation that fails may cost a call more; with an answer that was kept it must not."""
        if wake_up.unit.kind is TaskKind.DERIVE and (fault in SHOCKS):
            # Once it has failed twice a window is split, and the answer about the whole of it is left behind.
            found = place.rows(statements.FAILURES, unit=wake_up.unit.key)
            self.excuses[key_of(wake_up)] += bool(found) and found[0]["failures"] >= 1

    def happenings(self, place: Workplace, wake_up: WakeUp, fault: str, number: int) -> list[Callable[[str], None]]:
        """What happens while the worker waits for its model for the first time."""
        unit = wake_up.unit
        session = unit.session or "s"

        def others(_: str) -> None:
            self.record(self.places.index(place), session, [(unit.observed or "ada", 1, 0, None)] * 3, False)
            self.clock.advance(seconds=95 if unit.kind is not TaskKind.DREAM else 1300)
            self.work(wake_up)
            self.catch_up([])

        known: dict[str, list[Callable[[str], None]]] = {
            "comes twice": [lambda _: self.work(wake_up)],
            "is overtaken": [others],
            "is slow": [lambda _: self.slow_down()],
            "erased meanwhile": [lambda shown: self.forget_shown(place, shown, number)],
            "erased long ago": [lambda shown: self.forget_shown(place, shown, number), lambda _: self.erase_all()],
            "said meanwhile": [
                lambda _: self.record(self.places.index(place), session, [(unit.observed or "ada", 1, 0, None)], False)
            ],
            "switched meanwhile": [
                lambda _: self.set_switch(self.places.index(place), None, "reasoning", number % 2 == 0)
            ],
            "undone meanwhile": [lambda _: self.undo_dream(self.places.index(place), number)],
            "deleted meanwhile": [lambda _: self.client_deletes(self.places.index(place), number)],
        }
        return known.get(fault, [])

    def undo_dream(self, place: int, pick: int) -> None:
        """An operator takes a dream back."""

    def slow_down(self) -> None:
        self.clock.advance(seconds=870)

    def erase_all(self) -> None:
        """Time passes, and the erasures are done; nobody takes up what waits beside them."""
        self.clock.advance(seconds=95)
        for _ in range(4):
            relay(self.backends)
            for wake_up in self.waiting():
                if wake_up.unit.kind is TaskKind.ERASE:
                    self.queue.sent.remove(wake_up)
                    self.work(wake_up)

    def listen(self, request: Completion, answer: Callable[[], Reply]) -> Reply:
        """A model is asked: nobody else may be at this, and nothing may be shown that is not to be known."""
        shift = self.shifts[-1]
        self.check_shown(shift, request)
        self.check_lease(shift)
        is_derived, key = request.purpose == "derive", key_of(shift.wake_up)
        self.calls[key] += is_derived
        if shift.happenings:
            self.excuses[key] += is_derived and shift.fault not in ("comes twice", "said meanwhile")
            self.happen(shift, "\n".join(turn.text for turn in request.turns if isinstance(turn, UserTurn)))
        if shift.fault in MODEL_FAULTS:
            self.excuses[key] += is_derived
        match shift.fault:
            case "outage":
                raise ModelUnavailable
            case "dies before the answer":
                raise Died
            case "unreadable":
                return Reply("" if request.purpose.startswith("summary") else "Hm.")
            case _:
                return answer()

    def happen(self, shift: Shift, shown: str) -> None:
        happenings, shift.happenings = shift.happenings, []
        try:
            for one in happenings:
                one(shown)
        except AssertionError as error:
            self.wrong.append(str(error))
            raise

    def check_shown(self, shift: Shift, request: Completion) -> None:
        """Only messages of the unit's own session or workspace, and only those from which something may be learnt."""
        unit = shift.wake_up.unit
        known = {one.word: one for one in self.expected[unit.workspace].said.values()}
        text = "\n".join(turn.text for turn in request.turns if isinstance(turn, UserTurn))
        for word in MET.findall(text):
            if word not in known:
                self.wrong.append("a model is shown what was said elsewhere")
            elif unit.session not in ("", known[word].session):
                self.wrong.append("a model is shown what was said in another session")
            elif known[word].observers is None and not request.purpose.startswith("summary"):
                self.wrong.append("a model is shown what nobody may learn from")

    def check_lease(self, shift: Shift) -> None:
        unit, now = shift.wake_up.unit, self.clock.moment
        for other in self.shifts[:-1]:
            is_at_it = other.lease_until is not None and other.lease_until > now
            if other.wake_up.unit == unit and is_at_it and other.forgettings == self.forgettings:
                self.wrong.append("two models are paid for one piece of work")
        found = self.places[0].rows(statements.LEASE, workspace=unit.workspace, unit=unit.key)
        shift.lease_until, shift.forgettings = found[0]["lease_until"] if found else None, self.forgettings
