"""What a model is shown of its conversation when not everything fits."""

from collections.abc import Sequence
from typing import TypeAlias

from shared.llm import tokens
from shared.llm.types import AssistantTurn, SystemTurn, ToolTurn, Turn, UserTurn

# Bytes and not characters: a character of Chinese or an emoji is a token of its own. English has about four.
_BYTES_PER_TOKEN = 3.2
# The estimate can be off by this factor: below that share of the limit nothing needs an exact count.
_SAFE_SHARE = 0.5
# What a turn costs beside its text.
_TURN_TOKENS = 4

Unit: TypeAlias = tuple[Turn, ...]


class History:
    """A conversation in units that stay or go as a whole: a tool call without its result is refused by providers.

    The instructions and the question always stay, and so does the newest unit.
    """

    def __init__(self, system: str, question: str, units: Sequence[Unit] = ()) -> None:
        self._pinned: Unit = (SystemTurn(system), UserTurn(question))
        self._units: list[Unit] = list(units)

    def add(self, *turns: Turn) -> None:
        """Append one unit."""
        self._units.append(turns)

    def extend(self, *turns: Turn) -> None:
        """Append to the newest unit: what is said about it stays with it."""
        newest = self._units.pop() if self._units else ()
        self._units.append((*newest, *turns))

    def fitted(self, max_tokens: int, *, besides: str = "") -> Unit:
        """The turns to send: with `besides` at most `max_tokens`, as far as what always stays allows.

        The oldest units go first.
        """
        kept = self.kept(max_tokens, besides=besides)
        return (*self._pinned, *(turn for unit in kept for turn in unit))

    def kept(self, max_tokens: int, *, besides: str = "") -> tuple[Unit, ...]:
        """The units to send. Those that are left out now would not be sent later, either."""
        if self._estimate(besides) > max_tokens * _SAFE_SHARE:
            return self._newest(max_tokens - tokens.count(besides) - _count(self._pinned))
        return tuple(self._units)

    def _estimate(self, besides: str) -> float:
        turns = [*self._pinned, *(turn for unit in self._units for turn in unit)]
        texts = [besides, *(_text(turn) for turn in turns)]
        return sum(len(text.encode()) for text in texts) / _BYTES_PER_TOKEN + len(turns) * _TURN_TOKENS

    def _newest(self, left: int) -> tuple[Unit, ...]:
        kept: list[Unit] = []
        for unit in reversed(self._units):
            left -= _count(unit)
            if left < 0 and kept:
                break
            kept.append(unit)
        return tuple(kept[::-1])


def _count(turns: Unit) -> int:
    return sum(tokens.count(_text(turn)) + _TURN_TOKENS for turn in turns)


def _text(turn: Turn) -> str:
    match turn:
        case AssistantTurn(text, tool_calls):
            return text + "".join(f"{call.name}{call.arguments}" for call in tool_calls)
        case ToolTurn() | SystemTurn() | UserTurn():
            return turn.text
