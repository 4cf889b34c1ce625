"""An SQS FIFO queue as a state machine: no I/O, no waiting; time comes from the clock handed in.

What it keeps, and the AWS documentation promises: a group with any message in flight is locked; messages stay in
their place when they come back, so order survives timeouts and early releases; deduplication lasts five minutes
whatever becomes of the message.
"""

import heapq
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.fifo_dedup import RecentMemory
from infra.local.fifo_message import (
    Draft,
    Group,
    ReceivedMessage,
    Sent,
    StoredMessage,
    read_receipt,
    sequence_number,
    write_receipt,
)
from infra.local.sqs_errors import InvalidParameterValue, MessageNotInflight, ReceiptHandleIsInvalid

MAX_VISIBILITY_S = 43_200

Clock = Callable[[], float]
Bury = Callable[[StoredMessage], bool]


@dataclass(frozen=True, slots=True)
class FifoRules:
    """The attributes of a queue that its state machine obeys."""

    visibility_s: int = 30
    delay_s: int = 0
    retention_s: int = 345_600
    dedup_per_group: bool = False
    max_receives: int | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages a queue holds; those behind a locked head count as visible, as on AWS."""

    visible: int
    in_flight: int
    delayed: int


def _no_dead_letter_queue(_: StoredMessage) -> bool:
    return False


class FifoQueue:
    """One FIFO queue. `bury` takes a message to the dead-letter queue; False when there is none to take it."""

    def __init__(self, name: str, rules: FifoRules, clock: Clock, *, bury: Bury = _no_dead_letter_queue) -> None:
        self.name = name
        self._rules = rules
        self._clock = clock
        self._bury = bury
        self._last_sequence = 0
        self._in_flight = 0
        self._messages: OrderedDict[int, StoredMessage] = OrderedDict()
        self._groups: dict[str, Group] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()
        self._timers: list[tuple[float, str]] = []
        self._sent: RecentMemory[tuple[str, str], Sent] = RecentMemory()
        self._attempts: RecentMemory[str, tuple[str, ...]] = RecentMemory()

    def send(self, draft: Draft) -> Sent:
        """Append a message to its group, or answer with the first one sent under the same deduplication id."""
        now = self._advance()
        key = (draft.group_id if self._rules.dedup_per_group else "", draft.deduplication_id)
        if (first := self._sent.get(key, now)) is not None:
            return first
        stored = self._append(draft, str(uuid.uuid4()), now)
        sent = Sent(stored.message_id, sequence_number(stored.sequence))
        self._sent.put(key, sent, now)
        return sent

    def adopt(self, message: StoredMessage, source_arn: str | None) -> None:
        """Append a dead letter of the queue `source_arn`. Its id and receive count stay, its age starts anew."""
        stored = self._append(message.draft, message.message_id, self._advance())
        stored.receive_count = message.receive_count
        stored.first_received_at = message.first_received_at
        stored.source_arn = source_arn

    def readmit(self, message: StoredMessage) -> None:
        """Append a redriven message, which counts as new; the deduplication window does not swallow it."""
        self._append(message.draft, str(uuid.uuid4()), self._advance())

    def receive(
        self, max_messages: int = 1, *, visibility_s: int | None = None, attempt_id: str | None = None
    ) -> list[ReceivedMessage]:
        """Take up to `max_messages`, in order within each group, from groups with nothing in flight.

        A repeated `attempt_id` gets the same messages and receipts again while none of them was touched, and
        their visibility timeout starts anew.
        """
        now = self._advance()
        visibility = self._rules.visibility_s if visibility_s is None else visibility_s
        if attempt_id is not None and (again := self._replay(attempt_id, now, now + visibility)):
            return again
        received: list[ReceivedMessage] = []
        visited: list[str] = []
        while self._ready and len(received) < max_messages:
            group_id, _ = self._ready.popitem(last=False)
            visited.append(group_id)
            received += self._take_from(group_id, max_messages - len(received), now, visibility)
        for group_id in visited:
            self._refresh(group_id, now)
        if attempt_id is not None and received:
            self._attempts.put(attempt_id, tuple(message.receipt for message in received), now)
        return received

    def delete(self, receipt: str) -> None:
        """Remove the message. Deleting twice is fine; a receipt that timed out or was superseded is refused."""
        now = self._advance()
        message = self._find(receipt)
        if message is None:
            return
        if message.receipt != receipt:
            raise InvalidParameterValue.of("ReceiptHandle", receipt, "The receipt handle has expired.")
        self._remove(message, now)

    def change_visibility(self, receipt: str, visibility_s: int) -> None:
        """Let the message become visible `visibility_s` from now; 0 releases it at once, in its old place."""
        now = self._advance()
        message = self._find(receipt)
        if message is None:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise InvalidParameterValue.of("ReceiptHandle", receipt, reason)
        if not message.receipt:
            raise MessageNotInflight
        if message.receipt != receipt:
            raise InvalidParameterValue.of("ReceiptHandle", receipt, "The receipt handle has expired.")
        if now + visibility_s > message.received_at + MAX_VISIBILITY_S:
            reason = f"Total VisibilityTimeout for the message is beyond the limit [{MAX_VISIBILITY_S} seconds]"
            raise InvalidParameterValue.of("VisibilityTimeout", visibility_s, reason)
        message.invisible_until = now + visibility_s
        message.is_replayable = False
        self._refresh(message.draft.group_id, now)

    def drain(self) -> list[StoredMessage]:
        """Remove and return all messages of groups with nothing in flight, oldest first."""
        now = self._advance()
        free = [m for m in self._messages.values() if not self._groups[m.draft.group_id].in_flight]
        for message in free:
            self._remove(message, now)
        return free

    def purge(self) -> None:
        """Remove everything, in flight or not; what was sent lately stays a duplicate."""
        now = self._advance()
        for message in list(self._messages.values()):
            self._remove(message, now)

    def reconfigure(self, rules: FifoRules) -> None:
        """Obey other rules from now on. On FIFO queues a new delay also holds for messages already there."""
        self._rules = rules
        now = self._advance()
        for group_id in list(self._groups):
            self._refresh(group_id, now)

    def depth(self) -> Depth:
        now = self._advance()
        delayed = 0
        for message in reversed(self._messages.values()):
            if message.sent_at + self._rules.delay_s <= now:
                break
            delayed += not message.receipt
        return Depth(len(self._messages) - self._in_flight - delayed, self._in_flight, delayed)

    def oldest_age_s(self) -> float:
        """Seconds since the oldest message was sent, in flight or not; 0 when the queue is empty."""
        now = self._advance()
        oldest = next(iter(self._messages.values()), None)
        return 0.0 if oldest is None else now - oldest.sent_at

    def changes_at(self) -> float | None:
        """When time alone may next make a message receivable; None when only a call can."""
        self._advance()
        return self._timers[0][0] if self._timers else None

    def _append(self, draft: Draft, message_id: str, now: float) -> StoredMessage:
        self._last_sequence += 1
        stored = StoredMessage(draft, message_id, self._last_sequence, now)
        group = self._groups.setdefault(draft.group_id, Group())
        self._messages[stored.sequence] = group.messages[stored.sequence] = stored
        if len(group.messages) == 1:
            self._refresh(draft.group_id, now)
        return stored

    def _take_from(self, group_id: str, room: int, now: float, visibility_s: int) -> list[ReceivedMessage]:
        group = self._groups[group_id]
        taken: list[StoredMessage] = []
        dead: list[StoredMessage] = []
        for message in group.messages.values():
            if len(taken) == room or message.sent_at + self._rules.delay_s > now:
                break
            (dead if self._is_dead(message) else taken).append(message)
        for message in dead:
            if self._bury(message):
                self._discard(message)
            else:
                taken.append(message)
        taken.sort(key=lambda message: message.sequence)
        for message in taken[:room]:
            message.take(write_receipt(self.name, message.sequence), now, visibility_s)
            group.in_flight[message.sequence] = message
        self._in_flight += len(taken[:room])
        return [message.snapshot() for message in taken[:room]]

    def _is_dead(self, message: StoredMessage) -> bool:
        return self._rules.max_receives is not None and message.receive_count >= self._rules.max_receives

    def _replay(self, attempt_id: str, now: float, invisible_until: float) -> list[ReceivedMessage]:
        receipts = self._attempts.get(attempt_id, now) or ()
        messages = [message for receipt in receipts if (message := self._find(receipt)) is not None]
        untouched = all(m.receipt in receipts and m.is_replayable for m in messages)
        if len(messages) < len(receipts) or not untouched:
            return []
        again = [message.snapshot() for message in messages]
        for message in messages:
            message.invisible_until = invisible_until
        for group_id in {message.group_id for message in again}:
            self._refresh(group_id, now)
        return again

    def _find(self, receipt: str) -> StoredMessage | None:
        place = read_receipt(receipt)
        if place is None or place[0] != self.name:
            raise ReceiptHandleIsInvalid
        return self._messages.get(place[1])

    def _remove(self, message: StoredMessage, now: float) -> None:
        self._discard(message)
        self._refresh(message.draft.group_id, now)

    def _discard(self, message: StoredMessage) -> None:
        group = self._groups[message.draft.group_id]
        del self._messages[message.sequence], group.messages[message.sequence]
        if group.in_flight.pop(message.sequence, None) is not None:
            self._in_flight -= 1

    def _advance(self) -> float:
        """Let everything happen that is due by now, and return now."""
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            _, group_id = heapq.heappop(self._timers)
            self._refresh(group_id, now)
        while self._messages:
            oldest = next(iter(self._messages.values()))
            if oldest.sent_at + self._rules.retention_s > now:
                break
            self._remove(oldest, now)
        return now

    def _refresh(self, group_id: str, now: float) -> None:
        """Bring back what timed out, then list the group as ready or set a timer for its next change."""
        group = self._groups.get(group_id)
        if group is None:
            return
        for message in [m for m in group.in_flight.values() if m.invisible_until <= now]:
            del group.in_flight[message.sequence]
            message.receipt = ""
            self._in_flight -= 1
        if not group.messages:
            del self._groups[group_id]
            self._ready.pop(group_id, None)
            return
        due = group.changes_at(self._rules.delay_s)
        if due <= now:
            self._ready.setdefault(group_id)
            return
        self._ready.pop(group_id, None)
        self._set_timer(due, group_id)

    def _set_timer(self, due: float, group_id: str) -> None:
        heapq.heappush(self._timers, (due, group_id))
        # Timers of finished groups are left behind; with long timeouts they would pile up, so start over at times.
        if len(self._timers) > 1000 + 2 * len(self._groups):
            delay = self._rules.delay_s
            self._timers = [(g.changes_at(delay), g_id) for g_id, g in self._groups.items() if g_id not in self._ready]
            heapq.heapify(self._timers)
