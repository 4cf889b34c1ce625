"""What calls of models took and cost: one of them, and many of them together."""

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

CallOutcome = Literal["answered", "cut", "failed"]
"""The whole answer came; it broke off and its tokens are an estimate; or none came, and what it cost nobody knows."""

Grouping = Literal["day", "feature", "model"]
GROUPINGS: Final[tuple[Grouping, ...]] = ("day", "feature", "model")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a call, as providers bill them.

    Those cached and those written to a cache are parts of the input, those of thinking a part of the output.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    thinking: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model. `usd` is None when nobody knows its price; `error` is the name of a class.

    `run` is what the call was part of: a window of work, or a question.
    """

    id: str
    run: str
    at: datetime
    feature: str
    provider: str
    model: str
    outcome: CallOutcome
    tokens: Tokens
    latency_ms: int
    usd: Decimal | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Many calls together. `usd` is what those cost whose price is known; the others are `unpriced_calls`."""

    calls: int = 0
    failed_calls: int = 0
    unpriced_calls: int = 0
    tokens: Tokens = Tokens()
    latency_ms: int = 0
    usd: Decimal = Decimal(0)

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.calls + other.calls,
            self.failed_calls + other.failed_calls,
            self.unpriced_calls + other.unpriced_calls,
            self.tokens + other.tokens,
            self.latency_ms + other.latency_ms,
            self.usd + other.usd,
        )

    @property
    def mean_latency_ms(self) -> int:
        return round(self.latency_ms / self.calls) if self.calls else 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used from `since` until before `until`: in all, by group in their order, and what has no price."""

    since: datetime
    until: datetime
    total: Totals
    groups: dict[str, Totals]
    unpriced_models: tuple[str, ...]
