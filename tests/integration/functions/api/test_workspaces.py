"""Workspaces over HTTP: got, made, changed, listed."""

import pytest
from starlette.testclient import TestClient

from tests.support.workspace_client import WorkspaceClient


def test_post_twice_creates_once_and_returns_the_same(client: TestClient):
    first = client.post("/v3/workspaces", json={"id": "t1", "metadata": {"a": 1}})
    second = client.post("/v3/workspaces", json={"name": "t1", "metadata": {"b": 2}, "configuration": {"x": 1}})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json()["metadata"] == {"a": 1}
    assert first.json().keys() == {"id", "uid", "metadata", "configuration", "created_at"}
    assert first.json()["created_at"].endswith("Z")


@pytest.mark.parametrize(
    "body",
    [
        {"id": "a b"},
        {"id": ""},
        {"id": "a" * 513},
        {"metadata": {}},
        {"id": "x", "metadata": None},
        {"id": "x", "configuration": None},
        {"id": "x", "metadata": {str(n): n for n in range(101)}},
        {"id": "x", "metadata": {"1": {"2": {"3": {"4": {"5": {}}}}}}},
        {"id": "x", "configuration": {"summary": {"messages_per_short_summary": 9}}},
        {"id": "x", "configuration": {"summary": {"messages_per_short_summary": 30, "messages_per_long_summary": 30}}},
    ],
)
def test_post_with_an_invalid_body_is_refused_with_a_list(client: TestClient, body: object):
    answer = client.post("/v3/workspaces", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0].keys() >= {"type", "loc", "msg"}


def test_put_of_a_missing_workspace_creates_it_and_answers_200(client: TestClient):
    answer = client.put(
        "/v3/workspaces/fresh", json={"metadata": {"a": 1}, "configuration": {"dream": {"enabled": False}}}
    )
    assert answer.status_code == 200
    assert answer.json()["metadata"] == {"a": 1}
    assert answer.json()["configuration"] == {"dream": {"enabled": False}}


def test_put_replaces_metadata_and_merges_configuration_by_section(workspace: WorkspaceClient):
    workspace.put("", {"metadata": {"a": 1}, "configuration": {"summary": {"enabled": True}, "own": {"deep": None}}})
    changed = workspace.put(
        "", {"metadata": {}, "configuration": {"summary": None, "reasoning": {"enabled": None, "unknown": 1}, "x": 2}}
    ).json()
    assert changed["metadata"] == {}
    assert changed["configuration"] == {
        "summary": {"enabled": True}, "own": {"deep": None}, "reasoning": {}, "x": 2,
    }  # fmt: skip
    kept = workspace.put("", {"metadata": None}).json()
    assert kept == changed


def test_put_with_too_long_instructions_is_refused_with_a_sentence(workspace: WorkspaceClient):
    answer = workspace.put("", {"configuration": {"reasoning": {"custom_instructions": "word " * 2001}}})
    assert answer.status_code == 422
    assert "2000 tokens" in answer.json()["detail"]


def test_list_pages_in_order_of_creation_and_reverses(client: TestClient):
    for number in range(3):
        client.post("/v3/workspaces", json={"id": f"paged{number}", "metadata": {"of": "paging"}})
    body = {"filters": {"metadata": {"of": "paging"}}}
    page = client.post("/v3/workspaces/list?size=2&page=2", json=body).json()
    assert [item["id"] for item in page["items"]] == ["paged2"]
    assert (page["total"], page["page"], page["size"], page["pages"]) == (3, 2, 2, 2)
    backwards = client.post("/v3/workspaces/list?reverse=true", json=body).json()
    assert [item["id"] for item in backwards["items"]] == ["paged2", "paged1", "paged0"]
    beyond = client.post("/v3/workspaces/list?page=9", json=body).json()
    assert (beyond["items"], beyond["total"]) == ([], 3)


@pytest.mark.parametrize("content", [None, b"", b"null", b"{}"])
def test_list_accepts_every_form_of_no_body(client: TestClient, content: bytes | None):
    answer = client.post("/v3/workspaces/list", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


@pytest.mark.parametrize("query", ["page=0", "size=0", "size=101", "reverse="])
def test_list_with_a_page_out_of_range_is_refused(client: TestClient, query: str):
    assert client.post(f"/v3/workspaces/list?{query}").status_code == 422
