"""Where a function's telemetry goes: opened from the settings, emptied before the process is frozen."""

import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from shared.settings import Settings
from shared.telemetry import calls, events, logs, metrics, tracing
from shared.telemetry.cloud_events import CloudEvents
from shared.telemetry.emf import EmfSink
from shared.telemetry.event_spans import SpanEvents
from shared.telemetry.files import LocalMetrics, ReasoningTraces
from shared.telemetry.json_lines import JsonLines
from shared.telemetry.langfuse import Langfuse, LangfusePlan
from shared.telemetry.logs import logger
from shared.telemetry.measuring import SpanMeter
from shared.telemetry.otlp import Otlp
from shared.telemetry.prometheus import PrometheusSink
from shared.telemetry.sentry import Sentry, SentryPlan
from shared.telemetry.shipper import Pace

# What all of it together may hold up an answer on Lambda.
_MOST_FLUSH_S: Final = 2.0


class Outlet(Protocol):
    """Something that holds back what it was told."""

    def flush(self, seconds: float) -> None:
        """Let it go, in about so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Outlets:
    """The outlets of one function."""

    held: Sequence[Outlet] = ()
    prometheus: PrometheusSink | None = None

    def flush(self) -> None:
        """Empty them, one after the other, within the time there is for all. Never raises."""
        ends = time.monotonic() + _MOST_FLUSH_S
        for outlet in self.held:
            try:
                outlet.flush(max(ends - time.monotonic(), 0.05))
            except Exception:
                logger.exception("outlet_not_flushed", outlet=type(outlet).__name__)

    @contextmanager
    def emptied(self) -> Generator[None]:
        """At the end of an invocation: what is not sent by then may be sent much later, or never."""
        try:
            yield
        finally:
            self.flush()


NONE: Final = Outlets()


def open_outlets(settings: Settings, function: str) -> Outlets:
    """Open what the settings name, for this process and for good; log lines carry the name of the function.

    Raises `OutletMissing` for something that is chosen and not installed.
    """
    logs.configure(settings.app.log_level, function)
    held: list[Outlet] = []
    prometheus = _metrics(settings, held)
    _events(settings, held)
    _traces(settings, function, held)
    _files(settings)
    return Outlets(tuple(held), prometheus)


def _metrics(settings: Settings, held: list[Outlet]) -> PrometheusSink | None:
    """Counted for CloudWatch on Lambda, for Prometheus elsewhere. Each name there costs money, so only when wanted."""
    if not settings.metrics.enabled:
        return None
    namespace = settings.namespace("metrics")
    tracing.listen(SpanMeter())
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and "POWERTOOLS_METRICS_DISABLED" not in os.environ:
        emf = EmfSink(namespace)
        metrics.listen(emf)
        held.append(emf)
        return None
    prometheus = PrometheusSink(namespace)
    metrics.listen(prometheus)
    return prometheus


def _events(settings: Settings, held: list[Outlet]) -> None:
    chosen = settings.telemetry
    if not chosen.enabled or chosen.endpoint is None:
        return
    sink = CloudEvents(
        chosen.endpoint,
        {name: value.get_secret_value() for name, value in (chosen.headers or {}).items()},
        namespace=settings.namespace("telemetry"),
        pace=Pace(
            batch=chosen.batch_size,
            threshold=chosen.flush_threshold,
            interval_s=chosen.flush_interval_seconds,
            attempts=chosen.max_retries,
            most=chosen.max_buffer_size,
        ),
        share=chosen.high_volume_sample_rate,
    )
    events.listen(sink)
    tracing.listen(SpanEvents())
    held.append(sink)


def _traces(settings: Settings, function: str, held: list[Outlet]) -> None:
    namespace = settings.app.namespace
    otel, sentry, app = settings.otel, settings.sentry, settings.app
    if otel.enabled:
        secret = otel.exporter_otlp_headers
        headers = None if secret is None else secret.get_secret_value()
        otlp = Otlp(otel.exporter_otlp_endpoint, headers, service=otel.service_name, namespace=namespace)
        tracing.listen(otlp, is_curious=True)
        held.append(otlp)
    if sentry.enabled and sentry.dsn is not None:
        plan = SentryPlan(
            sentry.dsn.get_secret_value(),
            sentry.environment,
            sentry.release,
            sentry.traces_sample_rate,
            sentry.profiles_sample_rate,
        )
        reporter = Sentry(plan, namespace=namespace, function=function)
        tracing.listen(reporter, is_curious=True)
        held.append(reporter)
    if app.langfuse_public_key is not None and app.langfuse_secret_key is not None:
        secret = app.langfuse_secret_key.get_secret_value()
        told = Langfuse(
            LangfusePlan(app.langfuse_public_key, secret, app.langfuse_host, app.langfuse_content), namespace=namespace
        )
        calls.listen(told)
        tracing.listen(told)
        held.append(told)


def _files(settings: Settings) -> None:
    if settings.app.reasoning_traces_file is not None:
        calls.listen(ReasoningTraces(JsonLines(settings.app.reasoning_traces_file)))
    if settings.app.collect_metrics_local:
        tracing.listen(LocalMetrics(JsonLines(settings.app.local_metrics_file)))
