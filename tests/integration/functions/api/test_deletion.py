"""Deleting sessions and workspaces over HTTP."""

import pytest

from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory.forget import forget
from tests.support.backends import RecordingQueue
from tests.support.residue import residue
from tests.support.workspace_client import WorkspaceClient


def _forgets(backends: Backends) -> None:
    assert isinstance(backends.queue, RecordingQueue)
    for wake_up in backends.queue.take(TaskKind.FORGET):
        forget(backends, wake_up)


def test_delete_session_answers_202_and_404_the_second_time(workspace: WorkspaceClient):
    workspace.says("s", ("ada", "hello"))
    answer = workspace.delete("/sessions/s")
    assert answer.status_code == 202
    assert list(answer.json()) == ["message"]
    assert workspace.delete("/sessions/s").status_code == 404
    assert workspace.delete("/sessions/missing").status_code == 404


def test_session_being_deleted_is_read_and_not_written(workspace: WorkspaceClient):
    [said] = workspace.says("s", ("ada", "hello"))
    workspace.post("/sessions", {"id": "other"})
    workspace.delete("/sessions/s")
    assert [m["id"] for m in workspace.post("/sessions/s/messages/list").json()["items"]] == [said["id"]]
    assert workspace.get(f"/sessions/s/messages/{said['id']}").status_code == 200
    assert workspace.get("/sessions/s/context").json()["messages"][0]["id"] == said["id"]
    assert workspace.get("/sessions/s/summaries").json()["short_summary"] is None
    assert [peer["id"] for peer in workspace.get("/sessions/s/peers").json()["items"]] == ["ada"]
    assert [m["id"] for m in workspace.post("/sessions/s/search", {"query": "hello"}).json()] == [said["id"]]
    assert [one["id"] for one in workspace.post("/sessions/list").json()["items"]] == ["other"]
    assert [one["id"] for one in workspace.post("/peers/ada/sessions").json()["items"]] == ["s"]
    message = {"messages": [{"peer_id": "ada", "content": "more"}]}
    refused = [
        workspace.post("/sessions", {"id": "s"}),
        workspace.put("/sessions/s", {"metadata": {}}),
        workspace.post("/sessions/s/messages", message),
        workspace.post("/sessions/s/peers", {"bob": {}}),
        workspace.put("/sessions/s/peers", {"bob": {}}),
        workspace.delete("/sessions/s/peers", ["ada"]),
        workspace.put("/sessions/s/peers/ada/config", {"observe_me": True}),
        workspace.post("/sessions/s/clone"),
        workspace.post(
            "/conclusions",
            {"conclusions": [{"content": "ada greets", "observer_id": "ada", "observed_id": "ada", "session_id": "s"}]},
        ),
    ]
    assert [answer.status_code for answer in refused] == [404] * len(refused)


def test_session_purged_is_as_if_it_never_was_and_its_id_is_free(backends: Backends, workspace: WorkspaceClient):
    workspace.says("s", ("ada", "hello"))
    workspace.delete("/sessions/s")
    _forgets(backends)
    assert workspace.post("/sessions/s/messages/list").json()["total"] == 0
    assert workspace.delete("/sessions/s").status_code == 404
    assert workspace.post("/peers/ada/sessions").json()["total"] == 0
    assert [peer["id"] for peer in workspace.post("/peers/list").json()["items"]] == ["ada"]
    assert workspace.post("/sessions", {"id": "s"}).status_code == 201


def test_delete_workspace_when_missing_is_404_and_with_an_active_session_409(workspace: WorkspaceClient):
    assert workspace.delete("").status_code == 404
    workspace.post("/sessions", {"id": "s"})
    assert workspace.delete("").status_code == 409
    workspace.delete("/sessions/s")
    assert workspace.delete("").status_code == 202
    assert workspace.delete("").status_code == 202


def test_workspace_waiting_for_its_purge_is_usable_and_then_gone(
    backends: Backends, workspace: WorkspaceClient, owner_dsn: str
):
    workspace.says("s", ("ada", "canary"))
    workspace.delete("/sessions/s")
    assert list(workspace.delete("").json()) == ["message"]
    assert workspace.client.post("/v3/workspaces", json={"id": workspace.name}).status_code == 200
    _forgets(backends)
    assert residue(owner_dsn, workspace.name, "canary") == {}
    assert workspace.delete("").status_code == 404
    assert workspace.client.post("/v3/workspaces", json={"id": workspace.name}).status_code == 201


@pytest.mark.parametrize("path", ["/sessions/s", ""])
def test_deletion_in_one_workspace_leaves_the_same_names_elsewhere(
    backends: Backends, workspace: WorkspaceClient, path: str
):
    there = WorkspaceClient(workspace.client, workspace.name + "-b")
    for place in (workspace, there):
        place.says("s", ("ada", "hello"))
    workspace.delete("/sessions/s")
    workspace.delete(path)
    _forgets(backends)
    assert there.post("/sessions/s/messages/list").json()["total"] == 1
    assert [one["id"] for one in there.post("/sessions/s/search", {"query": "hello"}).json()] != []
