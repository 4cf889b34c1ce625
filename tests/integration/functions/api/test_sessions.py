"""Sessions and their members over HTTP."""

import psycopg
import pytest

from tests.support.workspace_client import WorkspaceClient


def _members(workspace: WorkspaceClient, session: str) -> list[str]:
    return [peer["id"] for peer in workspace.get(f"/sessions/{session}/peers").json()["items"]]


def _config(workspace: WorkspaceClient, session: str, peer: str) -> dict[str, object]:
    return workspace.get(f"/sessions/{session}/peers/{peer}/config").json()


def _deactivate(owner_dsn: str, workspace: str, session: str) -> None:
    with psycopg.connect(owner_dsn) as conn:
        conn.execute("UPDATE sessions SET is_active = false WHERE workspace = %s AND name = %s", (workspace, session))


def test_post_with_peers_creates_everything(workspace: WorkspaceClient):
    made = workspace.post("/sessions", {"id": "s", "peers": {"a": {}, "b": {"observe_others": True}}})
    assert made.status_code == 201
    assert made.json().keys() == {
        "id", "is_active", "workspace_id", "uid", "metadata", "configuration", "created_at",
    }  # fmt: skip
    assert _members(workspace, "s") == ["a", "b"]
    assert _config(workspace, "s", "b") == {"observe_me": None, "observe_others": True}
    assert workspace.post("/sessions", {"id": "s"}).status_code == 200


def test_post_of_an_existing_session_replaces_metadata_and_merges_configuration(workspace: WorkspaceClient):
    workspace.post("/sessions", {"id": "s", "metadata": {"a": 1}, "configuration": {"summary": {"enabled": True}}})
    changed = workspace.post("/sessions", {"id": "s", "metadata": {"b": 2}, "configuration": {"dream": {}}}).json()
    assert changed["metadata"] == {"b": 2}
    assert changed["configuration"] == {"summary": {"enabled": True}, "dream": {}}
    assert workspace.put("/sessions/s", {}).json() == changed


def test_put_of_a_missing_session_creates_it(workspace: WorkspaceClient):
    answer = workspace.put("/sessions/s", {"metadata": {"a": 1}})
    assert (answer.status_code, answer.json()["metadata"]) == (200, {"a": 1})


def test_post_with_eleven_observers_is_refused_and_nothing_is_made(workspace: WorkspaceClient):
    watching = {f"p{number}": {"observe_others": True} for number in range(11)}
    answer = workspace.post("/sessions", {"id": "s", "peers": watching})
    assert answer.status_code == 400
    assert workspace.post("/sessions/list").json()["total"] == 0
    assert workspace.post("/sessions", {"id": "s", "peers": dict(list(watching.items())[:10])}).status_code == 201
    assert workspace.put("/sessions/s/peers/late/config", {"observe_others": True}).status_code == 404
    workspace.post("/peers", {"id": "late"})
    assert workspace.put("/sessions/s/peers/late/config", {"observe_others": True}).status_code == 400


def test_adding_a_member_keeps_its_settings_until_it_comes_back(workspace: WorkspaceClient):
    workspace.post("/sessions/s/peers", {"a": {"observe_me": False}})
    workspace.post("/sessions/s/peers", {"a": {"observe_me": True}, "b": {}})
    assert _config(workspace, "s", "a")["observe_me"] is False
    assert workspace.delete("/sessions/s/peers", ["a", "nobody"]).status_code == 200
    assert _members(workspace, "s") == ["b"]
    assert _config(workspace, "s", "a")["observe_me"] is False
    workspace.post("/sessions/s/peers", {"a": {"observe_me": True}})
    assert _config(workspace, "s", "a")["observe_me"] is True
    assert set(_members(workspace, "s")) == {"a", "b"}


def test_setting_members_takes_the_given_settings_and_empties(workspace: WorkspaceClient):
    workspace.post("/sessions/s/peers", {"a": {"observe_me": False}, "b": {}})
    workspace.put("/sessions/s/peers", {"a": {}, "c": {"observe_others": True}})
    assert set(_members(workspace, "s")) == {"a", "c"}
    assert _config(workspace, "s", "a") == {"observe_me": None, "observe_others": None}
    assert workspace.put("/sessions/s/peers", {}).status_code == 200
    assert _members(workspace, "s") == []


def test_member_settings_merge_what_is_given_and_do_not_reactivate(workspace: WorkspaceClient):
    workspace.post("/sessions/s/peers", {"a": {"observe_me": False}})
    workspace.delete("/sessions/s/peers", ["a"])
    answer = workspace.put("/sessions/s/peers/a/config", {"observe_me": None, "observe_others": True})
    assert (answer.status_code, answer.content) == (204, b"")
    assert _config(workspace, "s", "a") == {"observe_me": False, "observe_others": True}
    assert _members(workspace, "s") == []


def test_member_settings_of_a_peer_outside_add_it(workspace: WorkspaceClient):
    workspace.post("/sessions", {"id": "s"})
    workspace.post("/peers", {"id": "a"})
    assert workspace.get("/sessions/s/peers/a/config").status_code == 404
    assert workspace.put("/sessions/s/peers/a/config", {}).status_code == 204
    assert _members(workspace, "s") == ["a"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/sessions/none/peers", {}),
        ("DELETE", "/sessions/none/peers", ["a"]),
        ("PUT", "/sessions/none/peers/a/config", {}),
        ("GET", "/sessions/none/peers/a/config", None),
        ("POST", "/sessions/not a name/peers", {}),
    ],
)
def test_members_of_a_missing_session_are_not_found(workspace: WorkspaceClient, method: str, path: str, body: object):
    assert workspace.client.request(method, workspace.at(path), json=body).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sessions", {"id": "s", "peers": {"scope.x": {}}}),
        ("POST", "/sessions", {"id": "s", "peers": {"a b": {}}}),
        ("POST", "/sessions", {"id": "s", "peers": {"a": None}}),
        ("POST", "/sessions", {"id": "s", "scopes": ["scope.team"]}),
        ("POST", "/sessions", {"id": "s", "scopes": ["a b"]}),
        ("POST", "/sessions/s/peers", {"a": 1}),
        ("DELETE", "/sessions/s/peers", {"a": {}}),
        ("DELETE", "/sessions/s/peers", ["scope.x"]),
        ("PUT", "/sessions/a b", {}),
    ],
)
def test_invalid_members_are_refused(workspace: WorkspaceClient, method: str, path: str, body: object):
    assert workspace.client.request(method, workspace.at(path), json=body).status_code == 422


def test_peers_of_an_unknown_session_are_none(workspace: WorkspaceClient):
    assert workspace.get("/sessions/none/peers").json()["total"] == 0


def test_session_being_deleted_refuses_writes_and_still_reads(workspace: WorkspaceClient, owner_dsn: str):
    [message] = workspace.says("s", ("a", "still here"))
    _deactivate(owner_dsn, workspace.name, "s")
    refused = [
        workspace.post("/sessions", {"id": "s"}),
        workspace.post("/sessions", {"id": "s", "peers": {"b": {}}}),
        workspace.put("/sessions/s", {}),
        workspace.post("/sessions/s/messages", {"messages": [{"peer_id": "a", "content": "no"}]}),
        workspace.post("/sessions/s/peers", {"b": {}}),
        workspace.put("/sessions/s/peers", {}),
        workspace.delete("/sessions/s/peers", ["a"]),
        workspace.put("/sessions/s/peers/a/config", {"observe_me": True}),
        workspace.post("/peers/a/chat", {"query": "who?", "session_id": "s"}),
    ]
    assert [answer.status_code for answer in refused] == [404] * len(refused)
    assert workspace.post("/sessions/s/messages/list").json()["items"] == [message]
    assert _members(workspace, "s") == ["a"]
    assert workspace.get("/sessions/s/context").json()["messages"] == [message]
    assert workspace.post("/sessions/list").json()["items"] == []
    assert workspace.post("/sessions/list", {"filters": {"is_active": False}}).json()["items"] == []
    assert [one["id"] for one in workspace.post("/peers/a/sessions").json()["items"]] == ["s"]
