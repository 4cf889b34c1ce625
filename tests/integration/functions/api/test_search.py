"""Searching messages over HTTP."""

from typing import Any

import pytest

from tests.support.workspace_client import WorkspaceClient


def _found(workspace: WorkspaceClient, path: str, **body: Any) -> list[str]:
    answer = workspace.post(path, body)
    assert answer.status_code == 200, answer.text
    return [message["content"] for message in answer.json()]


@pytest.fixture
def talk(workspace: WorkspaceClient) -> WorkspaceClient:
    workspace.says("s1", ("a", "My cello needs new strings"), ("b", "The bakery opens at six"))
    workspace.says("s2", ("a", "The weather is fine"))
    return workspace


def test_search_finds_a_word_of_a_message(talk: WorkspaceClient):
    assert _found(talk, "/search", query="cello", limit=1) == ["My cello needs new strings"]


def test_search_stays_within_the_peer_or_session_of_the_path(talk: WorkspaceClient):
    assert _found(talk, "/peers/b/search", query="the") == ["The bakery opens at six"]
    assert _found(talk, "/sessions/s2/search", query="the") == ["The weather is fine"]
    assert _found(talk, "/peers/b/search", query="", filters={"peer_id": "a"}) == ["The bakery opens at six"]
    assert _found(talk, "/peers/nobody/search", query="the") == []
    assert _found(talk, "/sessions/none/search", query="the") == []


def test_search_applies_the_filters(talk: WorkspaceClient):
    assert _found(talk, "/search", query="", filters={"session_id": "s2"}) == ["The weather is fine"]
    assert _found(talk, "/search", query="the", filters={"peer_id": {"ne": "a"}}) == ["The bakery opens at six"]


def test_search_from_a_peers_perspective_finds_what_it_was_there_for(talk: WorkspaceClient):
    talk.says("s2", ("c", "I came late"))
    assert _found(talk, "/search", query="", filters={"peer_perspective": "c"}) == ["I came late"]
    both = _found(talk, "/search", query="", filters={"peer_perspective": "a", "session_id": "s2"})
    assert sorted(both) == ["I came late", "The weather is fine"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"query": "x", "limit": 0}, 422),
        ({"query": "x", "limit": 101}, 422),
        ({"query": "x", "filters": {"content": "x"}}, 422),
        ({"query": "word " * 8200}, 422),
        ({"query": "x", "scope": "y", "filters": {"session_id": "s"}}, 422),
        ({"query": "x", "scope": "y"}, 404),
    ],
)
def test_search_that_cannot_be_done_is_refused(talk: WorkspaceClient, body: object, status: int):
    assert talk.post("/search", body).status_code == status
