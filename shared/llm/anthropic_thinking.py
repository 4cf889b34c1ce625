"""How much Claude may think, said in the way that a model's generation understands.

Up to 4.6 it is given a budget of tokens; from 4.7 on it judges that itself and is told an effort. From 5 on it thinks
unless it is told not to, and some cannot be told. Source: the vendor's pages on thinking and on each model's changes.
What this table does not know a model's own objection tells, once.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from shared.llm.failures import note_thinking

Form = Literal["enabled", "adaptive", "disabled", "between_tools", "unsaid"]
Effort = Literal["low", "medium", "high"]

LEAST_BUDGET: Final = 1024
# An effort is no limit: room for thoughts beside the answer, so that these do not use up what the answer needs.
_ADAPTIVE_ROOM: Final = 4096
_UNASKED_ROOM: Final = 2048
_NOTES_ROOM: Final = 1024

_NEVER: Final = re.compile(r"claude-(?:instant|2|3-(?!7))")
_BUDGETED: Final = re.compile(r"claude-(?:3-7|4-|(?:opus|sonnet|haiku)-4(?!-[7-9](?!\d)))")
_SILENT_UNASKED: Final = re.compile(r"claude-(?:instant|2|3|4-|(?:opus|sonnet|haiku)-4)")
_ALWAYS: Final = re.compile(r"claude-(?:opus-5-5|fable|mythos)")
_UNFORCED: Final = re.compile(r"claude-(?:opus-5-5|sonnet-5-5|fable|mythos)")


@dataclass(frozen=True, slots=True)
class Thinking:
    """What is said about it. `room` are the tokens that it may take beside the answer."""

    form: Form
    room: int = 0
    effort: Effort | None = None


def thinking_of(model: str, asked: int, *, without: Collection[str] = (), is_signed: bool = True) -> Thinking:
    """The thinking of `model` for a budget of `asked` tokens; 0 means none, where the model can do without.

    `without` are forms that it has objected to. Unless `is_signed`, a conversation goes on whose tool calls come
    from elsewhere or were made without thinking: a budget is refused there.
    """
    form = _form(model, asked, without)
    match form:
        case "enabled" if is_signed:
            given = max(asked, LEAST_BUDGET)
            if given != asked:
                note_thinking(model, asked=asked, given=given)
            return Thinking(form, given)
        case "adaptive":
            return Thinking(form, max(asked, _ADAPTIVE_ROOM), _effort(asked))
        case "between_tools":
            return Thinking(form, _NOTES_ROOM)
        case "disabled":
            return Thinking(form)
        case _:
            pass
    if form == "unsaid" and asked:
        note_thinking(model, asked=asked, given=0)
    is_silent = _SILENT_UNASKED.search(model) is not None
    return Thinking("unsaid") if is_silent else Thinking("unsaid", _UNASKED_ROOM, "low")


def can_be_forced(model: str, thinking: Thinking) -> bool:
    """Whether a tool call may be demanded: not of a model under a budget, nor of one that always thinks."""
    return thinking.form != "enabled" and _UNFORCED.search(model) is None


def _form(model: str, asked: int, without: Collection[str]) -> Form:
    forms: tuple[Form, ...]
    if asked:
        forms = ("enabled", "adaptive") if _BUDGETED.search(model) else ("adaptive", "enabled")
        forms = () if _NEVER.search(model) else forms
    else:
        forms = ("between_tools", "disabled") if "sonnet-5-5" in model else ("disabled", "between_tools")
        forms = () if _SILENT_UNASKED.search(model) or _ALWAYS.search(model) else forms
    for form in forms:
        if f"thinking_{form}" not in without:
            return form
    return "unsaid"


def _effort(asked: int) -> Effort:
    if asked < 2048:
        return "low"
    return "medium" if asked < 8192 else "high"
