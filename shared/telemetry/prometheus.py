"""Metrics as Prometheus reads them: counted in files that all processes of one machine share, added up when asked.

The files are the library's own way for several processes (`PROMETHEUS_MULTIPROC_DIR`, which the local stack sets). On
Lambda there is nobody to ask one instance, and the same numbers go to CloudWatch.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from shared.telemetry.metrics import INSTRUMENTS, SECONDS, Instrument

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_NAMESPACE: Final = "namespace"


@dataclass(frozen=True, slots=True)
class Reading:
    """Something that is looked up when Prometheus asks, and not counted: a value for each set of labels."""

    name: str
    about: str
    kind: Literal["gauge", "counter"]
    values: Sequence[tuple[Mapping[str, str], float]]


class PrometheusSink:
    """The instruments as the library counts them, in this process or in the shared files."""

    def __init__(self, namespace: str) -> None:
        from prometheus_client import CollectorRegistry

        self._namespace = namespace
        self.registry: Final = CollectorRegistry()
        self._metrics = {one: _metric(one, self.registry) for one in INSTRUMENTS}
        # A series that begins when something happens for the first time hides just that from `rate`.
        for one in INSTRUMENTS:
            for labels in one.zeros:
                self._metrics[one].labels(namespace, *labels)

    def add(self, instrument: Instrument, labels: tuple[str, ...], value: float) -> None:
        from prometheus_client import Counter

        series = self._metrics[instrument].labels(self._namespace, *labels)
        if isinstance(series, Counter):
            series.inc(value)
        else:
            series.observe(value)


def exposition(sink: PrometheusSink | None, readings: Iterable[Reading], *, namespace: str) -> bytes:
    """The text that is answered: what all processes counted where they share it, else this one, and the readings."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    if sink is not None and os.environ.get(_FOLDER):
        MultiProcessCollector(registry)
    told = generate_latest(registry if sink is None or os.environ.get(_FOLDER) else sink.registry)
    looked_up = CollectorRegistry()
    looked_up.register(_Readings([_family(one, namespace) for one in readings]))
    return told + generate_latest(looked_up)


class _Readings:
    """What the library asks for its families."""

    def __init__(self, families: "list[Metric]") -> None:
        self._families = families

    def collect(self) -> "list[Metric]":
        return self._families


def _metric(instrument: Instrument, registry: "CollectorRegistry") -> "Counter | Histogram":
    from prometheus_client import Counter, Histogram

    labels = (_NAMESPACE, *instrument.labels)
    if instrument.kind == "counter":
        return Counter(instrument.name, instrument.about, labels, registry=registry)
    return Histogram(instrument.name, instrument.about, labels, registry=registry, buckets=SECONDS)


def _family(reading: Reading, namespace: str) -> "Metric":
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    names = list(reading.values[0][0]) if reading.values else []
    labels = [*names, _NAMESPACE]
    kind = GaugeMetricFamily if reading.kind == "gauge" else CounterMetricFamily
    family = kind(reading.name, reading.about, labels=labels)
    for given, value in reading.values:
        family.add_metric([*given.values(), namespace], value)
    return family
