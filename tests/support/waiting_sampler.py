"""Looks at a running stack again and again: whatever waits must say for what, and until when."""

import threading
from datetime import UTC, datetime
from typing import get_args

import psycopg

from infra.local.stack import Stack, StackFailed
from shared.domain.status import WaitingUnit, WaitReason
from shared.store import status

_PAUSE_S = 0.1


class WaitingSampler(threading.Thread):
    """Keeps what waited without a reason of the known ones or without a due time."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.reasons: set[str] = set()
        self.unexplained: list[WaitingUnit] = []
        self.looks = 0
        self._stack = stack
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            try:
                found = self._look()
            except (psycopg.Error, StackFailed):
                # Between the kill and the next start there is nothing to look at.
                continue
            self.looks += 1
            self.reasons |= {unit.reason for unit in found}
            self.unexplained += [u for u in found if u.reason not in get_args(WaitReason) or u.due_at is None]

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _look(self) -> list[WaitingUnit]:
        with psycopg.connect(self._stack.dsn) as conn:
            return status.waiting(conn, now=datetime.now(UTC), most=1000)
