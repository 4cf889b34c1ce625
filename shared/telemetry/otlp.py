"""Spans over OTLP (protobuf over HTTP), through OpenTelemetry's own SDK and exporter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from shared.domain.trace import Trace
from shared.domain.version import VERSION
from shared.telemetry.missing import needed
from shared.telemetry.shipper import Loss, NotSent, Pace, Shipper
from shared.telemetry.tracing import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind

_TIMEOUT_S: Final = 5.0
_PATH: Final = "/v1/traces"
_PACKAGE: Final = "opentelemetry-exporter-otlp-proto-http"
# Spans are many and small, and the exporter tries again itself.
PACE: Final = Pace(batch=512, threshold=256, interval_s=5.0, attempts=1, most=4096)


class Otlp:
    """A span listener that exports. Spans of traces that their caller does not record are left out.

    The spans are ours from the start, so that their ids are those in the log, on the queue and on the rows; the SDK
    is given them when they are over.
    """

    def __init__(self, endpoint: str | None, headers: str | None, *, service: str, namespace: str) -> None:
        with needed(_PACKAGE, "OTEL_ENABLED"):
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._resource = Resource.create(
            {"service.name": service, "service.namespace": namespace, "service.version": VERSION}
        )
        self._scope = InstrumentationScope("honcho-serverless", VERSION)
        self._exporter = OTLPSpanExporter(
            endpoint=None if endpoint is None else traces_address(endpoint),
            headers=headers_of(headers) or None,
            timeout=_TIMEOUT_S,
        )
        self._shipper: Shipper[Span] = Shipper("otlp", self._send, PACE, _lost)

    def began(self, span: Span) -> None:
        """Only what is over is exported."""

    def ended(self, span: Span) -> None:
        if span.trace.is_sampled:
            self._shipper.put(span)

    def flush(self, seconds: float) -> None:
        self._shipper.flush(seconds)

    def _send(self, spans: Sequence[Span]) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        if self._exporter.export([self._readable(span) for span in spans]) is not SpanExportResult.SUCCESS:
            raise NotSent("not exported")

    def _readable(self, span: Span) -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import Link, SpanKind, Status, StatusCode

        parent = None if span.parent_id is None else Trace(span.trace.trace_id, span.parent_id)
        is_first = span.entry is span and span.name != "unit"
        attributes = {f"honcho.{name}": value for name, value in span.attributes.items()}
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace, is_remote=False),
            parent=None if parent is None else _context(parent, is_remote=is_first),
            resource=self._resource,
            attributes=attributes if span.error is None else {**attributes, "error.type": span.error},
            links=[Link(_context(link, is_remote=True)) for link in span.links],
            kind=_kind(span, SpanKind),
            status=Status(StatusCode.UNSET if span.error is None else StatusCode.ERROR),
            start_time=span.started_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


def _kind(span: Span, kinds: type["SpanKind"]) -> "SpanKind":
    match span.name:
        case "request":
            return kinds.SERVER
        case "wake_up":
            return kinds.CONSUMER
        case "model_call" | "embedding_call" | "vector_call" | "statements":
            return kinds.CLIENT
        case _:
            return kinds.INTERNAL


def _context(trace: Trace, *, is_remote: bool) -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), is_remote, TraceFlags(int(trace.is_sampled)))


def traces_address(endpoint: str) -> str:
    """Where a collector of that base address takes spans; whoever names the place itself is understood, too."""
    return endpoint.removesuffix("/").removesuffix(_PATH) + _PATH


def headers_of(said: str | None) -> dict[str, str]:
    """`name=value` pairs with commas between them, as the standard variable has them."""
    pairs = (pair.partition("=") for pair in (said or "").split(",") if "=" in pair)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _lost(reason: Loss, count: int) -> None:
    # Said by the shipper's log line; a trace with a hole shows itself.
    del reason, count
