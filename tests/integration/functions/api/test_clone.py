"""Cloning sessions over HTTP."""

from typing import Any

from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory.indexing import index_messages
from tests.support.backends import RecordingQueue
from tests.support.workspace_client import WorkspaceClient

_SAME = ("content", "peer_id", "metadata", "created_at", "token_count", "workspace_id")


def _messages(workspace: WorkspaceClient, session: str) -> list[dict[str, Any]]:
    return workspace.post(f"/sessions/{session}/messages/list", None, size=100).json()["items"]


def _facts(messages: list[dict[str, Any]]) -> list[list[Any]]:
    return [[message[key] for key in _SAME] for message in messages]


def test_clone_has_the_same_messages_members_and_settings_under_new_ids(workspace: WorkspaceClient):
    configuration = {"reasoning": {"enabled": False}}
    workspace.post(
        "/sessions",
        {
            "id": "s",
            "metadata": {"a": 1},
            "configuration": configuration,
            "peers": {"ada": {"observe_me": False}, "bob": {"observe_others": True}, "gone": {"observe_me": True}},
        },
    )
    workspace.delete("/sessions/s/peers", ["gone"])
    said = workspace.records(
        "s",
        [
            {"peer_id": "ada", "content": "one two", "metadata": {"n": 1}, "created_at": "2020-01-02T03:04:05Z"},
            {"peer_id": "bob", "content": "three"},
        ],
    )
    answer = workspace.post("/sessions/s/clone")
    made = answer.json()
    assert answer.status_code == 201
    assert (made["metadata"], made["configuration"], made["is_active"]) == ({"a": 1}, configuration, True)
    assert len(made["id"]) == 21
    copies = _messages(workspace, made["id"])
    assert _facts(copies) == _facts(said)
    assert {message["session_id"] for message in copies} == {made["id"]}
    assert {message["id"] for message in copies}.isdisjoint({message["id"] for message in said})
    assert {len(message["id"]) for message in copies} == {21}
    members = [peer["id"] for peer in workspace.get(f"/sessions/{made['id']}/peers").json()["items"]]
    assert sorted(members) == ["ada", "bob", "gone"]
    configs = {peer: workspace.get(f"/sessions/{made['id']}/peers/{peer}/config").json() for peer in members}
    assert (configs["ada"]["observe_me"], configs["bob"]["observe_others"]) == (False, True)


def test_clone_up_to_a_message_ends_with_it_and_goes_on_from_there(workspace: WorkspaceClient):
    said = workspace.says("s", ("ada", "one"), ("ada", "two"), ("ada", "three"))
    made = workspace.post("/sessions/s/clone", None, message_id=said[1]["id"]).json()
    workspace.says(made["id"], ("ada", "four"))
    assert [message["content"] for message in _messages(workspace, made["id"])] == ["one", "two", "four"]
    assert len(_messages(workspace, "s")) == 3


def test_clone_of_a_session_without_messages_is_kept(workspace: WorkspaceClient):
    workspace.post("/sessions", {"id": "s", "peers": {"ada": {}}})
    made = workspace.post("/sessions/s/clone").json()
    assert made["id"] in [one["id"] for one in workspace.post("/sessions/list").json()["items"]]
    assert workspace.post("/sessions", {"id": made["id"]}).status_code == 200


def test_clone_of_what_is_not_there_is_404(workspace: WorkspaceClient):
    workspace.says("s", ("ada", "one"))
    [elsewhere] = workspace.says("t", ("ada", "one"))
    stranger = WorkspaceClient(workspace.client, workspace.name + "-b")
    [foreign] = stranger.says("s", ("ada", "one"))
    before = workspace.post("/sessions/list").json()["total"]
    refused = [
        workspace.post("/sessions/missing/clone"),
        *(workspace.post("/sessions/s/clone", None, message_id=name) for name in ("x", elsewhere["id"], foreign["id"])),
    ]
    assert [answer.status_code for answer in refused] == [404] * 4
    assert workspace.post("/sessions/list").json()["total"] == before


def test_clone_takes_nothing_of_a_session_of_the_same_name_elsewhere(workspace: WorkspaceClient):
    stranger = WorkspaceClient(workspace.client, workspace.name + "-b")
    stranger.says("s", ("eve", "secret"))
    workspace.says("s", ("ada", "one"))
    made = workspace.post("/sessions/s/clone").json()
    assert [message["content"] for message in _messages(workspace, made["id"])] == ["one"]
    assert [peer["id"] for peer in workspace.get(f"/sessions/{made['id']}/peers").json()["items"]] == ["ada"]


def test_clone_is_found_by_search_once_indexed_and_before(backends: Backends, workspace: WorkspaceClient):
    workspace.says("s", *[("ada", f"about otters {number}") for number in range(100)])
    for number in range(5):
        workspace.says("s", *[("ada", f"filler {number} {line}") for line in range(100)])
    queue = backends.queue
    assert isinstance(queue, RecordingQueue)
    queue.take()
    made = workspace.post("/sessions/s/clone").json()
    [wake_up] = queue.take()
    assert (wake_up.unit.kind, wake_up.unit.session) == (TaskKind.INDEX, made["id"])
    with backends.db.reading() as conn:
        ranges = conn.execute(
            "SELECT first_seq, seq FROM work_items WHERE workspace = %s AND unit = %s ORDER BY seq",
            (workspace.name, wake_up.unit.key),
        ).fetchall()
    assert ranges == [(1, 200), (201, 400), (401, 600)]
    assert workspace.post(f"/sessions/{made['id']}/search", {"query": "filler 4 99"}).json() != []
    index_messages(backends, wake_up)
    found = workspace.post(f"/sessions/{made['id']}/search", {"query": "otters 7"}).json()
    assert found[0]["content"] == "about otters 7"
    assert {message["session_id"] for message in found} == {made["id"]}


def test_clone_up_to_a_message_that_cannot_be_is_refused(workspace: WorkspaceClient):
    workspace.says("s", ("ada", "one"))
    assert workspace.post("/sessions/s/clone", message_id="\x00").status_code == 404
