"""From a request to what came of it: the header, the work it planned, the wake-up, the conclusion."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.trace import parse
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.queue.batch import SqsRecord, consume
from shared.queue.envelope import pack
from shared.reasoning.derive import derive
from shared.reasoning.summarize import summarize
from shared.telemetry.logs import logger
from shared.telemetry.outlets import Outlets
from tests.support.backends import RecordingQueue
from tests.support.workspace_client import WorkspaceClient

TRACE_ID, OTHER_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "a3ce929d0e0e47364bf92f3577b34da6"
SPAN_ID = "00f067aa0ba902b7"
ITEMS = "SELECT unit, traceparent FROM work_items WHERE workspace = %(workspace)s ORDER BY unit, seq"


class Lines(logging.Handler):
    """Keeps log lines as they are written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logger.registered_formatter)
        self.read: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.read.append(json.loads(self.format(record)))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.read if line["message"] == event]


@pytest.fixture
def lines() -> Iterator[Lines]:
    kept = Lines()
    logger.addHandler(kept)
    yield kept
    logger.removeHandler(kept)


def says(workspace: WorkspaceClient, text: str, trace_id: str) -> str:
    """Record a message under a trace; gives the header of the answer."""
    answer = workspace.client.post(
        workspace.at("/sessions/s/messages"),
        json={"messages": [{"peer_id": "ada", "content": text}]},
        headers={"traceparent": f"00-{trace_id}-{SPAN_ID}-01"},
    )
    assert answer.status_code == 201
    return answer.headers["traceparent"]


def planned(backends: Backends, workspace: WorkspaceClient) -> list[tuple[str, str]]:
    with backends.db.reading() as conn:
        return list(conn.execute(ITEMS, {"workspace": workspace.name}).fetchall())


def derives(backends: Backends, workspace: WorkspaceClient, *, traceparent: str) -> None:
    """Take a wake-up of what ada said as a worker would; `traceparent` is what the queue's attribute says."""
    wake_up = WakeUp(WorkUnit(workspace.name, TaskKind.DERIVE, "s", "ada"), 1)
    record: SqsRecord = {
        "messageId": "1",
        "receiptHandle": "r",
        "body": pack(wake_up),
        "attributes": {},
        "messageAttributes": {"traceparent": {"stringValue": traceparent}},
    }
    done = consume({"Records": [record]}, lambda one: derive(backends, one), backends.queue)
    assert done == {"batchItemFailures": []}


@pytest.fixture
def eager(backends: Backends) -> Backends:
    """Derives whatever is there at once."""
    deriver = backends.settings.deriver.model_copy(update={"flush_enabled": True})
    return replace(backends, settings=backends.settings.model_copy(update={"deriver": deriver}))


def test_answer_names_the_span_of_the_callers_trace(workspace: WorkspaceClient):
    span = parse(says(workspace, "hello", TRACE_ID))
    assert span is not None
    assert span.trace_id == TRACE_ID
    assert span.span_id != SPAN_ID


@pytest.mark.parametrize("given", [f"00-{'0' * 32}-{SPAN_ID}-01", "nonsense", None])
def test_request_without_a_valid_trace_begins_one(workspace: WorkspaceClient, given: str | None):
    answer = workspace.client.get("/v3/health", headers={} if given is None else {"traceparent": given})
    assert answer.status_code == 200
    assert parse(answer.headers["traceparent"]) is not None
    assert "0" * 32 not in answer.headers["traceparent"]


def test_refusals_name_their_span_and_route(workspace: WorkspaceClient, lines: Lines):
    refused = workspace.post("/sessions/s/messages", {"messages": []})
    missing = workspace.client.get("/v3/nowhere/at/all")
    assert (refused.status_code, missing.status_code) == (422, 404)
    one, other = lines.of("request_served")
    assert one["route"] == "/v3/workspaces/{workspace_id}/sessions/{session_id}/messages"
    assert (one["method"], one["status"], one["trace_id"]) == ("POST", 422, refused.headers["traceparent"][3:35])
    assert (other["route"], other["status"]) == ("(none)", 404)
    assert one["seconds"] > 0


def test_items_are_planned_under_the_span_of_their_request(backends: Backends, workspace: WorkspaceClient):
    first, second = says(workspace, "hello", TRACE_ID), says(workspace, "again", OTHER_ID)
    assert planned(backends, workspace) == [
        ("derive:s:ada", first),
        ("derive:s:ada", second),
        ("index:s:", first),
        ("index:s:", second),
    ]


def test_conclusion_leads_back_to_the_request_that_filled_its_window(
    eager: Backends, workspace: WorkspaceClient, lines: Lines
):
    says(workspace, "I live in Porto.", TRACE_ID)
    newest = says(workspace, "I am allergic to peanuts.", OTHER_ID)
    derives(eager, workspace, traceparent=f"00-{'9' * 32}-{SPAN_ID}-01")

    answer = workspace.post("/peers/ada/chat", {"query": "allergic?", "include_evidence": True}).json()
    found = answer["evidence"]["conclusions"]
    assert {one["trace_id"] for one in found} == {OTHER_ID}
    [line] = lines.of("work_attempted")
    assert (line["trace_id"], line["outcome"], line["items"]) == (OTHER_ID, "finished", 2)
    assert (line["kind"], line["workspace"], line["attempt"]) == ("derive", workspace.name, 1)
    assert line["tokens"] > 0
    assert newest[36:52] != line["span_id"]
    assert "ada" not in line["unit"]
    [inside] = lines.of("window_derived")
    assert (inside["trace_id"], inside["span_id"]) == (line["trace_id"], line["span_id"])


def test_work_without_a_trace_of_its_own_stays_with_what_woke_it(
    eager: Backends, workspace: WorkspaceClient, lines: Lines
):
    says(workspace, "I live in Porto.", TRACE_ID)
    with eager.db.transaction() as conn:
        conn.execute("UPDATE work_items SET traceparent = NULL")
    derives(eager, workspace, traceparent=f"00-{OTHER_ID}-{SPAN_ID}-01")
    assert [line["trace_id"] for line in lines.of("work_attempted")] == [OTHER_ID]


def test_summary_keeps_the_trace_that_completed_its_cadence(backends: Backends, workspace: WorkspaceClient):
    for _ in range(19):
        says(workspace, "I live in Porto.", TRACE_ID)
    says(workspace, "I live in Lisbon.", OTHER_ID)
    queue = backends.queue
    assert isinstance(queue, RecordingQueue)
    for wake_up in queue.take(TaskKind.SUMMARY):
        if wake_up.unit.workspace == workspace.name:
            summarize(backends, wake_up)
    with backends.db.reading() as conn:
        rows = conn.execute("SELECT trace_id FROM summaries WHERE workspace = %s", [workspace.name]).fetchall()
    assert rows == [(OTHER_ID,)]


def test_answer_that_is_streamed_belongs_to_its_request(workspace: WorkspaceClient, lines: Lines):
    says(workspace, "I live in Porto.", TRACE_ID)
    body = {"query": "Where is ada?", "stream": True, "include_evidence": True}
    answer = workspace.client.post(
        workspace.at("/peers/ada/chat"), json=body, headers={"traceparent": f"00-{OTHER_ID}-{SPAN_ID}-01"}
    )
    assert [line["trace_id"] for line in lines.of("question_answered")] == [OTHER_ID]
    served = lines.of("request_served")[-1]
    assert (served["trace_id"], served["model"]) == (OTHER_ID, "rules-1")
    last = json.loads(answer.text.strip().splitlines()[-1].removeprefix("data: "))
    assert last["evidence"]["reasoning_trace_id"] == OTHER_ID


def test_what_is_no_method_has_no_name_of_its_own(workspace: WorkspaceClient, lines: Lines):
    workspace.client.request("ZQCANARY", "/v3/workspaces")
    [line] = lines.of("request_served")
    assert line["method"] == "OTHER"
    assert "ZQCANARY" not in json.dumps(lines.read)


def test_probes_are_not_worth_a_line(workspace: WorkspaceClient, lines: Lines):
    for path in ("/v3/health", "/v3/health/ready"):
        assert workspace.client.get(path).status_code == 200
    assert lines.of("request_served") == []


def test_answer_ends_after_the_outlets_were_emptied(backends: Backends):
    order: list[str] = []

    class Noting:
        def flush(self, seconds: float) -> None:
            order.append("flushed")

    app = create_app(backends, Outlets((Noting(),)), flushes=True)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            order.append(f"{message['type']} {message.get('more_body', '')}".strip())
            await send(message)

        await app(scope, receive, noting)

    assert TestClient(served).get("/v3/health").json() == {"status": "ok"}
    assert order == ["http.response.start", "flushed", "http.response.body"]
