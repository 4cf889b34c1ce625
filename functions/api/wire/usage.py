"""Usage and budgets on the wire. Of our own: Honcho has no such thing."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from functions.api.wire.fields import Moment, Wire
from shared.domain.spending import Budget, Limit, is_soft_reached, lacking_room
from shared.domain.usage import Grouping, Totals, Usage
from shared.memory.budgets import Standing

# JSON has no decimals: what is summed exactly is shown to a billionth of a dollar.
_DIGITS = 9
Dollars = Annotated[Decimal | None, Field(default=None, ge=0, le=1_000_000_000, allow_inf_nan=False)]


class UsageTotals(Wire):
    """Calls together. `cost_usd` leaves out the calls that have no price: they are `unpriced_calls`."""

    calls: int
    failed_calls: int
    unpriced_calls: int
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    thinking_tokens: int
    mean_latency_ms: int
    cost_usd: float

    @classmethod
    def of(cls, found: Totals) -> Self:
        return cls.model_validate(_fields(found))


class UsageGroup(UsageTotals):
    """The calls of one day, feature or model."""

    key: str

    @classmethod
    def at(cls, key: str, found: Totals) -> Self:
        return cls.model_validate({"key": key, **_fields(found)})


class PeriodBudget(Wire):
    """The limits of a day or month; null: none."""

    soft_usd: float | None
    hard_usd: float | None
    spent_usd: float
    resets_at: Moment

    @classmethod
    def of(cls, limit: Limit, spent: Decimal, ends: Moment) -> Self:
        return cls(
            soft_usd=None if limit.soft is None else float(limit.soft),
            hard_usd=None if limit.hard is None else float(limit.hard),
            spent_usd=dollars(spent),
            resets_at=ends,
        )


class WorkspaceBudget(Wire):
    """The budget in force, and where the workspace stands. `reserved_usd` is the most that calls under way can cost."""

    is_own: bool
    day: PeriodBudget
    month: PeriodBudget
    reserved_usd: float
    is_soft_reached: bool
    is_hard_reached: bool

    @classmethod
    def of(cls, found: Standing) -> Self:
        budget, spent = found.budget, found.spent
        return cls(
            is_own=found.is_own,
            day=PeriodBudget.of(budget.day, spent.day, found.ends("day")),
            month=PeriodBudget.of(budget.month, spent.month, found.ends("month")),
            reserved_usd=dollars(spent.reserved),
            is_soft_reached=is_soft_reached(budget, spent),
            is_hard_reached=lacking_room(budget, spent, Decimal(10) ** -_DIGITS) is not None,
        )


class UsageReport(Wire):
    """What calls of models took and cost from `from` until before `to`. `unpriced_models` are missing in the cost."""

    workspace_id: str
    since: Moment = Field(serialization_alias="from")
    until: Moment = Field(serialization_alias="to")
    group_by: Grouping
    total: UsageTotals
    groups: list[UsageGroup]
    unpriced_models: list[str]
    budget: WorkspaceBudget | None

    @classmethod
    def of(cls, workspace: str, found: Usage, by: Grouping, standing: Standing) -> Self:
        return cls(
            workspace_id=workspace,
            since=found.since,
            until=found.until,
            group_by=by,
            total=UsageTotals.of(found.total),
            groups=[UsageGroup.at(key, sums) for key, sums in found.groups.items()],
            unpriced_models=list(found.unpriced_models),
            budget=WorkspaceBudget.of(standing) if standing.budget else None,
        )


# A slip in a name must not put no limit in the place of one.
_EXACT = ConfigDict(frozen=True, defer_build=True, extra="forbid")


class LimitChange(Wire):
    """The limits of a day or month, in US dollars; null or left out: none."""

    model_config = _EXACT

    soft_usd: Dollars
    hard_usd: Dollars


class BudgetChange(Wire):
    """A workspace's own budget, whole: what is left out has no limit. Other names are refused."""

    model_config = _EXACT

    day: LimitChange = Field(default_factory=lambda: LimitChange.model_validate({}))
    month: LimitChange = Field(default_factory=lambda: LimitChange.model_validate({}))

    def wanted(self) -> Budget:
        return Budget(Limit(self.day.soft_usd, self.day.hard_usd), Limit(self.month.soft_usd, self.month.hard_usd))


def dollars(amount: Decimal) -> float:
    return round(float(amount), _DIGITS)


def _fields(found: Totals) -> dict[str, int | float]:
    return {
        "calls": found.calls,
        "failed_calls": found.failed_calls,
        "unpriced_calls": found.unpriced_calls,
        "input_tokens": found.tokens.input,
        "cached_tokens": found.tokens.cached,
        "cache_write_tokens": found.tokens.cache_write,
        "output_tokens": found.tokens.output,
        "thinking_tokens": found.tokens.thinking,
        "mean_latency_ms": found.mean_latency_ms,
        "cost_usd": dollars(found.usd),
    }
