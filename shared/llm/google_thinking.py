"""How much Gemini may think, said in the way that a model's generation understands.

2.5 is given a budget of tokens, from 3 on a level; what came before does not think. Source: the vendor's pages on
thinking. What this table does not know a model's own objection tells, once.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from shared.domain.json import JsonObject
from shared.llm.failures import note_thinking

_NEVER: Final = re.compile(r"gemini-(?:1|2\.0)|gemma|learnlm")
_BUDGETED: Final = re.compile(r"gemini-2\.5")
# The least that may be asked of a budget, and whether it may be none.
_LEAST_LITE: Final = 512
_LEAST_PRO: Final = 128
# A level is no limit: room for thoughts beside the answer, so that these do not use up what the answer needs.
_LEVEL_ROOM: Final = 4096
_LEAST_LEVEL_ROOM: Final = 1024


@dataclass(frozen=True, slots=True)
class Thinking:
    """What is said about it; `config` None is nothing. `room` are the tokens that it may take beside the answer."""

    config: JsonObject | None = None
    room: int = 0


def thinking_of(model: str, asked: int, *, without: Collection[str] = ()) -> Thinking:
    """The thinking of `model` for a budget of `asked` tokens; 0 means none, where the model can do without."""
    if _NEVER.search(model):
        return _none(model, asked)
    if _BUDGETED.search(model):
        return _none(model, asked) if "thinking" in without else _budget(model, asked)
    return _level(model, asked, without)


def _none(model: str, asked: int) -> Thinking:
    if asked:
        note_thinking(model, asked=asked, given=0)
    return Thinking()


def _budget(model: str, asked: int) -> Thinking:
    least = _LEAST_LITE if "lite" in model and asked else _LEAST_PRO if "pro" in model else 0
    given = max(asked, least)
    if given != asked:
        note_thinking(model, asked=asked, given=given)
    return Thinking({"thinking_budget": given}, given)


def _level(model: str, asked: int, without: Collection[str]) -> Thinking:
    if "thinking" in without:
        return Thinking(None, _LEVEL_ROOM)
    # The larger models know no "minimal".
    is_least = not asked and "pro" not in model and "thinking_minimal" not in without
    level = "MINIMAL" if is_least else "LOW" if asked < 2048 else "MEDIUM" if asked < 8192 else "HIGH"
    room = _LEAST_LEVEL_ROOM if not asked else max(asked, _LEVEL_ROOM)
    return Thinking({"thinking_level": level}, room)
