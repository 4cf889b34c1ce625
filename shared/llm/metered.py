"""Metering: a model whose calls are announced before they are made, and reported when they are over.

Whatever is retried is metered attempt by attempt: the wrapper goes inside of what repeats, and asks a backup in its own
name. What a cache answers is no call.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, runtime_checkable

from shared.domain.usage import CallOutcome, Tokens
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm import tokens
from shared.llm.provider import ChatModel, Embedder
from shared.llm.types import AnswerUseless, Completion, Delta, Reply, TextDelta, Usage

# Between how long a call may take and when it counts as abandoned.
_SLACK_S: Final = 60.0
_LONGEST_S: Final = 120.0
# What frames a turn or a tool in the vendors' own formats.
_FRAME_TOKENS: Final = 8
# Other vocabularies than ours count more: a quarter on English, more on code and other scripts.
_FOREIGN: Final = 1.5
_BYTES_PER_TOKEN: Final = 4
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that is about to be made. The counts are made only when somebody asks: they take their time."""

    model: str
    most_input: Callable[[], int]
    most_output: int
    longest_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """How a call ended."""

    outcome: CallOutcome
    tokens: Tokens
    latency_ms: int
    error: str | None = None


class Ticket(Protocol):
    """A call under way."""

    def ended(self, report: Report) -> None:
        """Never raises: what the call gave must not be lost with it."""
        ...


class Meter(Protocol):
    """Whoever keeps the books."""

    def begins(self, planned: Planned) -> Ticket:
        """Raises `BudgetExhausted` where the call may not be made."""
        ...


@runtime_checkable
class Layered(Protocol):
    """A model around other ones, such as one that repeats or remembers."""

    def around(self, wrap: Callable[[M], M]) -> object:
        """The same with `wrap` around those inside."""
        ...


@runtime_checkable
class Counting(Protocol):
    """An embedder that is told how many tokens it took."""

    def counted(self, texts: Sequence[str]) -> tuple[list[Vector], int]: ...


class MeteredChat:
    """A chat model that reports to a meter. Raises `BudgetExhausted` besides what the model raises."""

    def __init__(self, model: ChatModel, meter: Meter) -> None:
        self._model = model
        self._meter = meter

    @property
    def name(self) -> str:
        return self._model.name

    def complete(self, request: Completion) -> Reply:
        call = _Call(self._meter, self.name, request)
        try:
            reply = self._model.complete(request)
        except Exception as error:
            call.failed(error)
            raise
        call.answered(reply)
        return reply

    def stream(self, request: Completion) -> Iterator[Delta]:
        """A stream that breaks off, on whichever side, is reported with an estimate of what was written."""
        call = _Call(self._meter, self.name, request)
        written: list[str] = []
        try:
            for delta in self._model.stream(request):
                if isinstance(delta, TextDelta):
                    written.append(delta.text)
                else:
                    # Before it is handed on: nobody may ask for more after it.
                    call.answered(delta)
                yield delta
        except BaseException as error:
            # Also when nobody listens any more, and the generator is closed.
            call.broke_off(error, "".join(written))
            raise


class MeteredEmbedder:
    """An embedder that reports to a meter."""

    def __init__(self, embedder: Embedder, meter: Meter) -> None:
        self._embedder = embedder
        self._meter = meter

    @property
    def space(self) -> EmbeddingSpace:
        return self._embedder.space

    @property
    def _name(self) -> str:
        # Spaces of the offline models name no provider.
        return self.space.model if "/" in self.space.model else f"offline/{self.space.model}"

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if not texts:
            return []
        # Of a text of n bytes no vocabulary makes more than n tokens; one that is empty is sent as a blank.
        most = sum(len(text.encode()) or 1 for text in texts)
        planned = Planned(self._name, lambda: most, 0, _LONGEST_S)
        ticket, began = self._meter.begins(planned), time.monotonic()
        try:
            vectors, count = self._embedded(texts)
        except Exception as error:
            ticket.ended(Report("failed", spent_by(error), _since(began), type(error).__name__))
            raise
        ticket.ended(Report("answered", Tokens(count), _since(began)))
        return vectors

    def _embedded(self, texts: Sequence[str]) -> tuple[list[Vector], int]:
        if isinstance(self._embedder, Counting):
            return self._embedder.counted(texts)
        # Those that cost nothing count nothing, and a vocabulary is too much to load for that.
        return self._embedder.embed(texts), sum(-(-len(text.encode()) // _BYTES_PER_TOKEN) for text in texts)


def metered_chat(model: ChatModel, meter: Meter) -> ChatModel:
    """`model`, each attempt of which is metered."""
    if isinstance(model, Layered):
        inner: object = model.around(lambda one: metered_chat(one, meter))
        return inner  # pyright: ignore[reportReturnType]  # a layer around chat models is one
    return MeteredChat(model, meter)


def metered_embedder(embedder: Embedder, meter: Meter) -> Embedder:
    """`embedder`, each call of which is metered; what it remembers is no call."""
    if isinstance(embedder, Layered):
        inner: object = embedder.around(lambda one: metered_embedder(one, meter))
        return inner  # pyright: ignore[reportReturnType]  # a layer around embedders is one
    return MeteredEmbedder(embedder, meter)


def spent_by(error: BaseException) -> Tokens:
    """What a call cost that failed all the same, where its provider said so."""
    return _billed(error.usage) if isinstance(error, AnswerUseless) else Tokens()


class _Call:
    """One call of a chat model under way; it is reported once, whatever follows."""

    def __init__(self, meter: Meter, name: str, request: Completion) -> None:
        self._request = request
        self._is_over = False
        longest_s = (request.timeout_s or _LONGEST_S) + _SLACK_S
        most_output = request.max_output_tokens + request.thinking_budget_tokens
        self._ticket = meter.begins(Planned(name, lambda: most_input(request), most_output, longest_s))
        self._began = time.monotonic()

    def answered(self, reply: Reply) -> None:
        self._end("answered", _billed(reply.usage))

    def failed(self, error: BaseException) -> None:
        self._end("failed", spent_by(error), error)

    def broke_off(self, error: BaseException, written: str) -> None:
        if self._is_over:
            return
        if not written:
            self.failed(error)
            return
        read = tokens.count(_text_of(self._request))
        self._end("cut", Tokens(read, output=tokens.count(written)), error)

    def _end(self, outcome: CallOutcome, spent: Tokens, error: BaseException | None = None) -> None:
        self._is_over = True
        self._ticket.ended(Report(outcome, spent, _since(self._began), type(error).__name__ if error else None))


def most_input(request: Completion) -> int:
    """The most tokens that any vocabulary is expected to make of what the request shows to the model."""
    frames = _FRAME_TOKENS * (len(request.turns) + len(request.tools) + 1)
    return int(tokens.count(_text_of(request)) * _FOREIGN) + frames


def _text_of(request: Completion) -> str:
    turns = "".join(str(turn) for turn in request.turns)
    tools = "".join(f"{tool.name}{tool.description}{tool.parameters}" for tool in request.tools)
    return f"{turns}{tools}{request.answer.schema if request.answer else ''}"


def _billed(usage: Usage) -> Tokens:
    return Tokens(
        usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.output_tokens, usage.thinking_tokens
    )


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
