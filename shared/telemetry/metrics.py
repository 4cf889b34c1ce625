"""Metrics: what is counted and measured, by which labels, and where it goes. Never with the name of a tenant.

Names are those of the v3 documentation where it has one. `namespace` is a label there; names of workspaces, which it
also has, are none here: /metrics is open to everybody, and each name would be a series for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol, TypeAlias

from aws_lambda_powertools.metrics import Metrics, MetricUnit

NAMESPACE: Final = "Honcho"

Kind: TypeAlias = Literal["counter", "histogram"]
LEVELS: Final = ("minimal", "low", "medium", "high", "max")
TASKS: Final = ("representation", "summary")
KINDS: Final = ("derive", "dream", "erase", "summary", "index", "forget", "scope", "webhook")
ENDINGS: Final = ("finished", "put_off", "parked", "lost", "interrupted")
SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One metric. A label has the values it can have, or None where that is open."""

    name: str
    about: str
    labels: Mapping[str, tuple[str, ...] | None]
    kind: Kind = "counter"

    @property
    def zeros(self) -> list[tuple[str, ...]]:
        """Every combination of the known values; none where one of the labels is open."""
        found: list[tuple[str, ...]] = [()]
        for values in self.labels.values():
            found = [(*head, value) for head in found for value in values or ()]
        return found


API_REQUESTS: Final = Instrument(
    "api_requests", "Requests answered.", {"method": None, "endpoint": None, "status_code": None}
)
API_SECONDS: Final = Instrument(
    "api_request_duration_seconds", "How long requests took.", {"method": None, "endpoint": None}, "histogram"
)
MESSAGES_CREATED: Final = Instrument("messages_created", "Messages recorded.", {})
DIALECTIC_CALLS: Final = Instrument("dialectic_calls", "Questions answered.", {"reasoning_level": LEVELS})
DIALECTIC_TOKENS: Final = Instrument(
    "dialectic_tokens_processed",
    "Tokens of answering questions.",
    {"token_type": ("input", "output"), "component": ("total",), "reasoning_level": LEVELS},
)
DERIVER_ITEMS: Final = Instrument(
    "deriver_queue_items_processed", "Items finished by the workers of messages.", {"task_type": TASKS}
)
DERIVER_TOKENS: Final = Instrument(
    "deriver_tokens_processed",
    "Tokens of reading messages; what of an input is not messages is the prompt.",
    {"task_type": ("ingestion", "summary"), "token_type": None, "component": None},
)
DREAMER_TOKENS: Final = Instrument(
    "dreamer_tokens_processed",
    "Tokens of dreams.",
    {"specialist_name": ("deduction", "induction", "card"), "token_type": ("input", "output")},
)
EVENTS_EMITTED: Final = Instrument("telemetry_events_emitted", "Events sent.", {"type": None})
EVENTS_SAMPLED_OUT: Final = Instrument("telemetry_events_sampled_out", "Events left out on purpose.", {"type": None})
EVENTS_DROPPED: Final = Instrument(
    "telemetry_events_dropped", "Events lost.", {"reason": ("buffer_full", "send_failed")}
)
WORK_ATTEMPTS: Final = Instrument("work_attempts", "Attempts at windows of work.", {"kind": KINDS, "outcome": ENDINGS})
WORK_SECONDS: Final = Instrument("work_seconds", "How long attempts took.", {"kind": KINDS}, "histogram")
MODEL_CALLS: Final = Instrument(
    "model_calls", "Calls of chat models, each attempt.", {"purpose": None, "provider": None, "outcome": None}
)
MODEL_SECONDS: Final = Instrument("model_call_seconds", "How long they took.", {"purpose": None}, "histogram")
EMBEDDING_CALLS: Final = Instrument("embedding_calls", "Calls of embedding models.", {"outcome": ("success", "error")})

INSTRUMENTS: Final = (
    API_REQUESTS,
    API_SECONDS,
    MESSAGES_CREATED,
    DIALECTIC_CALLS,
    DIALECTIC_TOKENS,
    DERIVER_ITEMS,
    DERIVER_TOKENS,
    DREAMER_TOKENS,
    EVENTS_EMITTED,
    EVENTS_SAMPLED_OUT,
    EVENTS_DROPPED,
    WORK_ATTEMPTS,
    WORK_SECONDS,
    MODEL_CALLS,
    MODEL_SECONDS,
    EMBEDDING_CALLS,
)


class MetricSink(Protocol):
    """Where measurements go. Labels come in the order of the instrument's. Must be quick, and not raise."""

    def add(self, instrument: Instrument, labels: tuple[str, ...], value: float) -> None: ...


_SINKS: Final[list[MetricSink]] = []


def listen(sink: MetricSink) -> None:
    _SINKS.append(sink)


def unlisten(sink: MetricSink) -> None:
    _SINKS.remove(sink)


def measure(instrument: Instrument, value: float = 1, *labels: str) -> None:
    """Add to a counter, or one observation to a histogram; `labels` in the order of the instrument's."""
    for sink in _SINKS:
        sink.add(instrument, labels, value)


class Metric(StrEnum):
    """What alarms look at, measured whether or not anybody wants the rest. One that is renamed breaks its alarm."""

    OLDEST_PENDING_AGE = "oldest_pending_age_seconds"
    PENDING_ITEMS = "pending_items"
    PARKED_ITEMS = "parked_items"
    WAKE_UPS_RELAYED = "wake_ups_relayed"
    UNINDEXED_CONCLUSIONS = "unindexed_conclusions"
    REFUSED_CONCLUSIONS = "conclusions_refused_by_index"
    QUOTES_VERIFIED = "quotes_verified"
    QUOTES_UNVERIFIED = "quotes_unverified"
    SOFT_BUDGETS_REACHED = "soft_budgets_reached"
    BUDGET_STOPS = "budget_stops"
    CANARY_OK = "canary_ok"
    CANARY_AGE = "canary_age_seconds"


def emit(values: Mapping[Metric, float]) -> None:
    """Write the values to standard output, from where Lambda takes them; nothing under POWERTOOLS_METRICS_DISABLED."""
    metrics = Metrics(namespace=NAMESPACE)
    for metric, value in values.items():
        unit = MetricUnit.Seconds if metric.endswith("_seconds") else MetricUnit.Count
        metrics.add_metric(metric.value, unit, value)
    metrics.flush_metrics()
