"""Text that can be stored and sent on: JSON can spell half a surrogate pair, and models have been seen to write one."""

from dataclasses import replace
from typing import cast

from shared.domain.json import JsonObject, each_text, encodable
from shared.llm.types import Reply, ToolCall


def sound(reply: Reply) -> Reply:
    """The reply with all its text encodable. What its provider wants back stays as it was."""
    return replace(reply, text=encodable(reply.text), tool_calls=tuple(_sound(call) for call in reply.tool_calls))


def _sound(call: ToolCall) -> ToolCall:
    if call.arguments is None:
        return call
    return replace(call, arguments=cast(JsonObject, each_text(call.arguments, encodable)))


class SoundPieces:
    """The pieces of a streamed text, each of them encodable: the first half of a pair waits for the other."""

    def __init__(self) -> None:
        self._half = ""

    def next(self, piece: str) -> str:
        """What can go out now; "" when that is nothing yet."""
        text, self._half = self._half + piece, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return encodable(text)

    def rest(self) -> str:
        """What waited in vain."""
        return encodable(self._half)
