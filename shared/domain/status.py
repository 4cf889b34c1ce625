"""How much background work there is, and what it waits for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

WaitReason = Literal["lease", "backoff", "queue", "send", "tokens", "due", "deletion", "budget"]
"""Why pending work is not done: being worked on, put off after a failure, on its way through the queue,
about to be handed to the queue, gathering tokens until its gate or age is reached, due and met at the scheduler's
next visit, of a session that is being deleted or that something is being erased from, or stopped until the
budget of its workspace has room again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Work items by state. Parked ones count as completed: nothing more happens to them by itself."""

    completed: int = 0
    in_progress: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        return self.completed + self.in_progress + self.pending

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.completed + other.completed, self.in_progress + other.in_progress, self.pending + other.pending
        )


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """All counts and those of each session."""

    total: Counts
    sessions: dict[str, Counts]


@dataclass(frozen=True, slots=True)
class WaitingUnit:
    """A unit with pending items: what it waits for, and when it is looked at again."""

    workspace: str
    unit: str
    items: int
    tokens: int
    reason: WaitReason
    due_at: datetime | None
    oldest_at: datetime | None
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class ParkedItem:
    """An item that was set aside with its error."""

    workspace: str
    unit: str
    seq: int
    message_id: str
    attempts: int
    error: str | None
    parked_at: datetime | None
