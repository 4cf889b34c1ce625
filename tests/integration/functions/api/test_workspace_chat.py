"""Asking about everybody in a workspace, answered by the offline model through the real tool loop."""

import json
from typing import Any

import pytest

from tests.support.workspace_client import WorkspaceClient


@pytest.fixture
def known(workspace: WorkspaceClient) -> WorkspaceClient:
    """Two peers, each with a fact in a session of its own; scope `home` holds the first."""
    for session, peer, fact in (
        ("s", "alice", "alice is allergic to peanuts"),
        ("t", "bob", "bob is allergic to cats"),
    ):
        workspace.says(session, (peer, fact.replace(peer, "I").replace("is", "am")))
        item = {"content": fact, "observer_id": peer, "observed_id": peer, "session_id": session}
        workspace.post("/conclusions", {"conclusions": [item]})
    workspace.post("/sessions", {"id": "s", "scopes": ["home"]})
    return workspace


def _ask(workspace: WorkspaceClient, **body: object) -> dict[str, Any]:
    answer = workspace.post("/chat", {"query": "Who is allergic to what?", "include_evidence": True, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def _read(answer: dict[str, Any]) -> set[str]:
    return {one["observed_id"] for one in answer["evidence"]["conclusions"]}


def test_answer_is_about_everybody_who_fits(known: WorkspaceClient):
    answer = _ask(known, session_id=None)
    assert "peanuts" in answer["content"]
    assert "cats" in answer["content"]
    assert _read(answer) == {"alice", "bob"}


def test_answer_to_a_question_about_one_peer_is_about_that_peer(known: WorkspaceClient):
    answer = _ask(known, query="What is bob allergic to?", reasoning_level="minimal")
    assert "cats" in answer["content"]


@pytest.mark.parametrize("narrowed", [{"scope": "home"}, {"scope": ["home"]}, {"session_id": "s"}])
def test_answer_within_a_scope_or_session_rests_on_its_sessions_alone(known: WorkspaceClient, narrowed: dict[str, Any]):
    answer = _ask(known, **narrowed)
    assert "peanuts" in answer["content"]
    assert "cats" not in answer["content"]
    assert _read(answer) == {"alice"}
    assert {message["session_id"] for message in answer["evidence"]["messages"]} == {"s"}


def test_answer_without_evidence_has_none(known: WorkspaceClient):
    assert _ask(known, include_evidence=False)["evidence"] is None


def test_stream_is_deltas_and_a_closing_frame_with_evidence(known: WorkspaceClient):
    answer = known.post("/chat", {"query": "Who is allergic to what?", "stream": True, "include_evidence": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *deltas, last = [json.loads(frame.removeprefix("data: ")) for frame in answer.text.split("\n\n")[:-1]]
    assert "peanuts" in "".join(frame["delta"]["content"] for frame in deltas)
    assert last["done"] is True
    assert last["evidence"]["conclusions"]


def test_structured_answer_follows_the_schema(known: WorkspaceClient):
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    assert json.loads(_ask(known, response_format=schema)["content"]).keys() == {"answer"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": ""}, 422),
        ({"query": "x" * 10_001}, 422),
        ({"query": "x", "reasoning_level": "huge"}, 422),
        ({"query": "x", "scope": "home", "session_id": "s"}, 422),
        ({"query": "x", "scope": []}, 422),
        ({"query": "x", "scope": "scope.home"}, 422),
        ({"query": "x", "response_format": {"type": "array"}}, 422),
        ({"query": "x", "scope": "none"}, 404),
        ({"query": "x", "session_id": "none"}, 404),
    ],
)
def test_question_that_cannot_be_asked_is_refused_before_anything_streams(
    known: WorkspaceClient, body: dict[str, Any], status: int, stream: bool
):
    answer = known.post("/chat", {**body, "stream": stream})
    assert answer.status_code == status, answer.text
    assert "detail" in answer.json()


def test_workspace_that_does_not_exist_is_not_found(workspace: WorkspaceClient):
    assert workspace.post("/chat", {"query": "x"}).status_code == 404
