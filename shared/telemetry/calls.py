"""Calls of models, told to whoever keeps account of them. What was said is handed over only to those who may see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from shared.domain.json import JsonObject
from shared.telemetry import tally, tracing
from shared.telemetry.tracing import Span


@dataclass(frozen=True, slots=True)
class CallTokens:
    """Tokens of one call; the cached are among the input, those of thinking among the output."""

    input: int = 0
    output: int = 0
    cached: int = 0
    thinking: int = 0


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a chat model, from its start; `said` gives what was sent, as JSON, when it is called.

    `provider` is as the settings name it, `limits` are the numbers of the request. Nothing here but `said` is content.
    """

    span: Span
    purpose: str
    provider: str
    model: str
    workspace: str | None
    limits: JsonObject
    said: Callable[[], list[JsonObject]]


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How it ended: its tokens and `finish`, or the class of its error; `answered` gives what came back."""

    tokens: CallTokens
    finish: str
    error: str | None
    answered: Callable[[], JsonObject]


CallEnded: TypeAlias = Callable[[CallEnd], None]


class CallListener(Protocol):
    """Who hears of calls. Must be quick, and not raise."""

    def begins(self, call: ModelCall) -> CallEnded:
        """Hear of the call; what is returned hears of its end."""
        ...


_LISTENERS: Final[list[CallListener]] = []


def listen(listener: CallListener) -> None:
    _LISTENERS.append(listener)


def unlisten(listener: CallListener) -> None:
    _LISTENERS.remove(listener)


def begin(call: ModelCall) -> CallEnded:
    """Tell that the call begins; gives what is to be told of its end, once."""
    ends = [listener.begins(call) for listener in _LISTENERS]

    def ended(how: CallEnd) -> None:
        tokens, span = how.tokens, call.span
        tally.add(call.model, tokens.input, tokens.output)
        span.attributes |= {
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "cached_tokens": tokens.cached,
            "finish": how.finish,
        }
        span.error = how.error
        tracing.end(span)
        for one in ends:
            one(how)

    return ended
