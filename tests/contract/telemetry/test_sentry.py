"""Errors and transactions through Sentry's SDK to a server that takes its envelopes."""

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.errors import DatabaseUnavailable, ModelUnavailable, NotFound
from shared.domain.trace import Trace
from shared.domain.version import VERSION
from shared.telemetry import tracing
from shared.telemetry.logs import logger
from shared.telemetry.sentry import Sentry, SentryPlan
from tests.support.listener import Listener

CAUSE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


@pytest.fixture
def server() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


@pytest.fixture
def sentry(server: Listener) -> Iterator[Sentry]:
    plan = SentryPlan(f"http://public@127.0.0.1:{server.port}/7", "test", traces_sample_rate=1, profiles_sample_rate=0)
    reporting = Sentry(plan, namespace="acme", function="deriver")
    tracing.listen(reporting)
    yield reporting
    tracing.unlisten(reporting)
    reporting.close()


def items(server: Listener, kind: str) -> list[dict[str, Any]]:
    """What arrived in envelopes: a line of headers, then a line and a payload for each item."""
    found: list[dict[str, Any]] = []
    for received in server.received:
        assert received.path == "/api/7/envelope/"
        body = gzip.decompress(received.body) if received.headers.get("content-encoding") == "gzip" else received.body
        lines = body.splitlines()[1:]
        found += [
            json.loads(payload)
            for header, payload in zip(lines[::2], lines[1::2], strict=True)
            if json.loads(header)["type"] == kind
        ]
    return found


def logs(error: Exception, cause: Exception | None = None) -> None:
    """Log an error as handlers do, with a local variable that quotes what was said."""
    said = "what ada " + "said"
    try:
        raise error from cause
    except type(error):
        logger.exception("work_failed", unit="derive:abc", count=len(said))


def test_unexpected_error_arrives_with_its_place_and_without_its_text(sentry: Sentry, server: Listener):
    with tracing.entry("unit", CAUSE, {"kind": "derive"}):
        logs(RuntimeError("ada's secret diary"), ValueError("ada's other diary"))
    sentry.flush(10)
    [event] = items(server, "event")
    kinds = [one["type"] for one in event["exception"]["values"]]
    assert kinds == ["ValueError", "RuntimeError"]
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "logs"
    assert event["tags"]["event"] == "work_failed"
    assert (event["tags"]["namespace"], event["tags"]["function"]) == ("acme", "deriver")
    assert event["tags"]["trace_id"] == CAUSE.trace_id
    assert event["environment"] == "test"
    told = json.dumps([event, items(server, "transaction")])
    assert "diary" not in told
    assert "what ada said" not in told
    assert "vars" not in frames[-1]


def test_errors_that_are_answers_or_outages_of_models_are_not_incidents(sentry: Sentry, server: Listener):
    logs(NotFound("peer ada not found"))
    logs(ModelUnavailable("quoted"))
    sentry.flush(5)
    assert items(server, "event") == []


def test_database_that_is_away_is_one_warning_however_often(sentry: Sentry, server: Listener):
    for _ in range(2):
        logs(DatabaseUnavailable())
    sentry.flush(10)
    found = items(server, "event")
    assert {one["level"] for one in found} == {"warning"}
    assert {tuple(one["fingerprint"]) for one in found} == {("database-unavailable",)}


def test_work_is_a_transaction_of_its_trace_with_what_it_called(sentry: Sentry, server: Listener):
    with tracing.entry("unit", CAUSE, {"kind": "derive", "items": 2}), tracing.span("model_call", model="m-1"):
        pass
    sentry.flush(10)
    [transaction] = items(server, "transaction")
    assert transaction["transaction"] == "unit derive"
    context = transaction["contexts"]["trace"]
    assert (context["trace_id"], context["parent_span_id"]) == (CAUSE.trace_id, CAUSE.span_id)
    assert context["op"] == "queue.task"
    [child] = transaction["spans"]
    assert (child["op"], child["data"]["model"]) == ("model_call", "m-1")


def test_probes_are_never_transactions(sentry: Sentry, server: Listener):
    for route in ("/v3/health", "/v3/metrics", "/v3/workspaces"):
        with tracing.entry("request", None, {"method": "GET"}) as span:
            span.attributes["route"] = route
    sentry.flush(10)
    assert [one["transaction"] for one in items(server, "transaction")] == ["GET /v3/workspaces"]


def test_profile_goes_with_its_transaction_when_wanted(server: Listener):
    plan = SentryPlan(f"http://public@127.0.0.1:{server.port}/7", "test", traces_sample_rate=1, profiles_sample_rate=1)
    reporting = Sentry(plan, namespace="acme", function="api")
    tracing.listen(reporting)
    with tracing.entry("unit", CAUSE, {"kind": "derive"}):
        # Long enough for several samples, of which the SDK takes a hundred in a second.
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            pass
    tracing.unlisten(reporting)
    reporting.flush(10)
    reporting.close()
    [profile] = items(server, "profile")
    assert profile["transactions"][0]["trace_id"] == CAUSE.trace_id
    assert len(profile["profile"]["samples"]) >= 2
    assert "vars" not in json.dumps(profile["profile"]["frames"])


def test_share_of_transactions_is_the_operators(server: Listener):
    reporting = Sentry(
        SentryPlan(f"http://public@127.0.0.1:{server.port}/7", "test", traces_sample_rate=0),
        namespace="acme",
        function="api",
    )
    tracing.listen(reporting)
    with tracing.entry("unit", CAUSE, {"kind": "derive"}):
        pass
    tracing.unlisten(reporting)
    reporting.flush(5)
    reporting.close()
    assert items(server, "transaction") == []


@pytest.mark.parametrize(("release", "told"), [("2031.5", "2031.5"), (None, VERSION)])
def test_release_is_the_operators_or_else_our_version(server: Listener, release: str | None, told: str):
    reporting = Sentry(
        SentryPlan(f"http://public@127.0.0.1:{server.port}/7", "test", release), namespace="acme", function="api"
    )
    logs(RuntimeError())
    reporting.flush(10)
    reporting.close()
    assert [event["release"] for event in items(server, "event")] == [told]
