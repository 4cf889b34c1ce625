"""What is said to a model and what comes back, in one neutral form for every provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from shared.domain.errors import ModelUnavailable
from shared.domain.json import JsonObject

FinishReason = Literal["stop", "length", "tool_calls", "refusal"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `arguments` is None when what it wrote was not a JSON object."""

    id: str
    name: str
    arguments: JsonObject | None


@dataclass(frozen=True, slots=True)
class SystemTurn:
    """Instructions; the static part first, so that provider prompt caches hit."""

    text: str


@dataclass(frozen=True, slots=True)
class UserTurn:
    """Something said to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantTurn:
    """Something the model said. `replay` is what its provider needs back unchanged, opaque to everyone else.

    It is of what JSON knows, and bytes: another process may have to send it back.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    replay: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ToolTurn:
    """What a tool call gave, as text."""

    call_id: str
    name: str
    text: str


Turn: TypeAlias = SystemTurn | UserTurn | AssistantTurn | ToolTurn


@dataclass(frozen=True, slots=True)
class Answer:
    """The form an answer must have: a name and a JSON Schema of type object."""

    name: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class Completion:
    """One request to a chat model.

    `choice` is "auto", "any" (some tool must be called), "none" (they are known, but none may be called), or a tool's
    name; it counts only with tools. `max_output_tokens` caps the answer: what is thought comes on top, about
    `thinking_budget_tokens` as far as the model takes a budget. `purpose` says which feature asks, for logs and
    metrics: "derive", "dialectic", "summary_short"…
    """

    turns: tuple[Turn, ...]
    purpose: str
    max_output_tokens: int
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    answer: Answer | None = None
    temperature: float | None = None
    thinking_budget_tokens: int = 0
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls, the same for every provider.

    `input_tokens` is everything read: `cached_tokens` (from the provider's prompt cache) and `cache_write_tokens`
    (put into it, where that has its own price) are parts of it. `output_tokens` is everything written:
    `thinking_tokens`, where the provider tells them, are a part of it.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.thinking_tokens + other.thinking_tokens,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's whole answer: text, or calls of tools, or both."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    finish: FinishReason = "stop"
    model: str = ""
    replay: Mapping[str, object] | None = None

    def as_turn(self) -> AssistantTurn:
        return AssistantTurn(self.text, self.tool_calls, self.replay)


class AnswerUseless(ModelUnavailable):
    """The model gave no answer that can be used."""

    def __init__(self, message: str | None = None, *, usage: Usage | None = None) -> None:
        super().__init__(message)
        # It cost as much as a good one.
        self.usage = usage or Usage()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of an answer's text."""

    text: str


Delta: TypeAlias = TextDelta | Reply
"""A stream yields text pieces in order and ends with the whole `Reply`, which repeats their text."""
