"""Conclusions over HTTP."""

from typing import Any

import psycopg
import pytest

from tests.support.workspace_client import WorkspaceClient


def _create(
    workspace: WorkspaceClient, *contents: str, observer: str = "a", observed: str = "a"
) -> list[dict[str, Any]]:
    for peer in {observer, observed}:
        workspace.post("/peers", {"id": peer})
    items = [{"content": content, "observer_id": observer, "observed_id": observed} for content in contents]
    answer = workspace.post("/conclusions", {"conclusions": items})
    assert answer.status_code == 201, answer.text
    return answer.json()


def _list(workspace: WorkspaceClient, given: dict[str, Any] | None = None, **query: object) -> list[str]:
    answer = workspace.post("/conclusions/list", {"filters": given}, **query)
    assert answer.status_code == 200, answer.text
    return [conclusion["content"] for conclusion in answer.json()["items"]]


def test_create_answers_in_input_order_with_all_fields(workspace: WorkspaceClient):
    first, second = _create(workspace, "plays the cello", "plays the cello")
    assert first.keys() == {
        "id", "content", "observer_id", "observed_id", "session_id", "level", "created_at",
        "source_ids", "source_message_ids", "times_derived",
    }  # fmt: skip
    assert first["id"] != second["id"]
    assert (first["level"], first["session_id"], first["source_ids"], first["times_derived"]) == (
        "explicit",
        None,
        [],
        1,
    )


def test_create_under_the_other_name_with_a_session(workspace: WorkspaceClient):
    workspace.says("s", ("a", "hi"))
    item = {"content": "x\x00y", "observer_id": "a", "observed_id": "a", "session_id": "s", "level": "deductive"}
    [made] = workspace.post("/conclusions", {"observations": [item]}).json()
    assert (made["content"], made["session_id"], made["level"]) == ("xy", "s", "explicit")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"observer_id": "nobody"}, 404),
        ({"observed_id": "nobody"}, 404),
        ({"session_id": "none"}, 404),
        ({"observed_id": "scope.x"}, 422),
        ({"content": ""}, 422),
        ({"content": "x" * 65_536}, 422),
        ({"content": "word " * 8200}, 422),
        ({"observer_id": None}, 422),
    ],
)
def test_create_is_all_or_nothing(workspace: WorkspaceClient, changed: dict[str, Any], status: int):
    workspace.post("/peers", {"id": "a"})
    good = {"content": "fine", "observer_id": "a", "observed_id": "a"}
    answer = workspace.post("/conclusions", {"conclusions": [good, good | changed]})
    assert answer.status_code == status
    assert _list(workspace) == []


def test_list_is_newest_first_and_filters(workspace: WorkspaceClient):
    [first] = _create(workspace, "first")
    [second] = _create(workspace, "second", observed="b")
    assert _list(workspace) == ["second", "first"]
    assert _list(workspace, reverse="true") == ["first", "second"]
    assert _list(workspace, {"observer_id": "a", "observed_id": "b"}) == ["second"]
    assert _list(workspace, {"id": {"in": [first["id"], second["id"]]}, "level": "explicit"}) == ["second", "first"]
    assert _list(workspace, {"session_id": None, "observed": {"ne": "a"}}) == ["second"]


def test_list_finds_what_was_derived_from_a_conclusion(workspace: WorkspaceClient, owner_dsn: str):
    premise, derived = _create(workspace, "premise", "derived")
    with psycopg.connect(owner_dsn) as conn:
        conn.execute("UPDATE conclusions SET source_ids = %s WHERE id = %s", ([premise["id"]], derived["id"]))
    assert _list(workspace, {"source_ids": {"contains": premise["id"]}}) == ["derived"]
    assert _list(workspace, {"source_ids": {"contains": derived["id"]}}) == []


def test_query_finds_the_nearest_within_the_filters(workspace: WorkspaceClient):
    _create(workspace, "plays the cello in an orchestra", "works as a baker", "is allergic to peanuts")
    workspace.says("s", ("a", "hi"))
    elsewhere = {"content": "owns a cello", "observer_id": "a", "observed_id": "a", "session_id": "s"}
    workspace.post("/conclusions", {"conclusions": [elsewhere]})
    own = {"observer": "a", "observed_id": "a"}
    found = workspace.post("/conclusions/query", {"query": "music cello orchestra", "top_k": 1, "filters": own})
    assert [one["content"] for one in found.json()] == ["plays the cello in an orchestra"]
    narrowed = {"query": "music cello orchestra", "filters": {**own, "session_id": "s"}}
    assert [one["content"] for one in workspace.post("/conclusions/query", narrowed).json()] == ["owns a cello"]
    newest = workspace.post("/conclusions/query", {"query": " ", "top_k": 2, "filters": own}).json()
    assert newest[0]["content"] == "owns a cello"
    assert len(newest) == 2
    nobody = {"query": "cello", "filters": {"observer": "x", "observed": "y"}}
    assert workspace.post("/conclusions/query", nobody).json() == []


@pytest.mark.parametrize(
    "body",
    [
        {"query": "x"},
        {"query": "x", "filters": {"observer": "a"}},
        {"query": "x", "filters": {"observer": {"ne": "b"}, "observed": "a"}},
        {"query": "x", "filters": {"observer": "a", "observer_id": "b", "observed": "a"}},
        {"query": "x", "top_k": 101, "filters": {"observer": "a", "observed": "a"}},
        {"query": "x", "distance": 2, "filters": {"observer": "a", "observed": "a"}},
        {"query": "word " * 8200, "filters": {"observer": "a", "observed": "a"}},
    ],
)
def test_query_without_one_collection_is_refused(workspace: WorkspaceClient, body: object):
    assert workspace.post("/conclusions/query", body).status_code == 422


def test_delete_hides_and_a_second_one_finds_nothing(workspace: WorkspaceClient):
    [made] = _create(workspace, "gone soon")
    path = f"/conclusions/{made['id']}"
    assert workspace.get(path).json() == made
    assert WorkspaceClient(workspace.client, "another").get(path).status_code == 404
    assert WorkspaceClient(workspace.client, "another").delete(path).status_code == 404
    deleted = workspace.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert workspace.get(path).status_code == 404
    assert workspace.delete(path).status_code == 404
    assert _list(workspace) == []
    query = {"query": "gone soon", "filters": {"observer": "a", "observed": "a"}}
    assert workspace.post("/conclusions/query", query).json() == []
