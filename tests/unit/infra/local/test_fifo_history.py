"""Random histories of a FIFO queue against a plain model: order, exclusivity, and nothing lost or held back."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from infra.local.fifo import Depth, FifoQueue, FifoRules
from infra.local.fifo_message import Draft
from infra.local.queues import AdjustableClock
from infra.local.sqs_errors import InvalidParameterValue


@dataclass
class Flight:
    group: str
    body: str
    until: float


GROUPS = st.sampled_from(["a", "b", "c"])


class FifoHistory(RuleBasedStateMachine):
    """Any history of calls gives what a plain model gives: prefixes of free groups, as many as there are."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = AdjustableClock(lambda: 1_000.0)
        self.queue = FifoQueue("q.fifo", FifoRules(), self.clock)
        self.waiting: dict[str, list[str]] = defaultdict(list)
        self.flights: dict[str, Flight] = {}
        self.stale: set[str] = set()
        self.count = 0

    @rule(group=GROUPS)
    def send(self, group: str) -> None:
        self.count += 1
        body = str(self.count)
        self.queue.send(Draft(body, group, body))
        self.queue.send(Draft("a duplicate", group, body))
        self.waiting[group].append(body)

    @rule(room=st.integers(1, 10), visibility=st.integers(1, 40))
    def receive(self, room: int, visibility: int) -> None:
        locked = {flight.group for flight in self.flights.values()}
        free = sum(len(each) for group, each in self.waiting.items() if group not in locked)
        by_group: dict[str, list[str]] = defaultdict(list)
        for message in self.queue.receive(room, visibility_s=visibility):
            by_group[message.group_id].append(message.body)
            self.flights[message.receipt] = Flight(message.group_id, message.body, self.clock() + visibility)
        assert not locked & by_group.keys(), "a locked group was served"
        for group, received in by_group.items():
            assert received == self.waiting[group][: len(received)], "not the head of its group"
        assert sum(map(len, by_group.values())) == min(room, free), "fewer messages than there were"

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        receipt = data.draw(st.sampled_from(sorted(self.flights)))
        flight = self.flights.pop(receipt)
        self.queue.delete(receipt)
        self.waiting[flight.group].remove(flight.body)

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), seconds=st.sampled_from([0, 0, 5, 50]))
    def change_visibility(self, data: st.DataObject, seconds: int) -> None:
        receipt = data.draw(st.sampled_from(sorted(self.flights)))
        self.queue.change_visibility(receipt, seconds)
        self.flights[receipt].until = self.clock() + seconds
        self.land()

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def delete_with_a_stale_receipt(self, data: st.DataObject) -> None:
        receipt = data.draw(st.sampled_from(sorted(self.stale)))
        # A message deleted since then makes this a success; whichever it is, the counts below may not change.
        with suppress(InvalidParameterValue):
            self.queue.delete(receipt)

    @rule(seconds=st.integers(1, 30))
    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.land()

    def land(self) -> None:
        for receipt, flight in list(self.flights.items()):
            if flight.until <= self.clock():
                del self.flights[receipt]
                self.stale.add(receipt)

    @invariant()
    def counts_agree(self) -> None:
        total = sum(map(len, self.waiting.values()))
        assert self.queue.depth() == Depth(total - len(self.flights), len(self.flights), 0)

    @invariant()
    def next_change_is_never_missed(self) -> None:
        if self.flights:
            changes_at = self.queue.changes_at()
            assert changes_at is not None
            assert changes_at <= min(flight.until for flight in self.flights.values())


FifoHistory.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None, database=None)
TestFifoHistory = FifoHistory.TestCase
