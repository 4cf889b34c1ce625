"""What tokens cost: the vendors' list prices, and those that the operator puts in their place."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.domain.errors import Invalid
from shared.domain.usage import Tokens

_OURS: Final = Path(__file__).with_name("prices.toml")
_PER: Final = Decimal(1_000_000)
# Vendors sell a snapshot of a model at the price of the model: claude-haiku-4-5-20251001, gpt-4o-2024-08-06.
_SNAPSHOT: Final = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class PricesInvalid(Invalid):
    """The file of prices cannot be read."""


class Price(BaseModel):
    """What a million tokens of a model cost from a day on, in US dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=3, pattern="/")
    since: date
    input: _Dollars
    output: _Dollars
    cached: _Dollars | None = None
    cache_write: _Dollars | None = None

    def of(self, tokens: Tokens) -> Decimal:
        """What `tokens` cost. What providers report is taken as it comes: parts may exceed their whole."""
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        plain = max(tokens.input - tokens.cached - tokens.cache_write, 0)
        read = plain * self.input + tokens.cached * cached + tokens.cache_write * written
        return (read + tokens.output * self.output) / _PER

    def at_most(self, input_tokens: int, output_tokens: int) -> Decimal:
        """What a call of at most so many tokens can cost, whatever a cache does with them."""
        dearest = max(self.input, self.cached or Decimal(0), self.cache_write or Decimal(0))
        return (input_tokens * dearest + output_tokens * self.output) / _PER


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    price: tuple[Price, ...] = ()


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of models by name (`provider/model`), each with those of earlier days."""

    known: Mapping[str, tuple[Price, ...]]

    def find(self, name: str, on: date) -> Price | None:
        """The price of a model on a day; None when nobody knows it. The offline models cost nothing of themselves."""
        rows = self.known.get(name) or self.known.get(_SNAPSHOT.sub("", name)) or self._by_pattern(name)
        begun = [row for row in rows if row.since <= on]
        if not begun and name.startswith("offline/"):
            return Price(model=name, since=date.min, input=Decimal(0), output=Decimal(0))
        return max(begun, key=lambda row: row.since, default=None)

    def _by_pattern(self, name: str) -> tuple[Price, ...]:
        # The longest pattern says most about the model.
        fitting = [model for model in self.known if "*" in model and fnmatchcase(name, model)]
        return self.known[max(fitting, key=len)] if fitting else ()


@cache
def load_prices(own_file: str | None) -> Prices:
    """Our prices, with those in `own_file` in place of all rows of the same models. Raises `PricesInvalid`."""
    ours = _by_model(_rows(_OURS))
    return Prices({**ours, **_by_model(_own(Path(own_file)))} if own_file else ours)


def _own(path: Path) -> list[Price]:
    try:
        return _rows(path)
    except PricesInvalid as error:
        raise PricesInvalid(f"USAGE_PRICES_FILE: {error}") from error


def _rows(path: Path) -> list[Price]:
    try:
        return list(_File.model_validate(tomllib.loads(path.read_text())).price)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise PricesInvalid(f"{path}: {field}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PricesInvalid(f"{path}: {reason}") from None


def _by_model(rows: Iterable[Price]) -> dict[str, tuple[Price, ...]]:
    found: defaultdict[str, list[Price]] = defaultdict(list)
    for row in rows:
        found[row.model].append(row)
    return {model: tuple(some) for model, some in found.items()}
