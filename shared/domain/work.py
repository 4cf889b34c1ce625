"""Background work: items that are done once, units that keep their order."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.errors import Invalid

_MAX_GROUP_LENGTH = 128


class TaskKind(StrEnum):
    """What is to be done; each kind has one queue."""

    DERIVE = "derive"
    DREAM = "dream"
    ERASE = "erase"
    SUMMARY = "summary"
    INDEX = "index"
    FORGET = "forget"
    SCOPE = "scope"
    # Sorts after all reasoning work: units are locked in the order of their keys, and finishing work adds these.
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class WorkUnit:
    """What must be done in order together: a kind of work on a session, and for `derive` its author.

    For `scope`, `observed` is the scope's peer; for `erase`, the peer that goes everywhere, or '' for what goes from
    the session. For `webhook` there is no session, and `observed` is the id of the endpoint. For `dream` there is none
    either: what `observer` believes about `observed` is worked on, and only then is there an observer. Its key joins
    the parts with ':', which no name can contain.
    """

    workspace: str
    kind: TaskKind
    session: str
    observed: str = ""
    observer: str = ""

    @property
    def key(self) -> str:
        seen = f"{self.observer}:{self.observed}" if self.observer else self.observed
        return f"{self.kind}:{self.session}:{seen}"

    @classmethod
    def parse(cls, workspace: str, key: str) -> "WorkUnit":
        kind, *names = key.split(":")
        if kind not in set(TaskKind) or len(names) not in (2, 3):
            raise Invalid(f"not the key of a work unit: {key!r}")
        session, *observer, observed = names
        return cls(workspace, TaskKind(kind), session, observed, *observer)

    def group_id(self) -> str:
        """The FIFO message group: the session's key, else the unit's own; hashed when it is too long for SQS."""
        group = f"{self.workspace}:{self.session or self.key}"
        return group if len(group) <= _MAX_GROUP_LENGTH else hashlib.sha256(group.encode()).hexdigest()

    @property
    def alias(self) -> str:
        """What logs and metrics call the unit: its kind and a digest, since its key names a peer and a session."""
        return f"{self.kind}:{hashlib.sha256(str(self).encode()).hexdigest()[:16]}"

    def __str__(self) -> str:
        return f"{self.workspace}/{self.key}"


@dataclass(frozen=True, slots=True)
class WakeUp:
    """What travels through the queue: which unit to look at. `number` grows with each decision to wake it."""

    unit: WorkUnit
    number: int

    def deduplication_id(self) -> str:
        """The same for a retry of one send, different for each new wake-up."""
        return hashlib.sha256(f"{self.unit}#{self.number}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A unit's share in one message, or for `index` in the messages from `first_seq` to `seq`.

    `seq` is the message's place in its session. `traceparent` is the request that planned it, where one is known.
    """

    seq: int
    first_seq: int
    message_id: str
    tokens: int
    observers: tuple[str, ...]
    custom_instructions: str | None
    created_at: datetime
    attempts: int
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A window of items that one worker may finish while `token` still stands on the unit row.

    `failures` are the attempts, this one included, that no outage explains. The lease ends at `until`. `answer` is
    what the model said for this very window before an earlier worker died. `has_budget`: the workspace has one of its
    own.
    """

    unit: WorkUnit
    token: str
    items: tuple[WorkItem, ...]
    attempts: int
    failures: int
    until: datetime
    answer: str | None = None
    has_budget: bool = False

    @property
    def run(self) -> str:
        """What all attempts on the window are known as to those who count its cost. It names nobody."""
        first = self.items[0]
        begun = f"{self.unit}#{first.seq}#{first.message_id}#{first.created_at.timestamp()}"
        return hashlib.sha256(begun.encode()).hexdigest()[:24]

    @property
    def first_seq(self) -> int:
        return self.items[0].seq

    @property
    def last_seq(self) -> int:
        return self.items[-1].seq
