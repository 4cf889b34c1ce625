"""Erasing peers and messages over HTTP."""

import pytest

from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory.erase import erase
from shared.memory.relay import relay
from tests.support.backends import RecordingQueue
from tests.support.residue import residue
from tests.support.workspace_client import WorkspaceClient


def _erases(backends: Backends) -> None:
    assert isinstance(backends.queue, RecordingQueue)
    while wake_ups := backends.queue.take(TaskKind.ERASE):
        for wake_up in wake_ups:
            erase(backends, wake_up)
        relay(backends)


def _pending(workspace: WorkspaceClient, **query: str) -> int:
    return workspace.get("/queue/status", **query).json()["pending_work_units"]


def test_erase_message_answers_202_until_it_is_gone_and_404_after_that(backends: Backends, workspace: WorkspaceClient):
    said, kept = workspace.says("s", ("ada", "hello"), ("ada", "goodbye"))
    path, before = f"/sessions/s/messages/{said['id']}", _pending(workspace)
    answers = [workspace.delete(path) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [list(answer.json()) for answer in answers] == [["message"]] * 2
    assert _pending(workspace) == _pending(workspace, session_id="s") == before + 1
    _erases(backends)
    assert workspace.delete(path).status_code == 404
    assert workspace.get(path).status_code == 404
    assert [one["id"] for one in workspace.post("/sessions/s/messages/list").json()["items"]] == [kept["id"]]
    assert [one["id"] for one in workspace.post("/sessions/s/search", {"query": "hello"}).json()] == []
    assert _pending(workspace) == before - 1


@pytest.mark.parametrize(
    "path",
    ["/peers/nobody", "/sessions/s/messages/missing", "/sessions/nowhere/messages/{id}", "/sessions/t/messages/{id}"],
)
def test_erasure_of_what_is_not_there_is_404(workspace: WorkspaceClient, path: str):
    [said] = workspace.says("s", ("ada", "hello"))
    workspace.says("t", ("ada", "hello"))
    answer = workspace.delete(path.format(id=said["id"]))
    assert (answer.status_code, list(answer.json())) == (404, ["detail"])


def test_erase_peer_answers_202_refuses_writes_meanwhile_and_frees_the_name(
    backends: Backends, workspace: WorkspaceClient
):
    workspace.post("/peers", {"id": "ada", "metadata": {"a": 1}})
    workspace.says("s", ("ada", "hello"), ("bob", "hello ada"))
    workspace.put("/peers/ada/card", {"peer_card": ["sings"]})
    assert [workspace.delete("/peers/ada").status_code for _ in range(2)] == [202, 202]
    refused = [
        workspace.post("/peers", {"id": "ada"}),
        workspace.put("/peers/ada", {"metadata": {}}),
        workspace.put("/peers/ada/card", {"peer_card": ["rows"]}),
        workspace.post("/sessions/s/messages", {"messages": [{"peer_id": "ada", "content": "more"}]}),
        workspace.post("/sessions", {"id": "t", "peers": {"ada": {}}}),
        workspace.put("/sessions/s/peers/ada/config", {"observe_me": True}),
    ]
    assert [answer.status_code for answer in refused] == [404] * len(refused)
    _erases(backends)
    assert workspace.delete("/peers/ada").status_code == 404
    assert [one["id"] for one in workspace.post("/peers/list").json()["items"]] == ["bob"]
    assert [one["content"] for one in workspace.post("/sessions/s/messages/list").json()["items"]] == ["hello ada"]
    assert workspace.get("/peers/ada/card").status_code == 404
    made = workspace.post("/peers", {"id": "ada"})
    assert (made.status_code, made.json()["metadata"]) == (201, {})
    assert workspace.get("/peers/ada/card").json()["peer_card"] is None
    assert workspace.post("/peers/ada/sessions").json()["total"] == 0


def _keyed(workspace: WorkspaceClient, path: str, body: object):
    return workspace.client.post(workspace.at(path), json=body, headers={"Idempotency-Key": path})


def test_retry_of_a_request_whose_effect_was_erased_makes_nothing_anew(
    backends: Backends, workspace: WorkspaceClient, owner_dsn: str
):
    said = {"messages": [{"peer_id": "bob", "content": "zqoriole"}, {"peer_id": "bob", "content": "parrot"}]}
    spoken = {"messages": [{"peer_id": "zqxenia", "content": "zqfinch"}]}
    requests = [
        ("/sessions/s/messages", said),
        ("/sessions/t/messages", spoken),
        ("/peers", {"id": "zqxenia", "metadata": {"of": "zqwren"}}),
        ("/conclusions", {"conclusions": [{"content": "zqrobin", "observer_id": "bob", "observed_id": "zqxenia"}]}),
    ]
    answers = [_keyed(workspace, path, body) for path, body in requests]
    assert all(answer.is_success for answer in answers)
    assert "idempotency_keys" in residue(owner_dsn, "zqoriole", "zqxenia")
    assert workspace.delete(f"/sessions/s/messages/{answers[0].json()[0]['id']}").status_code == 202
    assert workspace.delete("/peers/zqxenia").status_code == 202
    _erases(backends)
    again = [_keyed(workspace, path, body) for path, body in requests]
    assert [answer.status_code for answer in again] == [404] * len(requests)
    assert {answer.headers["Idempotency-Replayed"] for answer in again} == {"true"}
    assert residue(owner_dsn, "zqoriole", "zqfinch", "zqwren", "zqrobin", "zqxenia") == {}


def test_scope_is_not_erased_as_a_peer(workspace: WorkspaceClient):
    workspace.post("/scopes", {"id": "team"})
    assert workspace.delete("/peers/scope.team").status_code == 422
    assert workspace.get("/scopes/team").status_code == 200


def test_peer_with_a_name_to_be_quoted_is_erased_like_any_other(
    backends: Backends, workspace: WorkspaceClient, owner_dsn: str
):
    name = "zq_Peer-9"
    workspace.says("s", (name, "hello"))
    assert workspace.delete(f"/peers/{name}").status_code == 202
    _erases(backends)
    assert residue(owner_dsn, name) == {}
