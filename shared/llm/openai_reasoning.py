"""How much OpenAI's models may reason, said in the way that a family understands.

It is told an effort, never a budget. Source: the vendor's reference of chat completions, and what it refuses there:
from 5.1 on function tools go only with no effort at all. What this table does not know a model's own objection tells.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from shared.llm.failures import note_thinking

Effort = Literal["none", "minimal", "low", "medium", "high"]

# The families that take `max_completion_tokens` instead of `max_tokens`, and no temperature.
_REASONING: Final = re.compile(r"(?:.*/)?(?:gpt-[5-9]|o[134])(?!\d)")
# Open weights that reason too, behind servers that take both and an effort.
_OPEN: Final = re.compile(r"(?:.*/)?gpt-oss")
_CAN_REST: Final = re.compile(r"(?:.*/)?gpt-(?:5\.[1-9]|[6-9])")
# An effort is no limit: room for thoughts beside the answer, so that these do not use up what the answer needs.
_ROOM: Final[dict[Effort | None, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 2048,
    "medium": 4096,
    "high": 8192,
    None: 4096,
}


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What is said about it. `room` are the tokens that it may take beside the answer."""

    effort: Effort | None = None
    room: int = 0


def is_reasoning(model: str) -> bool:
    return _REASONING.match(model) is not None


def reasoning_of(model: str, asked: int, *, has_tools: bool, without: Collection[str] = ()) -> Reasoning:
    """The reasoning of `model` for a budget of `asked` tokens; 0 means none, where the model can do without.

    `without` are efforts that it has objected to, as "effort_…".
    """
    if not is_reasoning(model) and _OPEN.match(model) is None:
        if asked:
            note_thinking(model, asked=asked, given=0)
        return Reasoning()
    can_rest = _CAN_REST.match(model) is not None
    if asked and can_rest and has_tools:
        note_thinking(model, asked=asked, given=0)
        asked = 0
    for effort in _efforts(model, asked, can_rest=can_rest):
        if f"effort_{effort}" not in without:
            return Reasoning(effort, max(_ROOM[effort], asked))
    return Reasoning(None, max(_ROOM["medium"], asked))


def _efforts(model: str, asked: int, *, can_rest: bool) -> tuple[Effort, ...]:
    """What may be said, the best first."""
    if asked:
        return ("low",) if asked < 2048 else ("medium", "low") if asked < 8192 else ("high", "medium", "low")
    if can_rest:
        return ("none", "minimal", "low")
    return ("minimal", "low") if is_reasoning(model) and "gpt" in model else ("low",)
