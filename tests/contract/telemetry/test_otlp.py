"""Spans through OpenTelemetry's SDK to a collector that speaks OTLP: protobuf over HTTP."""

import gzip
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.domain.trace import Trace
from shared.telemetry import tracing
from shared.telemetry.otlp import Otlp
from tests.support.listener import Listener

CAUSE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
OTHER = Trace("a3ce929d0e0e47364bf92f3577b34da6", "b7ad6b7169203331")


@pytest.fixture
def collector() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


@pytest.fixture
def otlp(collector: Listener) -> Iterator[Otlp]:
    exporter = Otlp(f"http://127.0.0.1:{collector.port}", "x-key=k, x-other=o", service="honcho", namespace="acme")
    tracing.listen(exporter)
    yield exporter
    tracing.unlisten(exporter)


def exported(collector: Listener) -> dict[str, Any]:
    """The spans that arrived, by name."""
    found: dict[str, Any] = {}
    for received in collector.received:
        assert received.path == "/v1/traces"
        assert received.headers["content-type"] == "application/x-protobuf"
        body = gzip.decompress(received.body) if received.headers.get("content-encoding") == "gzip" else received.body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                found |= {span.name: span for span in scope.spans}
    return found


def attributes(span: Any) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_spans_arrive_with_our_ids_parents_links_and_attributes(otlp: Otlp, collector: Listener):
    with (
        tracing.entry("unit", CAUSE, {"kind": "derive", "items": 2}, links=[OTHER]) as unit,
        tracing.span("model_call", model="m-1", cost=0.5) as call,
    ):
        pass
    otlp.flush(10)
    found = exported(collector)
    outer, inner = found["unit"], found["model_call"]
    assert outer.trace_id.hex() == inner.trace_id.hex() == CAUSE.trace_id
    assert (outer.span_id.hex(), outer.parent_span_id.hex()) == (unit.trace.span_id, CAUSE.span_id)
    assert (inner.span_id.hex(), inner.parent_span_id.hex()) == (call.trace.span_id, unit.trace.span_id)
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in outer.links] == [(OTHER.trace_id, OTHER.span_id)]
    assert attributes(outer) == {"honcho.kind": "derive", "honcho.items": 2}
    assert attributes(inner) == {"honcho.model": "m-1", "honcho.cost": 0.5}
    assert outer.start_time_unix_nano <= inner.start_time_unix_nano <= inner.end_time_unix_nano
    assert inner.end_time_unix_nano <= outer.end_time_unix_nano
    assert collector.received[0].headers["x-key"] == "k"
    assert collector.received[0].headers["x-other"] == "o"


def test_span_that_failed_shows_the_class_and_never_the_text(otlp: Otlp, collector: Listener):
    with pytest.raises(ValueError, match="diary"), tracing.entry("request", None, {}):
        raise ValueError("secret diary")
    otlp.flush(10)
    span = exported(collector)["request"]
    assert span.status.code == 2
    assert (span.status.message, list(span.events)) == ("", [])
    assert attributes(span)["error.type"] == "ValueError"
    assert b"diary" not in collector.received[0].body


def test_trace_that_its_caller_does_not_record_is_not_exported(otlp: Otlp, collector: Listener):
    with tracing.entry("request", Trace(CAUSE.trace_id, CAUSE.span_id, is_sampled=False), {}):
        pass
    otlp.flush(10)
    assert collector.received == []


def test_collector_that_hangs_or_is_gone_holds_nobody_up(otlp: Otlp, collector: Listener):
    collector.gate = threading.Event()
    began = time.monotonic()
    with tracing.entry("request", None, {}):
        pass
    otlp.flush(0.05)
    # Far below the exporter's own patience.
    assert time.monotonic() - began < 4
    collector.gate.set()


def test_service_is_called_what_the_operator_says(otlp: Otlp, collector: Listener):
    with tracing.entry("request", None, {}):
        pass
    otlp.flush(10)
    [resource] = ExportTraceServiceRequest.FromString(collector.received[0].body).resource_spans
    named = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert (named["service.name"], named["service.namespace"]) == ("honcho", "acme")
