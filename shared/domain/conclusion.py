"""Conclusions: what the memory believes, about whom, on whose behalf, and why."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from shared.domain.quotes import Quote, QuoteState

Level = Literal["explicit", "deductive", "inductive", "contradiction"]
LEVELS: tuple[Level, ...] = get_args(Level)
DERIVED_LEVELS: tuple[Level, ...] = ("deductive", "inductive", "contradiction")


@dataclass(frozen=True, slots=True)
class Collection:
    """The pair whose conclusions belong together: what `observer` believes about `observed`."""

    workspace: str
    observer: str
    observed: str


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One thing concluded. `occurred_at` is the time of its newest source message, else that of its making.

    `event_at` is when it happened, where that is known: None means when it was said. `quotes` are the words it
    rests on, those that were found. `trace_id` is the trace of the request that caused it to be concluded first.
    """

    id: str
    workspace: str
    observer: str
    observed: str
    session: str | None
    level: Level
    content: str
    times_derived: int
    source_ids: tuple[str, ...]
    message_ids: tuple[str, ...]
    premises: tuple[str, ...]
    occurred_at: datetime
    created_at: datetime
    event_at: datetime | None = None
    quotes: tuple[Quote, ...] = ()
    quote_state: QuoteState = "none"
    trace_id: str | None = None

    @property
    def collection(self) -> Collection:
        return Collection(self.workspace, self.observer, self.observed)


@dataclass(frozen=True, slots=True)
class ConclusionDraft:
    """A conclusion to be saved: the same text may be saved for several observers.

    `message_ids` are the messages it was read from, `occurred_at` the time of the newest of them. `times` is how
    many of them say it: all that were named, but one when it is not known which. The rest is as in a `Conclusion`.
    """

    content: str
    level: Level
    session: str | None
    message_ids: tuple[str, ...]
    occurred_at: datetime
    source_ids: tuple[str, ...] = ()
    premises: tuple[str, ...] = ()
    times: int = 1
    event_at: datetime | None = None
    quotes: tuple[Quote, ...] = ()
    quote_state: QuoteState = "none"


def normal_form(content: str) -> str:
    """`content` as duplicates are compared: white space folded, case and a final full stop ignored."""
    return " ".join(content.split()).rstrip(".").casefold()


def content_hash(content: str) -> str:
    """The key under which equal conclusions meet: SHA-256 of the normal form, in hex."""
    return hashlib.sha256(normal_form(content).encode()).hexdigest()
