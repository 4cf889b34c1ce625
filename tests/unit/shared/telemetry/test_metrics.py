"""What is counted, and how Prometheus and CloudWatch are told."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.bootstrap import ROOT
from shared.domain.trace import Trace
from shared.telemetry import metrics, tracing
from shared.telemetry.emf import EmfSink
from shared.telemetry.measuring import SpanMeter
from shared.telemetry.metrics import measure
from shared.telemetry.prometheus import PrometheusSink, Reading, exposition

CAUSE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
# In a process of its own, as every function is: counts, and tells when it has.
COUNTS = """
import sys
from shared.telemetry import metrics
from shared.telemetry.prometheus import PrometheusSink
metrics.listen(PrometheusSink("acme"))
metrics.measure(metrics.MESSAGES_CREATED, float(sys.argv[1]))
"""


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrometheusSink]:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    sink, meter = PrometheusSink("acme"), SpanMeter()
    metrics.listen(sink)
    tracing.listen(meter)
    yield sink
    tracing.unlisten(meter)
    metrics.unlisten(sink)


def told(sink: PrometheusSink | None, *readings: Reading) -> dict[str, float]:
    """The series of the exposition."""
    lines = exposition(sink, readings, namespace="acme").decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_series_that_are_known_begin_at_zero(counted: PrometheusSink):
    series = told(counted)
    assert series['messages_created_total{namespace="acme"}'] == 0
    assert series['dialectic_calls_total{namespace="acme",reasoning_level="max"}'] == 0
    assert series['deriver_queue_items_processed_total{namespace="acme",task_type="summary"}'] == 0
    assert series['telemetry_events_dropped_total{namespace="acme",reason="buffer_full"}'] == 0
    assert series['work_attempts_total{kind="dream",namespace="acme",outcome="parked"}'] == 0
    assert not [name for name in series if name.startswith("api_requests")]


def test_request_is_counted_by_its_route_and_timed(counted: PrometheusSink):
    with tracing.entry("request", CAUSE, {"method": "GET"}) as span:
        span.attributes |= {"route": "/v3/workspaces/{workspace_id}", "status": 404}
    series = told(counted)
    labels = 'endpoint="/v3/workspaces/{workspace_id}",method="GET",namespace="acme"'
    assert series[f'api_requests_total{{{labels},status_code="404"}}'] == 1
    bucket = 'endpoint="/v3/workspaces/{workspace_id}",le="120.0",method="GET",namespace="acme"'
    assert series[f"api_request_duration_seconds_bucket{{{bucket}}}"] == 1


def test_window_is_counted_with_its_tokens_told_apart(counted: PrometheusSink):
    with tracing.entry("unit", CAUSE, {"kind": "derive", "items": 3, "tokens": 40}) as span:
        span.attributes |= {"outcome": "finished", "input_tokens": 100, "output_tokens": 7}
    with tracing.entry("unit", CAUSE, {"kind": "summary", "items": 1, "tokens": 0}) as span:
        span.attributes |= {"outcome": "put_off", "input_tokens": 0, "output_tokens": 0}
    series = told(counted)
    tokens = 'deriver_tokens_processed_total{{component="{}",namespace="acme",task_type="ingestion",token_type="{}"}}'
    assert series[tokens.format("messages", "input")] == 40
    assert series[tokens.format("prompt", "input")] == 60
    assert series[tokens.format("output_total", "output")] == 7
    assert series['deriver_queue_items_processed_total{namespace="acme",task_type="representation"}'] == 3
    assert series['deriver_queue_items_processed_total{namespace="acme",task_type="summary"}'] == 0
    assert series['work_attempts_total{kind="summary",namespace="acme",outcome="put_off"}'] == 1
    assert series['work_seconds_count{kind="derive",namespace="acme"}'] == 1


def test_calls_of_models_are_counted_by_purpose_and_outcome(counted: PrometheusSink):
    with tracing.span("model_call", purpose="dream_card", provider="offline", input_tokens=9, output_tokens=2):
        pass
    with pytest.raises(KeyError), tracing.span("model_call", purpose="derive", provider="openai"):
        raise KeyError
    with tracing.span("embedding_call"):
        pass
    series = told(counted)
    assert series['model_calls_total{namespace="acme",outcome="success",provider="offline",purpose="dream_card"}'] == 1
    assert series['model_calls_total{namespace="acme",outcome="error",provider="openai",purpose="derive"}'] == 1
    assert series['dreamer_tokens_processed_total{namespace="acme",specialist_name="card",token_type="input"}'] == 9
    assert series['embedding_calls_total{namespace="acme",outcome="success"}'] == 1


def test_readings_are_told_with_their_labels(counted: PrometheusSink):
    waiting = Reading("waiting", "What waits.", "gauge", [({"kind": "derive"}, 2), ({"kind": "dream"}, 0)])
    series = told(
        None, waiting, Reading("done", "What is over.", "counter", [({}, 5)]), Reading("none", "", "gauge", [])
    )
    assert series == {
        'waiting{kind="derive",namespace="acme"}': 2,
        'waiting{kind="dream",namespace="acme"}': 0,
        'done_total{namespace="acme"}': 5,
    }


def test_processes_of_one_machine_are_added_up_also_those_that_ended(tmp_path: Path):
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for count in ("2", "40"):
        subprocess.run([sys.executable, "-c", COUNTS, count], cwd=ROOT, env=env, check=True)
    asks = (
        COUNTS
        + """
from shared.telemetry.prometheus import exposition
print(exposition(metrics._SINKS[0], [], namespace="acme").decode())
"""
    )
    asked = subprocess.run(
        [sys.executable, "-c", asks, "0"], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    assert 'messages_created_total{namespace="acme"} 42.0' in asked.stdout
    assert 'dialectic_calls_total{namespace="acme",reasoning_level="low"} 0.0' in asked.stdout


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if '"_aws"' in line]


def test_emf_adds_up_until_it_is_flushed_and_begins_anew(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    sink = EmfSink("acme")
    metrics.listen(sink)
    try:
        measure(metrics.MESSAGES_CREATED, 2)
        measure(metrics.MESSAGES_CREATED, 3)
        measure(metrics.DIALECTIC_CALLS, 1, "low")
        measure(metrics.WORK_SECONDS, 0.5, "derive")
        measure(metrics.WORK_SECONDS, 1.5, "derive")
        assert lines_of(capsys.readouterr().out) == []
        sink.flush(1)
    finally:
        metrics.unlisten(sink)
    messages, calls, seconds = lines_of(capsys.readouterr().out)
    assert (messages["messages_created"], messages["namespace"]) == ([5.0], "acme")
    assert (calls["dialectic_calls"], calls["reasoning_level"]) == ([1.0], "low")
    assert seconds["work_seconds"] == [0.5, 1.5]
    [described] = seconds["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Honcho"
    assert set(described["Dimensions"][0]) >= {"namespace", "kind"}
    assert described["Metrics"] == [{"Name": "work_seconds", "Unit": "Seconds"}]
    sink.flush(1)
    assert lines_of(capsys.readouterr().out) == []
