"""Conclusions and messages as lines that a model reads."""

from collections.abc import Iterable, Sequence

from shared.domain.clock import stamp
from shared.domain.conclusion import LEVELS, Conclusion, Level
from shared.domain.message import Message
from shared.reasoning.toolkit import clipped

_HEADINGS: dict[Level, str] = {
    "explicit": "## Explicit",
    "deductive": "## Deductive",
    "inductive": "## Inductive",
    "contradiction": "## Contradictions",
}


def conclusion_lines(read: Iterable[Conclusion], *, max_chars: int, is_of_all: bool = False) -> str:
    """`[time] content (id: …)` in the given order under a heading for each level; "" for none.

    Where they may be about anybody (`is_of_all`) the end of each line says about whom, and who believes it if that
    is somebody else: `(id: …; bob about alice)`.
    """
    sorted_in: dict[Level, list[str]] = {level: [] for level in LEVELS}
    for conclusion in read:
        content = _one_piece(conclusion.content, max_chars)
        about = _about(conclusion) if is_of_all else ""
        line = f"[{stamp(conclusion.occurred_at)}] {content} (id: {conclusion.id}{about})"
        sorted_in[conclusion.level].append(line)
    return "\n\n".join("\n".join([_HEADINGS[level], *lines]) for level, lines in sorted_in.items() if lines)


def _about(conclusion: Conclusion) -> str:
    believer = "" if conclusion.observer == conclusion.observed else f"{conclusion.observer} "
    return f"; {believer}about {conclusion.observed}"


def message_line(message: Message, *, max_chars: int, is_match: bool = False) -> str:
    """`[time] peer: text`, with `> ` before it when it is what was looked for."""
    mark = "> " if is_match else ""
    return f"{mark}[{stamp(message.created_at)}] {message.peer}: {_one_piece(message.content, max_chars)}"


def message_lines(read: Sequence[Message], *, max_chars: int) -> str:
    return "\n".join(message_line(message, max_chars=max_chars) for message in read)


def _one_piece(text: str, max_chars: int) -> str:
    """`text`, cut, with its further lines indented: no content can pass for a line of its own."""
    return "\n  ".join(clipped(text, max_chars).splitlines())
