"""The cost meter: each call of a model that a piece of work makes is noted, and paid for from its budget.

    with metered(backends, workspace) as own:
        verb(own, …)

Whatever `verb` asks of `own.models`, however deep, is on the tab. It is written by the statements that `verb` lends
the tab (`own.tab.riding()`), so that it commits with what it was for; what is left is written at the end. Where there
is a budget each call is paid for by itself: reserved before, settled after, each in a statement of its own.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from shared.backends import Backends, EmbeddingTranslator, Models
from shared.domain.clock import iso_z
from shared.domain.dream import Specialist
from shared.domain.errors import BudgetExhausted
from shared.domain.ids import CANARY_WORKSPACE, new_id
from shared.domain.spending import Budget, end_of
from shared.domain.usage import ModelCall, Tokens
from shared.domain.vector import EmbeddingSpace
from shared.llm.metered import Planned, Report, metered_chat, metered_embedder
from shared.llm.metered import Ticket as Ticket
from shared.llm.prices import Price, load_prices
from shared.llm.provider import ChatModel, Embedder
from shared.memory.webhooks import announce_soft_limit
from shared.settings.models import ReasoningLevel
from shared.store import budgets, calls
from shared.store.budgets import Crossing, Decision, Wish
from shared.telemetry.logs import logger
from shared.telemetry.metrics import Metric, emit
from shared.vectors.spaced import SpacedIndex

QUERY: Final = "embed_query"
INDEX: Final = "embed_index"
# A model without a price is looked at again when somebody may have given it one.
_PRICE_PAUSE: Final = timedelta(hours=1)


@contextmanager
def metered(
    backends: Backends,
    workspace: str,
    *,
    run: str | None = None,
    embedding: str = QUERY,
    has_budget: bool | None = None,
) -> Generator[Backends]:
    """The backends with models that are on a tab of the workspace, which is settled in the end, come what may.

    Inside of another one this is a part of it. `run` names what the calls are for, `embedding` the feature that embeds;
    `has_budget` says whether the workspace has one of its own, where that is known already.
    """
    # What we ask in order to watch ourselves is no tenant's.
    is_ours = workspace == CANARY_WORKSPACE
    if isinstance(backends.tab, RunningTab) or not backends.settings.usage.enabled or is_ours:
        yield backends
        return
    tab = RunningTab(backends, workspace, run or new_id(), has_budget)
    try:
        models, vectors = MeteredModels(backends.models, tab, embedding), backends.vectors
        if isinstance(vectors, SpacedIndex):
            # What is made for a second space is for indexing, whoever asks.
            indexing = MeteredModels(backends.models, tab, INDEX)
            vectors = vectors.translating(EmbeddingTranslator(backends.settings, indexing))
        yield replace(backends, models=models, vectors=vectors, tab=tab)
    finally:
        tab.close()


def querying(backends: Backends) -> Backends:
    """The same backends for looking things up: what they embed is a query."""
    models = backends.models
    return replace(backends, models=models.querying()) if isinstance(models, MeteredModels) else backends


def usual_budget(backends: Backends) -> Budget:
    """The budget of workspaces that have none of their own."""
    return backends.settings.budget.as_budget()


class MeteredModels:
    """The models by feature, each of which is metered as such."""

    def __init__(self, models: Models, tab: "RunningTab", embedding: str) -> None:
        self._models, self._tab, self._embedding = models, tab, embedding

    def querying(self) -> "MeteredModels":
        return MeteredModels(self._models, self._tab, QUERY)

    def deriver(self) -> ChatModel:
        return metered_chat(self._models.deriver(), _Line(self._tab, "derive"))

    def summary(self) -> ChatModel:
        return metered_chat(self._models.summary(), _Line(self._tab, "summary"))

    def dialectic(self, level: ReasoningLevel) -> ChatModel:
        return metered_chat(self._models.dialectic(level), _Line(self._tab, f"dialectic_{level}"))

    def dream(self, specialist: Specialist) -> ChatModel:
        return metered_chat(self._models.dream(specialist), _Line(self._tab, f"dream_{specialist}"))

    def embedder(self) -> Embedder:
        return metered_embedder(self._models.embedder(), _Line(self._tab, self._embedding))

    def embedder_in(self, space: EmbeddingSpace) -> Embedder:
        return metered_embedder(self._models.embedder_in(space), _Line(self._tab, self._embedding))


class RunningTab:
    """The calls of one piece of work. Its parts may make them at the same time."""

    def __init__(self, backends: Backends, workspace: str, run: str, has_budget: bool | None) -> None:
        self.backends, self.workspace, self.run = backends, workspace, run
        self.usual = usual_budget(backends)
        self._has_budget = has_budget
        self._lock = threading.Lock()
        self._unwritten: list[ModelCall] = []

    @contextmanager
    def riding(self) -> Generator[tuple[ModelCall, ...]]:
        if self._unwritten and self.is_budgeted():
            # What could not be charged at once must be charged yet, and riding charges nothing.
            yield ()
            return
        with self._lock:
            taken, self._unwritten = tuple(self._unwritten), []
        try:
            yield taken
        except BaseException:
            # Perhaps it is written all the same: a call has an id, and is written once.
            self.add(*taken)
            raise

    def add(self, *made: ModelCall) -> None:
        with self._lock:
            self._unwritten += made

    def is_budgeted(self) -> bool:
        if self._has_budget is None and not self.usual:
            self._has_budget = self.backends.known_budgets.include(self.backends.db, self.workspace)
        return bool(self.usual) or bool(self._has_budget)

    def close(self) -> None:
        """Write what nobody has written; what cannot be is at least in the log."""
        with self._lock:
            left, self._unwritten = self._unwritten, []
        if not left:
            return
        try:
            self._write(left)
        except Exception:
            logger.exception("model_calls_not_noted", workspace=self.workspace, calls=calls.given(left))

    def settle(self, call: ModelCall) -> None:
        """Charge a call at once. What fails is written with the rest, and its reservation expires."""
        try:
            self._write([call])
        except Exception:
            logger.exception("model_call_not_settled", workspace=self.workspace, call=call.id)
            self.add(call)

    def _write(self, made: Sequence[ModelCall]) -> None:
        db, now = self.backends.db, self.backends.clock.now()
        if not self.is_budgeted():
            with db.reading() as conn:
                calls.note(conn, self.workspace, made)
            return
        with db.reading() as conn:
            crossed = budgets.settle(conn, self.workspace, made, self.usual, now=now)
        for crossing in crossed:
            _tell(self.backends, self.workspace, crossing)


@dataclass(frozen=True, slots=True)
class _Line:
    """The meter of one feature on a tab."""

    tab: RunningTab
    feature: str

    def begins(self, planned: Planned) -> Ticket:
        prices = load_prices(self.tab.backends.settings.usage.prices_file)
        price = prices.find(planned.model, self.tab.backends.clock.now().date())
        call = _Under(self, new_id(), planned.model, price, self.tab.is_budgeted())
        if call.is_budgeted:
            _reserve(self.tab, call, planned)
        return call


@dataclass(frozen=True, slots=True)
class _Under:
    """A call under way."""

    line: _Line
    id: str
    model: str
    price: Price | None
    is_budgeted: bool

    def ended(self, report: Report) -> None:
        tab = self.line.tab
        provider, _, model = self.model.partition("/")
        call = ModelCall(
            id=self.id,
            run=tab.run,
            at=tab.backends.clock.now(),
            feature=self.line.feature,
            provider=provider,
            model=model,
            outcome=report.outcome,
            tokens=report.tokens,
            latency_ms=report.latency_ms,
            usd=_cost(self.price, report.tokens),
            error=report.error,
        )
        if self.is_budgeted:
            tab.settle(call)
        else:
            tab.add(call)


def _cost(price: Price | None, spent: Tokens) -> Decimal | None:
    if spent == Tokens():
        return Decimal(0)
    return None if price is None else price.of(spent)


def _reserve(tab: RunningTab, call: _Under, planned: Planned) -> None:
    """Keep what the call may cost out of everybody else's reach. Raises `BudgetExhausted`."""
    most = None if call.price is None else call.price.at_most(planned.most_input(), planned.most_output)
    if most == 0:
        return
    now = tab.backends.clock.now()
    wish = Wish(call.id, most, now + timedelta(seconds=planned.longest_s))
    with tab.backends.db.reading() as conn:
        decision = budgets.reserve(conn, tab.workspace, wish, tab.usual, now=now)
    if decision.is_granted:
        return
    logger.warning("budget_exhausted", workspace=tab.workspace, feature=call.line.feature, period=decision.lacking)
    emit({Metric.BUDGET_STOPS: 1})
    if most is None:
        raise BudgetExhausted(
            f"the workspace has a hard budget, and {call.model} has no price: give it one in USAGE_PRICES_FILE",
            until=now + _PRICE_PAUSE,
            needed=None,
        )
    raise _refusal(tab, decision, most)


def _refusal(tab: RunningTab, decision: Decision, most: Decimal) -> BudgetExhausted:
    until = end_of(decision.lacking, tab.backends.clock.now())
    left = f"the budget of {decision.limit.normalize():f} US dollars per {decision.lacking} has no room for this call"
    return BudgetExhausted(f"{left}; it begins anew at {iso_z(until)}", until=until, needed=most)


def _tell(backends: Backends, workspace: str, crossing: Crossing) -> None:
    """Say that a soft limit is reached: in the log, as a metric, and to the workspace's endpoints."""
    spent, limit = round(float(crossing.spent), 6), float(crossing.limit)
    logger.warning("soft_budget_reached", workspace=workspace, period=crossing.kind, spent_usd=spent, limit_usd=limit)
    emit({Metric.SOFT_BUDGETS_REACHED: 1})
    announce_soft_limit(
        backends,
        workspace,
        {
            "period": crossing.kind,
            "spent_usd": spent,
            "soft_usd": limit,
            "resets_at": iso_z(end_of(crossing.kind, backends.clock.now())),
        },
    )
