"""Asking over HTTP, answered by the offline model through the real tool loop."""

import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.errors import ModelRefused, ModelUnavailable
from tests.support.scripted_model import FixedModels, ScriptedModel, calls
from tests.support.workspace_client import WorkspaceClient


@pytest.fixture
def known(workspace: WorkspaceClient) -> WorkspaceClient:
    workspace.says("s", ("alice", "I am allergic to peanuts"))
    item = {
        "content": "alice is allergic to peanuts",
        "observer_id": "alice",
        "observed_id": "alice",
        "session_id": "s",
    }
    workspace.post("/conclusions", {"conclusions": [item]})
    return workspace


def _frames(text: str) -> list[dict[str, Any]]:
    assert text.endswith("\n\n")
    return [json.loads(frame.removeprefix("data: ")) for frame in text.removesuffix("\n\n").split("\n\n")]


def test_answer_holds_what_is_known(known: WorkspaceClient):
    answer = known.post("/peers/alice/chat", {"query": "What is alice allergic to?"})
    assert answer.status_code == 200, answer.text
    assert "peanuts" in answer.json()["content"]
    assert answer.json()["evidence"] is None


def test_evidence_names_what_was_read(known: WorkspaceClient):
    body = {"query": "What is alice allergic to?", "include_evidence": True, "session_id": "s"}
    evidence = known.post("/peers/alice/chat", body).json()["evidence"]
    assert evidence.keys() == {"conclusions", "messages", "tool_calls", "reasoning_trace_id"}
    assert [one["content"] for one in evidence["conclusions"]] == ["alice is allergic to peanuts"]
    assert evidence["conclusions"][0].keys() == {
        "id", "level", "content", "created_at", "session_id", "observer_id", "observed_id", "source_ids", "event_at",
        "quotes", "trace_id",
    }  # fmt: skip
    assert evidence["messages"][0].keys() == {"id", "session_id", "peer_id", "created_at"}


def test_stream_is_deltas_and_a_closing_frame(known: WorkspaceClient):
    body = {"query": "What is alice allergic to?", "stream": True, "include_evidence": True}
    answer = known.post("/peers/alice/chat", body)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *deltas, last = _frames(answer.text)
    assert last["done"] is True
    assert last["evidence"]["conclusions"]
    assert {frame["done"] for frame in deltas} == {False}
    assert "peanuts" in "".join(frame["delta"]["content"] for frame in deltas)


def test_stream_without_evidence_closes_with_done_alone(known: WorkspaceClient):
    answer = known.post("/peers/alice/chat", {"query": "Who is alice?", "stream": True})
    assert _frames(answer.text)[-1] == {"done": True}


def test_stream_that_breaks_off_says_so_and_is_never_done(known: WorkspaceClient, backends: Backends):
    first = calls(("search_memory", {"query": "x"}), text="One moment. " * 20)
    models = FixedModels(ScriptedModel([first, ModelUnavailable("host 10.0.0.7")]), backends.models.embedder())
    app = TestClient(create_app(replace(backends, models=models)))
    body = {"query": "Who is alice?", "stream": True, "reasoning_level": "medium"}
    answer = app.post(known.at("/peers/alice/chat"), json=body)
    *deltas, last = _frames(answer.text)
    assert answer.status_code == 200
    assert "".join(frame["delta"]["content"] for frame in deltas) == "One moment. " * 20
    assert last == {"error": {"status": 503, "detail": "The model cannot be reached."}, "done": False}


def test_stream_that_breaks_off_before_its_first_piece_answers_with_a_status(
    known: WorkspaceClient, backends: Backends
):
    models = FixedModels(ScriptedModel([ModelUnavailable("host 10.0.0.7")]), backends.models.embedder())
    app = TestClient(create_app(replace(backends, models=models)))
    answer = app.post(known.at("/peers/alice/chat"), json={"query": "Who is alice?", "stream": True})
    assert (answer.status_code, answer.json()) == (503, {"detail": "The model cannot be reached."})


@pytest.mark.parametrize("is_streamed", [False, True])
def test_chat_with_a_key_that_the_provider_refuses_says_what_is_wrong_and_no_more(
    known: WorkspaceClient, backends: Backends, is_streamed: bool
):
    refused = ModelRefused("custom/secret-model refused the request (HTTP 401, invalid_api_key)")
    models = FixedModels(ScriptedModel([refused]), backends.models.embedder())
    app = TestClient(create_app(replace(backends, models=models)))
    answer = app.post(known.at("/peers/alice/chat"), json={"query": "Who is alice?", "stream": is_streamed})
    assert answer.status_code == 500
    said = answer.json()["detail"]
    assert "a wrong key, model or parameter" in said
    assert "doctor" in said
    assert "secret-model" not in said


def test_structured_answer_follows_the_schema(known: WorkspaceClient):
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    body = {"query": "What is alice allergic to?", "response_format": schema}
    answer = known.post("/peers/alice/chat", body)
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.json()["content"]).keys() == {"answer"}


def test_question_to_an_unknown_peer_makes_it_and_is_answered(workspace: WorkspaceClient):
    answer = workspace.post("/peers/new/chat", {"query": "Where does new live?", "reasoning_level": "minimal"})
    assert answer.status_code == 200, answer.text
    assert [peer["id"] for peer in workspace.post("/peers/list").json()["items"]] == ["new"]


def test_allowlist_narrows_what_is_known(known: WorkspaceClient):
    body = {"query": "What is alice allergic to?", "include_evidence": True, "filters": {"session_id": ["other"]}}
    answered = known.post("/peers/alice/chat", body).json()
    assert answered["evidence"]["conclusions"] == []
    assert "peanuts" not in (answered["content"] or "")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": ""}, 422),
        ({"query": "x" * 10_001}, 422),
        ({"query": "x", "reasoning_level": "huge"}, 422),
        ({"query": "x", "filters": {"session_id": "*"}}, 422),
        ({"query": "x", "scope": "y", "session_id": "s"}, 422),
        ({"query": "x", "response_format": {"type": "array"}}, 422),
        ({"query": "x", "response_format": {"type": "object", "allOf": []}}, 422),
        ({"query": "x", "scope": "y"}, 404),
        ({"query": "x", "target": "nobody"}, 404),
        ({"query": "x", "session_id": "none"}, 404),
    ],
)
def test_question_that_cannot_be_asked_is_refused_before_anything_streams(
    known: WorkspaceClient, body: dict[str, Any], status: int, stream: bool
):
    answer = known.post("/peers/alice/chat", {**body, "stream": stream})
    assert answer.status_code == status, answer.text
    assert "detail" in answer.json()
