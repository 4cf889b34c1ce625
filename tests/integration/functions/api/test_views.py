"""What is known, over HTTP: representation, card, contexts, summaries, queue status."""

import secrets
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.errors import ModelRefused
from shared.domain.summary import Summary
from shared.store import summaries
from tests.support.workspace_client import WorkspaceClient


def _knows(workspace: WorkspaceClient, content: str, observed: str = "a", session: str | None = None) -> None:
    for peer in {"a", observed}:
        workspace.post("/peers", {"id": peer})
    item = {"content": content, "observer_id": "a", "observed_id": observed, "session_id": session}
    assert workspace.post("/conclusions", {"conclusions": [item]}).status_code == 201


def _represents(workspace: WorkspaceClient, **body: Any) -> str:
    answer = workspace.post("/peers/a/representation", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["representation"]


def test_representation_of_an_unknown_peer_is_empty_and_creates_nothing(workspace: WorkspaceClient):
    assert _represents(workspace) == ""
    assert _represents(workspace, target="b", session_id="none") == ""
    assert workspace.post("/peers/list").json()["total"] == 0


def test_representation_tells_what_is_known_of_the_target(workspace: WorkspaceClient):
    workspace.says("s1", ("a", "hi"))
    _knows(workspace, "plays the cello")
    _knows(workspace, "likes tea", session="s1")
    _knows(workspace, "sings", observed="b")
    text = _represents(workspace)
    assert text.startswith("## Explicit Observations\n\n[")
    assert "plays the cello\n" in text
    assert "sings" not in text
    assert "sings" in _represents(workspace, target="b")
    assert "cello" not in _represents(workspace, session_id="s1")
    assert "likes tea" in _represents(workspace, filters={"session_id": ["s1", "s2"]})
    assert _represents(workspace, filters={"session_id": []}) == ""
    assert _represents(workspace, max_conclusions=1).count("\n[") == 1
    assert "cello" in _represents(workspace, search_query="music", search_top_k=1, max_conclusions=None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 422),
        ({"max_conclusions": 0}, 422),
        ({"max_conclusions": 101}, 422),
        ({"search_max_distance": 1.5}, 422),
        ({"target": "scope.x"}, 422),
        ({"filters": {}}, 422),
        ({"filters": {"session_id": "*"}}, 422),
        ({"filters": {"session_id": {"ne": "s"}}}, 422),
        ({"filters": {"session_id": "s", "peer_id": "a"}}, 422),
        ({"filters": {"session_id": "s"}, "session_id": "t"}, 422),
        ({"scope": "x", "session_id": "s"}, 422),
        ({"scope": []}, 422),
        ({"scope": ["x"]}, 404),
    ],
)
def test_representation_of_what_does_not_go_together_is_refused(workspace: WorkspaceClient, body: Any, status: int):
    assert workspace.post("/peers/a/representation", body).status_code == status


def test_card_is_null_then_what_was_put(workspace: WorkspaceClient):
    assert workspace.get("/peers/a/card").status_code == 404
    workspace.post("/peers", {"id": "a"})
    assert workspace.get("/peers/a/card").json() == {"peer_card": None}
    assert workspace.put("/peers/a/card", {"peer_card": []}).json() == {"peer_card": []}
    assert workspace.get("/peers/a/card").json() == {"peer_card": []}
    lines = {"peer_card": ["Name: Alice\x00", "b"]}
    assert workspace.put("/peers/new/card", lines, target="a").json() == {"peer_card": ["Name: Alice", "b"]}
    assert workspace.get("/peers/new/card", target="a").json() == {"peer_card": ["Name: Alice", "b"]}
    assert workspace.get("/peers/new/card", target="nobody").json() == {"peer_card": None}


@pytest.mark.parametrize("lines", [None, "text", [1]])
def test_card_of_anything_but_strings_is_refused(workspace: WorkspaceClient, lines: object):
    assert workspace.put("/peers/a/card", {"peer_card": lines}).status_code == 422


def test_card_of_a_name_that_no_peer_can_have_is_refused(workspace: WorkspaceClient):
    # Long enough that no index of Postgres could hold it, and too mixed to be compressed.
    for target in (secrets.token_hex(4000), "x" * 513):
        answer = workspace.put("/peers/a/card", {"peer_card": ["b"]}, target=target)
        assert (answer.status_code, type(answer.json()["detail"])) == (422, str)


def test_peer_context_has_representation_and_card(workspace: WorkspaceClient):
    assert workspace.get("/peers/a/context").status_code == 404
    _knows(workspace, "plays the cello")
    workspace.put("/peers/a/card", {"peer_card": ["Name: Alice"]})
    found = workspace.get("/peers/a/context", search_query="music", search_top_k=3, max_conclusions=10).json()
    assert (found["peer_id"], found["target_id"], found["peer_card"]) == ("a", "a", ["Name: Alice"])
    assert "plays the cello" in found["representation"]
    empty = workspace.get("/peers/a/context", target="nobody").json()
    assert empty == {"peer_id": "a", "target_id": "nobody", "representation": "", "peer_card": None}
    assert workspace.get("/peers/a/context", max_conclusions=0).status_code == 422


# Ten messages of ten tokens; a long summary of 40 tokens up to message 5, a short one of 20 up to message 8.
_TEN_TOKENS = "one two three four five six seven eight nine ten"


def _summarized(workspace: WorkspaceClient, backends: Backends) -> None:
    stored = workspace.says("s", *[("a", _TEN_TOKENS)] * 10)
    assert {message["token_count"] for message in stored} == {10}
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    with backends.db.transaction() as conn:
        for summary in (
            Summary("long", "the long one", stored[4]["id"], 5, 40, now),
            Summary("short", "the short one", stored[7]["id"], 8, 20, now),
        ):
            summaries.put(conn, workspace.name, "s", summary)


@pytest.mark.parametrize(
    ("tokens", "kind", "count"),
    [(100, "long", 6), (99, "short", 3), (50, "short", 3), (49, None, 4), (10, None, 1), (9, None, 0), (-5, None, 0)],
)
def test_context_divides_its_budget(
    workspace: WorkspaceClient, backends: Backends, tokens: int, kind: str | None, count: int
):
    _summarized(workspace, backends)
    found = workspace.get("/sessions/s/context", tokens=tokens).json()
    assert len(found["messages"]) == count
    assert found["summary"] is None if kind is None else found["summary"]["summary_type"].endswith(kind)
    assert (found["id"], found["peer_representation"], found["peer_card"]) == ("s", None, None)


def test_context_without_summary_has_messages_only(workspace: WorkspaceClient, backends: Backends):
    _summarized(workspace, backends)
    found = workspace.get("/sessions/s/context", summary="false").json()
    assert (found["summary"], len(found["messages"])) == (None, 10)


def test_context_with_a_target_adds_what_is_known(workspace: WorkspaceClient):
    workspace.says("s", ("a", "hello"))
    _knows(workspace, "plays the cello")
    workspace.put("/peers/a/card", {"peer_card": ["Name: Alice"]})
    found = workspace.get("/sessions/s/context", peer_target="a").json()
    assert "plays the cello" in found["peer_representation"]
    assert found["peer_card"] == ["Name: Alice"]
    limited = workspace.get("/sessions/s/context", peer_target="a", limit_to_session="true").json()
    assert (limited["peer_representation"], limited["peer_card"]) == ("", None)
    listed = workspace.get("/sessions/s/context", peer_target="nobody", sessions=["s", "t"]).json()
    assert listed["peer_representation"] == ""
    assert workspace.get("/sessions/s/context", peer_target="nobody").status_code == 404
    assert workspace.get("/sessions/none/context").json()["messages"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"tokens": 100_001}, 422),
        ({"peer_perspective": "a"}, 422),
        ({"scope": "x"}, 422),
        ({"sessions": "s"}, 422),
        ({"peer_target": "a", "sessions": "other"}, 422),
        ({"peer_target": "a", "sessions": ["s", "not a name"]}, 422),
        ({"peer_target": "a", "sessions": "s", "limit_to_session": "true"}, 422),
        ({"peer_target": "a", "sessions": "s", "scope": "x"}, 422),
        ({"peer_target": "a", "peer_perspective": "a", "scope": "x"}, 422),
        ({"peer_target": "a", "scope": "x"}, 404),
        ({"max_conclusions": 0}, 422),
        ({"search_top_k": 101}, 422),
        ({"summary": ""}, 422),
    ],
)
def test_context_of_what_does_not_go_together_is_refused(
    workspace: WorkspaceClient, query: dict[str, Any], status: int
):
    answer = workspace.client.get(workspace.at("/sessions/s/context"), params=query)
    assert answer.status_code == status, answer.text


def test_summaries_are_null_until_there_are_any(workspace: WorkspaceClient, backends: Backends):
    assert workspace.get("/sessions/s/summaries").json() == {"id": "s", "short_summary": None, "long_summary": None}
    _summarized(workspace, backends)
    found = workspace.get("/sessions/s/summaries").json()
    assert found["long_summary"] | {"message_id": ""} == {
        "content": "the long one",
        "message_id": "",
        "summary_type": "honcho_chat_summary_long",
        "created_at": "2026-01-02T03:04:05Z",
        "token_count": 40,
    }
    assert found["short_summary"]["summary_type"] == "honcho_chat_summary_short"


def test_queue_status_counts_pending_work_by_session(workspace: WorkspaceClient):
    nothing = {f"{state}_work_units": 0 for state in ("total", "completed", "in_progress", "pending")}
    assert workspace.get("/queue/status").json() == {**nothing, "sessions": None}
    workspace.says("s", ("a", "I live in Lisbon"))
    one = nothing | {"total_work_units": 1, "pending_work_units": 1}
    assert workspace.get("/queue/status").json() == {**one, "sessions": {"s": {"session_id": "s", **one}}}
    assert workspace.get("/queue/status", session_id="s").json() == {**one, "sessions": None}
    assert workspace.get("/queue/status", observer_id="a").json()["total_work_units"] == 1
    assert workspace.get("/queue/status", sender_id="b").json()["total_work_units"] == 0


def test_representation_says_the_same_of_one_moment_once(workspace: WorkspaceClient):
    for peer in ("a", "b"):
        workspace.post("/peers", {"id": peer})
    item = {"content": "plays the cello", "observer_id": "a", "observed_id": "a"}
    workspace.post("/conclusions", {"conclusions": [item] * 3})
    assert _represents(workspace).count("plays the cello") == 1
    assert _represents(workspace, search_query="cello").count("plays the cello") == 1


def test_most_conclusions_are_as_many_as_the_server_is_set_to_where_nobody_says(
    workspace: WorkspaceClient, backends: Backends
):
    workspace.says("s", ("a", "hi"))
    for number in range(5):
        _knows(workspace, f"fact {number}")
    deriver = backends.settings.deriver.model_copy(update={"working_representation_max_observations": 3})
    few = replace(backends, settings=backends.settings.model_copy(update={"deriver": deriver}))
    asked = WorkspaceClient(TestClient(create_app(few)), workspace.name)
    texts = [
        _represents(asked, max_conclusions=None),
        asked.get("/peers/a/context").json()["representation"],
        asked.get("/sessions/s/context", peer_target="a").json()["peer_representation"],
    ]
    assert [text.count("fact") for text in texts] == [3, 3, 3]
    assert _represents(asked).count("fact") == 5
    assert asked.get("/peers/a/context", max_conclusions=4).json()["representation"].count("fact") == 4


def test_representation_whose_query_cannot_be_embedded_rests_on_the_newest(
    workspace: WorkspaceClient, backends: Backends
):
    class Refusing:
        space = backends.models.embedder().space

        def embed(self, texts: object) -> list[object]:
            raise ModelRefused("no")

    class Models(type(backends.models)):
        def embedder(self) -> Any:
            return Refusing()

    workspace.says("s", ("a", "hi"))
    _knows(workspace, "plays the cello")
    mute = copy(backends.models)
    mute.__class__ = Models
    asked = WorkspaceClient(TestClient(create_app(replace(backends, models=mute))), workspace.name)
    assert "cello" in _represents(asked, search_query="music")
    assert asked.post("/search", {"query": "hi"}).json()[0]["content"] == "hi"
