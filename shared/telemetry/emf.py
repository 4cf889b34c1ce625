"""Metrics of one invocation for CloudWatch, in the embedded metric format: lines on standard output, no call."""

from collections import defaultdict
from threading import Lock
from typing import Final

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from shared.telemetry.metrics import NAMESPACE, Instrument

# What one line of the format may hold of one metric.
_MOST_VALUES: Final = 100


class EmfSink:
    """Adds up until `flush` writes: one line for each set of labels, since a line has one set of dimensions."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._values: dict[tuple[Instrument, tuple[str, ...]], list[float]] = defaultdict(list)
        self._lock = Lock()

    def add(self, instrument: Instrument, labels: tuple[str, ...], value: float) -> None:
        with self._lock:
            found = self._values[instrument, labels]
            if instrument.kind == "counter" and found:
                found[0] += value
            elif len(found) < _MOST_VALUES:
                found.append(value)

    def flush(self, seconds: float) -> None:
        """Before Lambda freezes the process: what is not written then may never be."""
        with self._lock:
            values, self._values = self._values, defaultdict(list)
        lines: dict[tuple[tuple[str, str], ...], EphemeralMetrics] = {}
        for (instrument, labels), measured in values.items():
            # CloudWatch takes no dimension without a value.
            named = tuple((name, value or "-") for name, value in zip(instrument.labels, labels, strict=True))
            line = lines.setdefault(named, EphemeralMetrics(namespace=NAMESPACE))
            unit = MetricUnit.Seconds if instrument.kind == "histogram" else MetricUnit.Count
            for value in measured:
                line.add_metric(instrument.name, unit, value)
        for named, line in lines.items():
            line.add_dimension("namespace", self._namespace)
            for name, value in named:
                line.add_dimension(name, value)
            line.flush_metrics()
