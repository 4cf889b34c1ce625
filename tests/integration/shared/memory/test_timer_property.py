"""Whatever writers, workers, visits and orders do to each other: what is due is visited in time.

In time is within the bound, or, once an order failed or its writer died, by the sweep of the day at the latest.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shared.backends import Backends
from shared.domain.errors import ModelUnavailable, TimerUnavailable
from shared.domain.session import ObservationSettings
from shared.domain.work import Claim, WakeUp
from shared.memory.conclude import GivenConclusion, create_conclusions, delete_conclusion
from shared.memory.relay import send
from shared.memory.timer import SOONEST
from shared.memory.work import perform
from tests.support.backends import THEN
from tests.support.dying import Died, raises
from tests.support.ordering import Ordered, ScriptedTimer, ordered, rounded

DAY: Final = timedelta(days=1)
# A schedule fires within the minute after its time.
PRECISION: Final = timedelta(seconds=59)
BOUND: Final = SOONEST + PRECISION + timedelta(seconds=1)
# Lambda calls a function again that failed, a minute later.
REPEATED: Final = timedelta(minutes=1)
SESSIONS: Final = st.sampled_from(["s", "t"])
ENDINGS: Final[dict[str, Callable[[], object]]] = {
    "finishes": lambda: None,
    "meets an outage": raises(ModelUnavailable()),
    "dies": raises(Died()),
}
WINDOW: Final = 1024
PAUSES_S: Final = (1, 7, 30, 100, 600, 1000, 4000, 40_000)
# Eleven hours, with work that fails again and again.
MOST_VISITS: Final = 500


class Visits(RuleBasedStateMachine):
    """One database, its writers, and a schedule that fires."""

    def __init__(self, place: Ordered) -> None:
        super().__init__()
        self.place = ordered(place)
        self.place.clock.moment = THEN
        self.sweep_at = self.place.clock.now() + DAY
        self.is_excused = False
        self.seen: list[WakeUp] = []
        self.place.joins("s", ada=ObservationSettings())

    @rule(session=SESSIONS, is_short=st.booleans(), is_lost=st.booleans())
    def speak(self, session: str, is_short: bool, is_lost: bool) -> None:
        """Below the gate a message is due when it is old; a wake-up that is lost is due when it should have come."""
        with suppress(Died):
            self.place.says(session, ("ada", "word " * (1 if is_short else 900)))
        wake_ups = self.place.queue.take()
        self.seen += [] if is_lost else wake_ups

    @rule(session=SESSIONS)
    def speak_into_a_queue_that_is_down(self, session: str) -> None:
        self.place.queue.is_down = True
        self.speak(session, is_short=False, is_lost=True)
        self.place.queue.is_down = False

    @rule(session=SESSIONS)
    def speak_and_die_before_the_order(self, session: str) -> None:
        unsaid = replace(self.place, backends=replace(self.place.backends, timer=ScriptedTimer(is_used=False)))
        unsaid.says(session, ("ada", "word " * 900))
        self.is_excused = True

    @rule()
    def conclude_and_delete(self) -> None:
        given = [GivenConclusion("ada", "ada", None, "ada lives in Porto")]
        with suppress(Died):
            [made] = create_conclusions(self.place.backends, self.place.workspace, given)
            delete_conclusion(self.place.backends, self.place.workspace, made.id)

    @rule(number=st.integers(0, 5), ending=st.sampled_from(sorted(ENDINGS)))
    def work(self, number: int, ending: str) -> None:
        if not self.seen:
            return
        wake_up = self.seen.pop(number % len(self.seen))
        do = ENDINGS[ending]

        def finish(own: Backends, claimed: Claim) -> None:
            do()
            send(own, self.place.finishes(claimed))

        with suppress(Died):
            perform(self.place.backends, wake_up.unit, finish, window_tokens=WINDOW)
        self.seen += self.place.queue.take()

    @rule(fails=st.integers(1, 2))
    def let_orders_fail(self, fails: int) -> None:
        self.place.timer.fails = fails
        self.is_excused = True

    @rule(moment=st.sampled_from(["before", "after"]), session=SESSIONS)
    def let_somebody_speak_during_the_next_order(self, moment: str, session: str) -> None:
        setattr(self.place.timer, moment, lambda: self.speak_into_a_queue_that_is_down(session))

    @rule()
    def let_the_next_order_be_the_last_of_its_writer(self) -> None:
        """Between the row and the order."""
        self.place.timer.before = raises(Died())
        self.is_excused = True

    @rule(
        seconds=st.sampled_from(PAUSES_S),
        late=st.integers(0, 59),
        busy=st.integers(0, 3),
    )
    def pass_time(self, seconds: int, late: int, busy: int) -> None:
        clock, timer = self.place.clock, self.place.timer
        until = clock.now() + timedelta(seconds=seconds)
        visits = 0
        while (at := self._next_visit(late)) <= until:
            visits += 1
            assert visits < MOST_VISITS
            clock.moment = max(at, clock.now())
            if visits <= busy:
                # In the minute in which the schedule has fired for some and not for others.
                self.speak_into_a_queue_that_is_down("s")
            self._visit()
        clock.moment = max(until, clock.now())
        assert timer.at is None or timer.at + timedelta(seconds=late) > until

    def _next_visit(self, late: int) -> datetime:
        at = self.place.timer.at
        return self.sweep_at if at is None else min(self.sweep_at, at + timedelta(seconds=late))

    def _visit(self) -> None:
        if self.sweep_at <= self.place.clock.now():
            self.sweep_at += DAY
        for _ in range(3):
            try:
                self.place.visits()
            except (TimerUnavailable, Died):
                self.place.clock.moment += REPEATED
                continue
            break
        self.seen += self.place.queue.take()

    @invariant()
    def row_and_schedule_agree_and_come_in_time(self) -> None:
        """An excuse ends where everything is in order again."""
        due_at, ordered_for = self.place.next_due(), self.place.row()["armed_for"]
        now = self.place.clock.now()
        agrees = self.place.timer.at == ordered_for
        comes = due_at is None or (ordered_for is not None and ordered_for <= rounded(max(due_at, now + SOONEST)))
        if agrees and comes and not self.place.timer.fails and self.place.timer.before is None:
            self.is_excused = False
        assert self.is_excused or (agrees and comes), (due_at, ordered_for, self.place.timer.at, now)

    @invariant()
    def nothing_is_overdue(self) -> None:
        due_at, now, at = self.place.next_due(), self.place.clock.now(), self.place.timer.at
        bound = DAY + BOUND + 3 * REPEATED if self.is_excused else BOUND + 3 * REPEATED
        # What an excuse left behind may have its visit still before it.
        is_coming = at is not None and now <= at + PRECISION
        assert due_at is None or due_at >= now - bound or is_coming


QUICK = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
THOROUGH = settings(QUICK, max_examples=80, stateful_step_count=50, derandomize=False, phases=list(Phase))


def test_what_is_due_is_visited_in_time_whatever_happens(place):
    run_state_machine_as_test(lambda: Visits(place), settings=QUICK)


@pytest.mark.slow
def test_what_is_due_is_visited_in_time_whatever_happens_for_long(place):
    run_state_machine_as_test(lambda: Visits(place), settings=THOROUGH)
