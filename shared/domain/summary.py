"""Summaries of a session up to a message."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SummaryKind = Literal["short", "long"]


@dataclass(frozen=True, slots=True)
class Summary:
    """One session's short or long summary: covers every message up to `covered_seq`."""

    kind: SummaryKind
    content: str
    message_id: str
    covered_seq: int
    token_count: int
    created_at: datetime


def due_kinds(seq: int, *, every_short: int, every_long: int) -> tuple[SummaryKind, ...]:
    """The summaries whose cadence the message at `seq` completes."""
    kinds: list[SummaryKind] = []
    if seq % every_short == 0:
        kinds.append("short")
    if seq % every_long == 0:
        kinds.append("long")
    return tuple(kinds)
