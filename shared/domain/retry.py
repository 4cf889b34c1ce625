"""Requests that may come twice: with a key that says so, or without one when an answer was lost."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

# No environment of the API runs longer: after this a request either ended or has written nothing.
LONGEST_RUN: Final = timedelta(seconds=30)
# How long a batch whose answer was not delivered is recognised when it comes again.
RECOGNISED_FOR: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with an `Idempotency-Key`: whose it is, and a fingerprint of all it says.

    `token` names this very run of it: what it claimed is still its own when it is run again after a lost connection.
    """

    workspace: str
    caller: str
    key: str
    fingerprint: str
    token: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer that the first request with a key was given; no body for one without content."""

    status: int
    body: str | None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """One run of a batch of messages that came without a key, known by the fingerprint of its bytes and caller.

    Whoever waits for its answer gives up at `answer_by`; None where that is not known.
    """

    workspace: str
    session: str
    fingerprint: str
    run: str
    answer_by: datetime | None = None

    def is_late(self, now: datetime, margin: timedelta = timedelta()) -> bool:
        """Whether an answer given `margin` after `now` would find nobody."""
        return self.answer_by is not None and now + margin >= self.answer_by

    def taking(self, earlier: "Unanswered") -> "Batch":
        """The run that answers in place of an earlier one."""
        return replace(self, run=earlier.run)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A run that is committed and not answered yet: what it wrote, and until when it may still be alive."""

    run: str
    message_ids: tuple[str, ...]
    lease_until: datetime
