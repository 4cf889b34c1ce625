"""Messages as a model reads them: numbered lines, as many as fit, each unable to pass for another."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from shared.domain.clock import stamp
from shared.domain.message import Message
from shared.llm import tokens
from shared.reasoning.prompts import indented

_CUT = " […]"
# A message is never cut shorter than this, however little room there is.
_LEAST_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """A message and the text of it that is shown: its beginning, if the whole would not fit."""

    message: Message
    text: str

    @property
    def is_cut(self) -> bool:
        return self.text != self.message.content


def transcript(messages: Sequence[Message]) -> list[str]:
    """One numbered line per message. Further lines are indented, so that no text can pass for a new message."""
    return lines([Shown(message, message.content) for message in messages])


def lines(shown: Sequence[Shown]) -> list[str]:
    """As `transcript`, of what is shown."""
    return [_line(number, one) for number, one in enumerate(shown, 1)]


def fitted(
    messages: Sequence[Message], own: Collection[int], prompt: Callable[[str], str], *, max_tokens: int
) -> list[Shown]:
    """What of `messages` may be shown for `prompt`, filled with their lines, to have at most `max_tokens`.

    Context, which is whatever has no place in `own`, gives way, oldest first. Where that is not enough the longest
    of the own messages lose their ends; the prompt itself is never cut.
    """
    shown = [Shown(message, message.content) for message in messages]
    # A token is at least one byte of UTF-8, so that most windows need no counting.
    if len(prompt("\n".join(lines(shown))).encode()) <= max_tokens:
        return shown
    room = max_tokens - tokens.count(prompt(""))
    sizes = [tokens.count(_line(number, one) + "\n") for number, one in enumerate(shown, 1)]
    needed = sum(sizes)
    kept: list[tuple[Shown, int]] = []
    for one, size in zip(shown, sizes, strict=True):
        if needed > room and one.message.seq not in own:
            needed -= size
        else:
            kept.append((one, size))
    return [one for one, _ in kept] if needed <= room else _cut(kept, room)


def _cut(sized: Sequence[tuple[Shown, int]], room: int) -> list[Shown]:
    """The messages cut to one length, the greatest with which their lines have at most `room` tokens."""
    left, length = room, 0
    sizes = sorted(size for _, size in sized)
    for place, size in enumerate(sizes):
        length = left // (len(sizes) - place)
        if size > length:
            break
        left -= size
    return [one if size <= length else _shortened(one, size - length) for one, size in sized]


def _shortened(shown: Shown, by_tokens: int) -> Shown:
    whole = tokens.count(shown.text)
    return replace(
        shown, text=tokens.cut(shown.text, max(whole - by_tokens - tokens.count(_CUT), _LEAST_TOKENS)) + _CUT
    )


def _line(number: int, shown: Shown) -> str:
    message = shown.message
    return f"[#{number} {stamp(message.created_at)}] {message.peer}: {indented(shown.text)}"
