"""Metrics for CloudWatch: one line in the embedded metric format, without a call and without names of tenants."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from aws_lambda_powertools.metrics import Metrics, MetricUnit

_NAMESPACE: Final = "Honcho"


class Metric(StrEnum):
    """What is measured. An alarm that names one breaks when it is renamed."""

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


_UNITS: Final[dict[Metric, MetricUnit]] = {
    Metric.OLDEST_PENDING_AGE: MetricUnit.Seconds,
    Metric.PENDING_ITEMS: MetricUnit.Count,
    Metric.PARKED_ITEMS: MetricUnit.Count,
    Metric.WAKE_UPS_RELAYED: MetricUnit.Count,
    Metric.UNINDEXED_CONCLUSIONS: MetricUnit.Count,
    Metric.REFUSED_CONCLUSIONS: MetricUnit.Count,
    Metric.QUOTES_VERIFIED: MetricUnit.Count,
    Metric.QUOTES_UNVERIFIED: MetricUnit.Count,
    Metric.SOFT_BUDGETS_REACHED: MetricUnit.Count,
    Metric.BUDGET_STOPS: MetricUnit.Count,
}


def emit(values: Mapping[Metric, float]) -> None:
    """Write the values to standard output, from where Lambda takes them; nothing under POWERTOOLS_METRICS_DISABLED."""
    metrics = Metrics(namespace=_NAMESPACE)
    for metric, value in values.items():
        metrics.add_metric(metric.value, _UNITS[metric], value)
    metrics.flush_metrics()
