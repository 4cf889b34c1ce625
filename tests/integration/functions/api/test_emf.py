"""What CloudWatch is told of requests and work: the same numbers as Prometheus, and no word of what was said."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.reasoning.derive import derive
from shared.telemetry import metrics, tracing
from shared.telemetry.emf import EmfSink
from shared.telemetry.measuring import SpanMeter
from tests.support.workspace_client import WorkspaceClient


@pytest.fixture
def emf(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmfSink]:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    sink, meter = EmfSink("acme"), SpanMeter()
    metrics.listen(sink)
    tracing.listen(meter)
    yield sink
    tracing.unlisten(meter)
    metrics.unlisten(sink)


@pytest.fixture
def eager(backends: Backends) -> Backends:
    deriver = backends.settings.deriver.model_copy(update={"flush_enabled": True})
    return replace(backends, settings=backends.settings.model_copy(update={"deriver": deriver}))


def test_emf_counts_what_was_done_and_repeats_nothing_that_was_said(
    eager: Backends, emf: EmfSink, capsys: pytest.CaptureFixture[str]
):
    workspace = WorkspaceClient(TestClient(create_app(eager)), "ZqworkspaceCanary")
    workspace.says("ZqsessionCanary", ("ZqpeerCanary", "I live in ZqmessageCanary."), ("bob", "Nice."))
    derive(eager, WakeUp(WorkUnit(workspace.name, TaskKind.DERIVE, "ZqsessionCanary", "ZqpeerCanary"), 1))
    assert workspace.post("/peers/ZqpeerCanary/chat", {"query": "Where is ZqquestionCanary?"}).is_success
    workspace.post("/peers/list", {"filters": {"ZqfilterCanary": 1}})
    capsys.readouterr()
    emf.flush(1)

    told = capsys.readouterr().out
    lines: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    found = {name: line[name] for line in lines for name in line if name in {one.name for one in metrics.INSTRUMENTS}}
    assert found["messages_created"] == [2.0]
    assert found["work_attempts"] == [1.0]
    assert found["dialectic_calls"] == [1.0]
    assert found["deriver_queue_items_processed"] == [1.0]
    codes = {line["status_code"] for line in lines if "api_requests" in line}
    assert codes == {"200", "201", "422"}
    assert "Canary" not in told
