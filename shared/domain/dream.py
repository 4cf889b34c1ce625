"""Dreams: what is known about a peer is thought over, and what follows from it is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.domain.card import CardLine
from shared.domain.conclusion import Collection, Conclusion, Level

DreamKind = Literal["omni", "card_refresh"]
Cause = Literal["manual", "threshold"]
Specialist = Literal["deduction", "induction", "card"]
Phase = Literal["deduction", "induction", "card", "done"]
_ORDER: dict[DreamKind, tuple[Specialist, ...]] = {
    "omni": ("deduction", "induction", "card"),
    "card_refresh": ("card",),
}


@dataclass(frozen=True, slots=True)
class DreamRequest:
    """A dream that somebody or something wants. `is_rebuild`: the card is made anew, whatever it says now."""

    collection: Collection
    kind: DreamKind
    cause: Cause
    session: str | None = None
    is_rebuild: bool = False


@dataclass(frozen=True, slots=True)
class Dream:
    """One dream and how far it has come: `phase` is what comes next, what was before is committed."""

    collection: Collection
    number: int
    id: str
    kind: DreamKind
    cause: Cause
    session: str | None
    is_rebuild: bool
    phase: Phase
    input_tokens: int
    output_tokens: int
    begun_at: datetime | None
    # Set aside in the midst of it and undone: it does not go on, even if it is taken up again.
    is_undone: bool = False
    restarts: int = 0


def first_phase(kind: DreamKind) -> Phase:
    return _ORDER[kind][0]


def phase_after(kind: DreamKind, phase: Specialist) -> Phase:
    """What follows `phase` in a dream of this kind."""
    order = _ORDER[kind]
    rest = order[order.index(phase) + 1 :]
    return rest[0] if rest else "done"


Fault = Literal["wrong", "repeated", "outdated"]
Action = Literal[
    "added",
    "reinforced",
    "superseded",
    "deleted",
    "trimmed",
    "line_added",
    "line_removed",
    "line_moved",
    "card_made",
    "line_kept",
]
# `card_made` and `line_kept` are recorded only so that the card before can be told from the changes.


@dataclass(frozen=True, slots=True)
class Former:
    """What a dream may change of a conclusion that stays, as it was before."""

    times_derived: int
    occurred_at: datetime
    source_ids: tuple[str, ...]
    message_ids: tuple[str, ...]
    premises: tuple[str, ...]

    @classmethod
    def of(cls, known: Conclusion) -> "Former":
        return cls(known.times_derived, known.occurred_at, known.source_ids, known.message_ids, known.premises)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing a dream did: to a conclusion (`successor` is what it gave way to), or to a line of the card.

    `former` is what was reinforced or trimmed, as it was before; `was_at` and `is_at` are the places of a line on the
    card before and after, None where it is not on it. All changes of a dream together tell the state before it.
    """

    action: Action
    conclusion: str | None = None
    successor: str | None = None
    line: str | None = None
    reason: str | None = None
    source_ids: tuple[str, ...] = ()
    former: Former | None = None
    was_at: int | None = None
    is_at: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a specialist concludes from other conclusions. `reason` is for who reads the record of changes.

    `outdated` are those it tells of as overtaken: it rests on them too, and goes when they are forgotten.
    """

    content: str
    level: Level
    source_ids: tuple[str, ...]
    reason: str | None = None
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """A conclusion to be taken away; `successor` is the newer one that says how it is now, if it is outdated."""

    conclusion: str
    successor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """All that one specialist wants to change. `card` is None when it stays as it is, at `card_version`."""

    findings: tuple[Finding, ...] = ()
    removals: tuple[Removal, ...] = ()
    card: tuple[CardLine, ...] | None = None
    card_version: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.findings and not self.removals and self.card is None


def sources_needed(level: Level) -> int:
    """On how many conclusions one of this level must rest at least."""
    return 1 if level == "deductive" else 2


DreamState = Literal["pending", "running", "finished", "parked", "dropped", "undone"]
"""`parked`: set aside with its error; `dropped`: given up after that, before it had finished."""


@dataclass(frozen=True, slots=True)
class DreamRecord:
    """A dream as it is shown. `changes` counts them by action."""

    workspace: str
    id: str
    observer: str
    observed: str
    kind: DreamKind
    cause: Cause
    session: str | None
    state: DreamState
    phase: Phase
    input_tokens: int
    output_tokens: int
    requested_at: datetime
    begun_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None
    changes: dict[Action, int]

    @property
    def collection(self) -> Collection:
        return Collection(self.workspace, self.observer, self.observed)


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A change as it is shown. `content` is None for what somebody else has taken away since."""

    change: Change
    content: str | None
    changed_at: datetime
    is_undone: bool
