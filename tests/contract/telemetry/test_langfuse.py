"""Calls of models through Langfuse's SDK to a server that takes what it sends: OTLP with its own attributes."""

import base64
import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.domain.errors import ModelUnavailable
from shared.domain.trace import Trace
from shared.llm.heard import HeardModel
from shared.llm.types import Completion, Reply, SystemTurn, Usage, UserTurn
from shared.telemetry import calls, tracing
from shared.telemetry.langfuse import Langfuse, LangfusePlan
from tests.support.listener import Listener
from tests.support.scripted_model import ScriptedModel

CAUSE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
REQUEST = Completion((SystemTurn("Be brief."), UserTurn("Where is ada?")), "dialectic", 100)
REPLY = Reply("In Porto.", usage=Usage(12, 3, 4), model="m-1")


@contextmanager
def told(server: Listener, key: str, *, content: bool = False) -> Iterator[Langfuse]:
    """Langfuse listening; each test has a key of its own, since the SDK keeps one client for each."""
    plan = LangfusePlan(key, "sk", f"http://127.0.0.1:{server.port}", content)
    listener = Langfuse(plan, namespace="acme")
    calls.listen(listener)
    tracing.listen(listener)
    try:
        yield listener
    finally:
        calls.unlisten(listener)
        tracing.unlisten(listener)


@pytest.fixture
def server() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


def observations(server: Listener) -> list[tuple[Any, dict[str, Any]]]:
    """The spans that arrived, each with its attributes, in the order they ended."""
    found: list[tuple[Any, dict[str, Any]]] = []
    for received in server.received:
        assert received.path == "/api/public/otel/v1/traces"
        body = gzip.decompress(received.body) if received.headers.get("content-encoding") == "gzip" else received.body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    pairs = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
                    found.append((span, pairs))
    return found


def asks(*script: Reply | Exception) -> None:
    with tracing.entry("unit", CAUSE, {"workspace": "w", "kind": "derive"}):
        with tracing.span("tool_call", tool="search_memory"):
            pass
        model = HeardModel(ScriptedModel(script))
        for line in script:
            if isinstance(line, Exception):
                with pytest.raises(type(line)):
                    model.complete(REQUEST)
            else:
                model.complete(REQUEST)


def test_run_arrives_with_its_calls_and_no_content(server: Listener):
    with told(server, "pk-1") as langfuse:
        asks(REPLY)
        langfuse.flush(10)
    found = {span.name: (span, about) for span, about in observations(server)}
    run, of_run = found["unit"]
    generation, about = found["dialectic"]
    tool, _ = found["search_memory"]
    assert {span.trace_id.hex() for span in (run, generation, tool)} == {CAUSE.trace_id}
    assert generation.parent_span_id == run.span_id
    assert tool.parent_span_id == run.span_id
    assert about["langfuse.observation.type"] == "generation"
    assert about["langfuse.observation.model.name"] == "1"
    usage = json.loads(about["langfuse.observation.usage_details"])
    assert usage == {"input": 8, "input_cached_tokens": 4, "output": 3}
    assert of_run["user.id"] == "acme"
    assert server.received[0].headers["authorization"] == "Basic " + base64.b64encode(b"pk-1:sk").decode()
    sent = b"".join(gzip.decompress(one.body) for one in server.received)
    assert b"Where is" not in sent
    assert b"Porto" not in sent
    assert b"Be brief" not in sent


def test_content_is_sent_when_the_operator_says_so(server: Listener):
    with told(server, "pk-2", content=True) as langfuse:
        asks(REPLY)
        langfuse.flush(10)
    [about] = [about for span, about in observations(server) if span.name == "dialectic"]
    assert "Where is ada?" in about["langfuse.observation.input"]
    assert "In Porto." in about["langfuse.observation.output"]


def test_call_that_fails_is_an_error_without_its_text(server: Listener):
    with told(server, "pk-3") as langfuse:
        asks(ModelUnavailable("ada's diary"))
        langfuse.flush(10)
    [about] = [about for span, about in observations(server) if span.name == "dialectic"]
    assert about["langfuse.observation.level"] == "ERROR"
    assert about["langfuse.observation.status_message"] == "ModelUnavailable"
    assert b"diary" not in b"".join(gzip.decompress(one.body) for one in server.received)


def test_server_that_hangs_holds_nobody_up_and_is_left_alone(server: Listener):
    server.gate = threading.Event()
    with told(server, "pk-4") as langfuse:
        asks(REPLY)
        began = time.monotonic()
        langfuse.flush(0.05)
        langfuse.flush(30)
        assert time.monotonic() - began < 4
    server.gate.set()
