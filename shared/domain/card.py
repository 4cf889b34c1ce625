"""Peer cards: a few short lines about a peer that hold for long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

KINDS: Final = ("IDENTITY", "ATTRIBUTE", "RELATIONSHIP", "INSTRUCTION")
MOST_LINES: Final = 40
MOST_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Card:
    """The lines in their order; `version` grows with each writing, 0 where none was ever written."""

    lines: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class CardLine:
    """A line somebody wants on a card, and the conclusions it rests on."""

    text: str
    source_ids: tuple[str, ...] = ()


def problem_of(text: str) -> str | None:
    """What keeps `text` from being a line that an agent may write; None when nothing does."""
    kind, colon, body = text.partition(":")
    if not colon or kind not in KINDS:
        return f"must begin with one of {', '.join(f'{kind}: ' for kind in KINDS)}"
    if not body.strip():
        return "says nothing"
    if len(text) > MOST_CHARACTERS:
        return f"is longer than {MOST_CHARACTERS} characters"
    return None


def without_repetition(lines: Sequence[CardLine]) -> tuple[CardLine, ...]:
    """Each line once, white space and case aside, and no more than a card holds: what is too much goes at the end."""
    once: dict[str, CardLine] = {}
    for line in lines:
        once.setdefault(" ".join(line.text.split()).casefold(), line)
    return tuple(once.values())[:MOST_LINES]
