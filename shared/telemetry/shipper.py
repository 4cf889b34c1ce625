"""Things on their way out of the process: gathered, bounded, sent in batches by a thread that nobody waits for.

A thread, against the rule of the house: what is sent must never hold up what it tells of. It starts with the first
thing to send, and sleeps between batches. Lambda freezes it with the process, so every invocation ends with `flush`.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Final, Generic, Literal, TypeVar

from shared.telemetry.logs import logger

T = TypeVar("T")

Loss = Literal["buffer_full", "send_failed"]
_LONGEST_REST_S: Final = 60.0


class NotSent(Exception):
    """A batch did not arrive. `is_final`: it never will, sent again or not."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Pace:
    """When and how often something is sent. A receiver that stays away is left alone for a while."""

    batch: int = 100
    threshold: int = 50
    interval_s: float = 1.0
    attempts: int = 3
    most: int = 10_000
    first_pause_s: float = 1.0
    rest_s: float = 5.0


class Shipper(Generic[T]):
    """A bounded buffer and the thread that empties it; `lost` hears how many were given up, and why."""

    def __init__(
        self, name: str, send: Callable[[Sequence[T]], None], pace: Pace, lost: Callable[[Loss, int], None]
    ) -> None:
        self._name = name
        self._send = send
        self._pace = pace
        self._lost = lost
        self._waiting: deque[T] = deque()
        self._changed = Condition()
        self._is_hurried = False
        self._is_sending = False
        self._oldest_at = 0.0
        self._rests_until = 0.0
        self._rest_s = pace.rest_s
        self._thread: Thread | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def put(self, thing: T) -> None:
        """Never waits, and never fails: when there are too many, the oldest is given up."""
        with self._changed:
            is_full = len(self._waiting) >= self._pace.most
            if is_full:
                self._waiting.popleft()
            if not self._waiting:
                self._oldest_at = time.monotonic()
            self._waiting.append(thing)
            if self._thread is None:
                self._thread = Thread(target=self._run, name=f"{self._name}-shipper", daemon=True)
                self._thread.start()
            if len(self._waiting) >= self._pace.threshold or len(self._waiting) == 1:
                self._changed.notify_all()
        if is_full:
            self._lost("buffer_full", 1)

    def flush(self, seconds: float) -> None:
        """Wait until everything was sent, at most so long, and not at all for a receiver that is being left alone."""
        ends = time.monotonic() + seconds
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()
            while (self._waiting or self._is_sending) and not self._is_resting():
                left_s = ends - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            self._is_hurried = False

    def _is_resting(self) -> bool:
        return not self._is_sending and time.monotonic() < self._rests_until

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            try:
                self._ship(batch)
            except Exception:
                # A mistake of ours must end neither the thread nor what it is about.
                logger.exception("telemetry_broke_off", outlet=self._name)
                self._lost("send_failed", len(batch))
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()

    def _next_batch(self) -> list[T]:
        with self._changed:
            while (pause_s := self._pause_s()) != 0:
                self._changed.wait(pause_s)
            count = min(self._pace.batch, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            self._oldest_at = time.monotonic()
            self._is_sending = True
            return batch

    def _pause_s(self) -> float | None:
        """How long nothing is to be sent; None until something comes, 0 when it is time."""
        if not self._waiting:
            return None
        now = time.monotonic()
        if now < self._rests_until:
            return self._rests_until - now
        if self._is_hurried or len(self._waiting) >= self._pace.threshold:
            return 0
        return max(self._oldest_at + self._pace.interval_s - now, 0)

    def _ship(self, batch: Sequence[T]) -> None:
        for failed in range(self._pace.attempts):
            if failed:
                time.sleep(self._pace.first_pause_s * 2 ** (failed - 1))
            try:
                self._send(batch)
            except NotSent as problem:
                if problem.is_final:
                    logger.warning("telemetry_refused", outlet=self._name, count=len(batch), reason=str(problem))
                    self._lost("send_failed", len(batch))
                    return
            else:
                self._rest_s, self._rests_until = self._pace.rest_s, 0.0
                return
        self._give_back(batch)

    def _give_back(self, batch: Sequence[T]) -> None:
        """Back to the front of the buffer, as far as there is room: these are the oldest."""
        with self._changed:
            room = self._pace.most - len(self._waiting)
            kept = batch[len(batch) - room :] if room < len(batch) else batch
            self._waiting.extendleft(reversed(kept))
            self._rests_until = time.monotonic() + self._rest_s
            rest_s, self._rest_s = self._rest_s, min(self._rest_s * 2, _LONGEST_REST_S)
        logger.warning("telemetry_not_sent", outlet=self._name, waiting=self.waiting, rest_s=rest_s)
        if len(kept) < len(batch):
            self._lost("send_failed", len(batch) - len(kept))
