"""What AWS asks for: the dated table in `prices.toml`."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).with_name("prices.toml")
FROM_MEMORY: Final = "memory"


@dataclass(frozen=True, slots=True)
class AwsPrice:
    """One price: dollars for a `unit`; `free` of these units cost nothing each month."""

    key: str
    service: str
    unit: str
    usd: float
    source: str
    seen: date
    free: float = 0.0
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The prices by key, and the types of resources that have none."""

    prices: dict[str, AwsPrice]
    free_types: frozenset[str]

    def unpriced(self, types: set[str]) -> set[str]:
        """Those types that neither cost something here nor are known to cost nothing."""
        return types - self.free_types - {one for price in self.prices.values() for one in price.types}


@cache
def price_table() -> PriceTable:
    """The table as it is in the tree."""
    document = tomllib.loads(_TABLE.read_text())
    rows = [AwsPrice(types=tuple(row.pop("types", ())), **row) for row in document["price"]]
    return PriceTable({row.key: row for row in rows}, frozenset(document["free"]["types"]))
