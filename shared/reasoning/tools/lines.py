"""Conclusions and messages as lines that a model reads."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from shared.domain.clock import as_utc, clock_time, minute
from shared.domain.conclusion import LEVELS, Conclusion, Level
from shared.domain.message import Message
from shared.reasoning.prompts import indented
from shared.reasoning.toolkit import clipped

T = TypeVar("T")

# An id has 126 random bits; five letters tell apart what one answer can show, and cost a third of the tokens.
SHORT_ID = 5
# Time, id and whom it is about.
_LINE_CHARS = 48
# What a line says at its end no content may say before.
_ID = re.compile(r"\(\s*ids?\s*[:\uff1a]", re.IGNORECASE)
_HEADINGS: dict[Level, str] = {
    "explicit": "## Explicit",
    "deductive": "## Deductive",
    "inductive": "## Inductive",
    "contradiction": "## Contradictions",
}


def conclusion_lines(
    read: Iterable[Conclusion], *, max_chars: int, is_of_all: bool = False, id_chars: int | None = None
) -> str:
    """`[time] content (id: …)` in the given order under a heading for each level; "" for none.

    Where they may be about anybody (`is_of_all`) the end of each line says about whom, and who believes it if that
    is somebody else: `(id: …; bob about alice)`. Of ids `id_chars` letters are shown, None means all.
    """
    sorted_in: dict[Level, list[str]] = {level: [] for level in LEVELS}
    for conclusion in read:
        content = _ID.sub("(id\u2236", _one_piece(conclusion.content, max_chars))
        parts = [f"id: {conclusion.id[:id_chars]}"] if id_chars != 0 else []
        parts += [_about(conclusion)] if is_of_all else []
        end = f" ({'; '.join(parts)})" if parts else ""
        sorted_in[conclusion.level].append(f"[{minute(conclusion.occurred_at)}] {content}{end}")
    return "\n\n".join("\n".join([_HEADINGS[level], *lines]) for level, lines in sorted_in.items() if lines)


def fitting_conclusions(read: Iterable[Conclusion], *, max_chars: int, budget: int) -> list[Conclusion]:
    """The first of `read` whose lines, each cut to `max_chars`, together have about `budget` characters at most."""
    return fitting(read, lambda one: min(len(one.content), max_chars) + _LINE_CHARS, budget)


def fitting(read: Iterable[T], length: Callable[[T], int], budget: int) -> list[T]:
    """The first of `read` whose lengths sum up to `budget` at most."""
    kept: list[T] = []
    for one in read:
        budget -= length(one)
        if budget < 0:
            break
        kept.append(one)
    return kept


def message_lines(
    read: Sequence[Message], *, max_chars: int, matched: Collection[str] = (), around: str = ""
) -> list[str]:
    """`[time] peer: text` of each, with the day only where it is another than that of the line before.

    What was looked for, whose ids are `matched`, has `> ` before it and is cut so that `around` stays in.
    """
    lines: list[str] = []
    day = None
    for message in read:
        at, is_match = as_utc(message.created_at), message.id in matched
        text = _from(message.content, around, max_chars) if is_match and around else message.content
        time = clock_time(at) if at.date() == day else minute(at)
        lines.append(f"{'> ' if is_match else ''}[{time}] {message.peer}: {_one_piece(text, max_chars)}")
        day = at.date()
    return lines


def _about(conclusion: Conclusion) -> str:
    believer = "" if conclusion.observer == conclusion.observed else f"{conclusion.observer} "
    return f"{believer}about {conclusion.observed}"


def _from(text: str, around: str, max_chars: int) -> str:
    """The part of a long text that begins a little before `around`."""
    place = text.lower().find(around.lower())
    if len(text) <= max_chars or place < 0:
        return text
    start = max(0, min(place - max_chars // 3, len(text) - max_chars))
    return f"…{text[start + 1 :]}" if start else text


def _one_piece(text: str, max_chars: int) -> str:
    return indented(clipped(text, max_chars))
