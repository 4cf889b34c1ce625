"""The queues of the local stack, in one process and one event loop: state machines plus waiting.

The event source mapping calls this directly; everything else reaches the same state over HTTP (`sqs.py`).
In memory only: what a restart forgets, the relay sends again from the outbox.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from infra.local.fifo import Clock, Depth, FifoQueue
from infra.local.fifo_message import Draft, ReceivedMessage, Sent, StoredMessage
from infra.local.sqs_attributes import QueueSettings, RedrivePolicy, check_name, parse
from infra.local.sqs_errors import (
    InvalidParameterValue,
    QueueDoesNotExist,
    QueueNameExists,
    ResourceNotFoundException,
)

ACCOUNT = "000000000000"


class AdjustableClock:
    """The time of day, which tests may move forward."""

    def __init__(self, now: Clock = time.time) -> None:
        self._now = now
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return self._now() + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


@dataclass(frozen=True, slots=True)
class MoveTask:
    """One redrive of a dead-letter queue; it is over when the call that started it returns."""

    handle: str
    source_arn: str
    destination_arn: str | None
    status: Literal["COMPLETED", "FAILED"]
    moved: int
    to_move: int
    started_at: float
    failure: str | None


@dataclass(slots=True)
class _Place:
    queue: FifoQueue
    settings: QueueSettings
    created_at: float
    modified_at: float
    tags: dict[str, str] = field(default_factory=dict[str, str])
    # One future per waiting receive, in the order they came.
    waiting: dict[asyncio.Future[None], None] = field(default_factory=dict[asyncio.Future[None], None])


class LocalQueues:
    """All queues by name. Not thread-safe: every call belongs on the event loop that serves the endpoint."""

    def __init__(self, base_url: str, *, region: str = "us-east-1", clock: AdjustableClock | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._region = region
        self._clock = clock or AdjustableClock()
        self._places: dict[str, _Place] = {}
        self._moves: list[MoveTask] = []

    def create(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str] | None = None) -> str:
        """The URL of the queue, made unless it exists with the same attributes. A dead-letter queue goes first."""
        check_name(name, attributes)
        existing = self._places.get(name)
        if existing is not None:
            if parse(attributes, existing.settings) != existing.settings:
                raise QueueNameExists
            return self.url(name)
        settings = parse(attributes, QueueSettings())
        self._check_redrive(name, settings.redrive)
        now = self._clock()
        queue = FifoQueue(name, settings.rules, self._clock, bury=partial(self._bury, name))
        self._places[name] = _Place(queue, settings, now, now, dict(tags or {}))
        return self.url(name)

    def configure(self, name: str, attributes: Mapping[str, str]) -> None:
        """Change attributes of an existing queue; they hold at once."""
        place = self._place(name)
        settings = parse(attributes, place.settings)
        self._check_redrive(name, settings.redrive)
        place.settings, place.modified_at = settings, self._clock()
        place.queue.reconfigure(settings.rules)
        self._wake(name)

    def remove(self, name: str) -> None:
        """Delete the queue with all its messages; receives that wait on it end with QueueDoesNotExist."""
        self._place(name)
        self._wake(name)
        del self._places[name]

    def names(self) -> list[str]:
        return sorted(self._places)

    def url(self, name: str) -> str:
        return f"{self._base_url}/{ACCOUNT}/{name}"

    def arn(self, name: str) -> str:
        return f"arn:aws:sqs:{self._region}:{ACCOUNT}:{name}"

    def settings(self, name: str) -> QueueSettings:
        return self._place(name).settings

    def tags(self, name: str) -> dict[str, str]:
        """The queue's own tags, to be read and changed in place."""
        return self._place(name).tags

    def times(self, name: str) -> tuple[float, float]:
        """When the queue was created and last configured."""
        place = self._place(name)
        return place.created_at, place.modified_at

    def sources(self, name: str) -> list[str]:
        """The queues whose dead letters come here."""
        self._place(name)
        arn = self.arn(name)
        return [each for each in self.names() if (r := self._places[each].settings.redrive) and r.target_arn == arn]

    def send(self, name: str, draft: Draft) -> Sent:
        sent = self._place(name).queue.send(draft)
        self._wake(name)
        return sent

    async def receive(
        self,
        queue_name: str,
        *,
        max_messages: int,
        wait_s: float,
        visibility_s: int | None = None,
        attempt_id: str | None = None,
    ) -> list[ReceivedMessage]:
        """Take messages, waiting up to `wait_s` for the first one. Cancelling while it waits takes none."""
        deadline = time.monotonic() + wait_s
        while True:
            place = self._place(queue_name)
            received = place.queue.receive(max_messages, visibility_s=visibility_s, attempt_id=attempt_id)
            left = deadline - time.monotonic()
            if received or left <= 0:
                return received
            changes_at = place.queue.changes_at()
            await self._pause(place, left if changes_at is None else min(left, changes_at - self._clock()))

    def delete(self, queue_name: str, receipt: str) -> None:
        self._place(queue_name).queue.delete(receipt)
        self._wake(queue_name)

    def change_visibility(self, queue_name: str, receipt: str, visibility_s: int) -> None:
        self._place(queue_name).queue.change_visibility(receipt, visibility_s)
        self._wake(queue_name)

    def purge(self, queue_name: str) -> None:
        self._place(queue_name).queue.purge()

    def depth(self, queue_name: str) -> Depth:
        return self._place(queue_name).queue.depth()

    def oldest_age_s(self, queue_name: str) -> float:
        """Seconds since the oldest message was sent; 0 when there is none."""
        return self._place(queue_name).queue.oldest_age_s()

    def advance(self, seconds: float) -> None:
        """Move the clock of all queues forward."""
        self._clock.advance(seconds)
        for name in self._places:
            self._wake(name)

    def redrive(self, source_arn: str, destination_arn: str | None = None) -> MoveTask:
        """Move the dead letters that are not in flight to `destination_arn`, or each to where it came from."""
        source = self._name_of(source_arn)
        if source is None or (destination_arn is not None and self._name_of(destination_arn) is None):
            raise ResourceNotFoundException(
                "The resource that you specified for the SourceArn or DestinationArn parameter doesn't exist."
            )
        if not self.sources(source):
            raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        letters = self._places[source].queue.drain()
        stuck = [letter for letter in letters if not self._readmit(letter, destination_arn)]
        for letter in stuck:
            self._places[source].queue.adopt(letter, letter.source_arn)
        task = MoveTask(
            handle=f"{source}-{len(self._moves) + 1}",
            source_arn=source_arn,
            destination_arn=destination_arn,
            status="FAILED" if stuck else "COMPLETED",
            moved=len(letters) - len(stuck),
            to_move=len(letters),
            started_at=self._clock(),
            failure="CouldNotDetermineMessageSource" if stuck else None,
        )
        self._moves.append(task)
        return task

    def moves(self, source_arn: str) -> list[MoveTask]:
        """The redrives of a dead-letter queue, newest first."""
        if self._name_of(source_arn) is None:
            raise ResourceNotFoundException
        return [task for task in reversed(self._moves) if task.source_arn == source_arn]

    def _place(self, name: str) -> _Place:
        place = self._places.get(name)
        if place is None:
            raise QueueDoesNotExist
        return place

    def _name_of(self, arn: str) -> str | None:
        name = arn.rpartition(":")[2]
        return name if name in self._places and self.arn(name) == arn else None

    def _check_redrive(self, name: str, policy: RedrivePolicy | None) -> None:
        if policy is None:
            return
        target = self._name_of(policy.target_arn)
        if target is None:
            raise InvalidParameterValue.of("RedrivePolicy", policy.target_arn, "Dead letter target does not exist.")
        if target == name or not self._places[target].settings.admits(self.arn(name)):
            raise InvalidParameterValue.of(
                "RedrivePolicy", policy.target_arn, "Queue may not be its dead letter target."
            )

    def _bury(self, source: str, message: StoredMessage) -> bool:
        policy = self._place(source).settings.redrive
        target = None if policy is None else self._name_of(policy.target_arn)
        if target is None:
            return False
        self._places[target].queue.adopt(message, self.arn(source))
        self._wake(target)
        return True

    def _readmit(self, letter: StoredMessage, destination_arn: str | None) -> bool:
        arn = destination_arn or letter.source_arn
        target = None if arn is None else self._name_of(arn)
        if target is None:
            return False
        self._places[target].queue.readmit(letter)
        self._wake(target)
        return True

    def _wake(self, name: str) -> None:
        for future in self._places[name].waiting:
            if not future.done():
                future.set_result(None)

    async def _pause(self, place: _Place, seconds: float) -> None:
        """Sleep until the queue is touched or `seconds` have passed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place.waiting[future] = None
        try:
            await asyncio.wait([future], timeout=max(seconds, 0.0))
        finally:
            del place.waiting[future]
