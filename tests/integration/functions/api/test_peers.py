"""Peers over HTTP."""

import pytest
from starlette.testclient import TestClient

from tests.support.workspace_client import WorkspaceClient


def test_post_keeps_metadata_that_is_not_given(workspace: WorkspaceClient):
    made = workspace.post("/peers", {"id": "a", "metadata": {"x": 1}})
    again = workspace.post("/peers", {"id": "a"})
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json() == made.json()
    assert made.json().keys() == {"id", "workspace_id", "uid", "created_at", "metadata", "configuration"}


def test_put_with_empty_metadata_clears_it(workspace: WorkspaceClient):
    workspace.post("/peers", {"id": "a", "metadata": {"x": 1}})
    assert workspace.put("/peers/a", {"metadata": {}}).json()["metadata"] == {}


def test_post_replaces_configuration_and_shows_only_what_the_sdk_knows(workspace: WorkspaceClient):
    workspace.post("/peers", {"id": "a", "configuration": {"observe_me": False, "other": 1}})
    assert workspace.post("/peers", {"id": "a"}).json()["configuration"] == {"observe_me": False}


@pytest.mark.parametrize("flag", ["false", 0, [], {}])
def test_peer_with_a_flag_that_is_none_is_refused_and_stays_as_it_is(workspace: WorkspaceClient, flag: object):
    workspace.post("/peers", {"id": "a", "configuration": {"observe_me": False}})
    for answer in (
        workspace.post("/peers", {"id": "a", "configuration": {"observe_me": flag}}),
        workspace.put("/peers/a", {"configuration": {"observe_me": flag}}),
    ):
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "configuration"])
    assert workspace.post("/peers", {"id": "a"}).json()["configuration"] == {"observe_me": False}
    assert workspace.put("/peers/a", {"configuration": {"observe_me": None}}).status_code == 200
    replaced = workspace.post("/peers", {"id": "a", "configuration": {"other": 2}})
    assert replaced.json()["configuration"] == {}


@pytest.mark.parametrize("name", ["scope.team", "a b", "a" * 513])
def test_put_of_a_bad_name_is_refused_with_a_sentence(workspace: WorkspaceClient, name: str):
    answer = workspace.put(f"/peers/{name}", {})
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


def test_nul_characters_are_taken_out(workspace: WorkspaceClient):
    made = workspace.post("/peers", {"id": "a", "metadata": {"k\x00": ["v\x00"], "\\u0000": 1}}).json()
    assert made["metadata"] == {"k": ["v"], "\\u0000": 1}


def test_list_hides_the_perspectives_of_scopes_unless_asked(workspace: WorkspaceClient, owner_dsn: str):
    import psycopg

    workspace.post("/peers", {"id": "a"})
    with psycopg.connect(owner_dsn) as conn:
        conn.execute("INSERT INTO peers (workspace, name, uid) VALUES (%s, 'scope.team', 'u')", (workspace.name,))

    def listed(kind: str | None) -> list[str]:
        return [peer["id"] for peer in workspace.post("/peers/list", {"kind": kind}).json()["items"]]

    assert (listed(None), listed("scope"), listed("all")) == (["a"], ["scope.team"], ["a", "scope.team"])


def test_list_of_an_unknown_workspace_is_empty(client: TestClient):
    assert client.post("/v3/workspaces/nowhere/peers/list").json()["total"] == 0


def test_sessions_of_a_peer_include_those_it_left(workspace: WorkspaceClient):
    workspace.post("/sessions", {"id": "s1", "peers": {"a": {}, "b": {}}})
    workspace.post("/sessions", {"id": "s2", "peers": {"a": {}}})
    workspace.delete("/sessions/s1/peers", ["a"])
    found = workspace.post("/peers/a/sessions").json()
    assert [session["id"] for session in found["items"]] == ["s1", "s2"]
    assert workspace.post("/peers/nobody/sessions").json()["items"] == []
    only = workspace.post("/peers/a/sessions", {"filters": {"id": "s2"}}).json()
    assert [session["id"] for session in only["items"]] == ["s2"]
