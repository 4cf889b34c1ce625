"""A place whose models have a price: a dollar for a thousand tokens written, and for a thousand embedded."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, LiteralString

from shared.backends import Backends
from shared.domain.spending import Budget, Limit
from shared.domain.work import TaskKind, WorkUnit
from shared.memory import budgets
from shared.reasoning.derive import derive
from tests.support.backends import facts
from tests.support.scripted_model import Line
from tests.support.workplace import Row, Workplace

PRICES: Final = """
[[price]]
model = "scripted/1"
since = 2020-01-01
input = 0
output = 1000

[[price]]
model = "offline/tiny"
since = 2020-01-01
input = 1000
output = 0
"""
CALLS: LiteralString = "SELECT * FROM model_calls WHERE workspace = %(workspace)s ORDER BY at, feature, id"
# What a derivation may write at most, thinking included: 4096 + 1024 tokens.
MOST: Final = Decimal("5.12")
FACT: Final = facts(("likes tea", 1))


def priced(place: Workplace, folder: Path, **sections: Mapping[str, object]) -> Workplace:
    """The place with the prices of this module."""
    path = folder / "prices.toml"
    path.write_text(PRICES)
    return place.configured(**{"usage": {"prices_file": str(path)}, **sections})


def free_embeddings(place: Workplace, folder: Path) -> Workplace:
    """The same, but embedding costs nothing."""
    path = folder / "chat_prices.toml"
    path.write_text(PRICES.split("\n\n")[0])
    return place.configured(usage={"prices_file": str(path)})


def says_much(place: Workplace, *, session: str = "s", peer: str = "ada") -> WorkUnit:
    """Enough to be derived at once; gives the unit."""
    place.says(session, (peer, "I like tea. " * 400))
    return place.unit(session, peer)


def derives(place: Workplace, unit: WorkUnit, *script: Line) -> int:
    """Work on the unit with a model that follows `script`; gives how often it was asked."""
    backends, model = place.asks(*script)
    derive(backends, place.wake_up(unit))
    return len(model.requests)


def calls(place: Workplace) -> list[Row]:
    return place.rows(CALLS)


def features(place: Workplace) -> list[tuple[str, str]]:
    """Feature and outcome of each call."""
    return [(row["feature"], row["outcome"]) for row in calls(place)]


def limit(backends: Backends, workspace: str, *, hard: Decimal | int | None, soft: Decimal | int | None = None) -> None:
    """Give the workspace a budget for the month."""
    wanted = Limit(None if soft is None else Decimal(soft), None if hard is None else Decimal(hard))
    budgets.put(backends, workspace, Budget(month=wanted))


def indexes(place: Workplace, session: str = "s") -> WorkUnit:
    return place.unit(session, kind=TaskKind.INDEX)


def wake_ups(place: Workplace, kind: TaskKind) -> Sequence[WorkUnit]:
    """The units of a kind that were woken since somebody looked."""
    return [wake_up.unit for wake_up in place.queue.take(kind)]
