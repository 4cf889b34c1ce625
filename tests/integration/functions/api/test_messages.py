"""Messages over HTTP."""

from typing import Any

import pytest

from shared.backends import Backends
from shared.domain.work import TaskKind
from tests.support.backends import RecordingQueue
from tests.support.workspace_client import WorkspaceClient


def _batch(count: int) -> dict[str, Any]:
    return {"messages": [{"peer_id": "a", "content": str(number)} for number in range(count)]}


def test_post_returns_the_messages_in_order_with_all_their_fields(workspace: WorkspaceClient):
    first, second = workspace.records(
        "s",
        [
            {"peer_id": "a", "content": "Hello there", "metadata": {"k": 1}, "created_at": "2026-01-02T05:04:05+02:00"},
            {"peer_id": "b", "content": "", "created_at": None, "configuration": {"reasoning": {"enabled": False}}},
        ],
    )
    assert first | {"id": ""} == {
        "id": "",
        "content": "Hello there",
        "peer_id": "a",
        "session_id": "s",
        "metadata": {"k": 1},
        "created_at": "2026-01-02T03:04:05Z",
        "workspace_id": workspace.name,
        "token_count": 2,
    }
    assert (second["content"], second["token_count"], second["metadata"]) == ("", 0, {})
    listed = workspace.post("/sessions/s/messages/list").json()["items"]
    assert listed == [first, second]


def test_post_wakes_workers_through_the_queue(workspace: WorkspaceClient, backends: Backends):
    workspace.says("s", ("a", "I live in Lisbon"))
    queue = backends.queue
    assert isinstance(queue, RecordingQueue)
    mine = [wake_up.unit for wake_up in queue.sent if wake_up.unit.workspace == workspace.name]
    assert TaskKind.INDEX in {unit.kind for unit in mine}


@pytest.mark.parametrize(("count", "status"), [(100, 201), (101, 422), (0, 422)])
def test_post_takes_one_to_a_hundred(workspace: WorkspaceClient, count: int, status: int):
    assert workspace.post("/sessions/s/messages", _batch(count)).status_code == status


@pytest.mark.parametrize(("length", "status"), [(25_000, 201), (25_001, 422)])
def test_post_limits_the_length(workspace: WorkspaceClient, length: int, status: int):
    body = {"messages": [{"peer_id": "a", "content": "x" * length}]}
    assert workspace.post("/sessions/s/messages", body).status_code == status


def test_post_with_a_trailing_slash_is_served_directly(workspace: WorkspaceClient):
    answer = workspace.client.post(workspace.at("/sessions/s/messages/"), json=_batch(1), follow_redirects=False)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "message",
    [
        {"peer_id": "scope.x", "content": "a"},
        {"peer_id": "a b", "content": "a"},
        {"peer_id": "a"},
        {"content": "a"},
        {"peer_id": "a", "content": 5},
        {"peer_id": "a", "content": "a", "created_at": "yesterday"},
        {"peer_id": "a", "content": "a", "created_at": "0001-01-01T00:00:00+23:00"},
        {"peer_id": "a", "content": "a", "metadata": []},
        {"peer_id": "a", "content": "a", "configuration": {"reasoning": {"custom_instructions": "word " * 2001}}},
    ],
)
def test_post_of_an_invalid_message_stores_nothing(workspace: WorkspaceClient, message: object):
    batch = {"messages": [{"peer_id": "a", "content": "fine"}, message]}
    assert workspace.post("/sessions/s/messages", batch).status_code == 422
    assert workspace.post("/sessions/s/messages/list").json()["total"] == 0


def test_post_to_a_session_that_cannot_be_named_is_refused(workspace: WorkspaceClient):
    assert workspace.post("/sessions/a b/messages", _batch(1)).status_code == 422


@pytest.mark.parametrize("content", [b'{"messages": [{"peer_id": "a", "content": "\\ud800"}]}', b"{not json", b"[]"])
def test_post_of_what_is_no_text_or_no_batch_is_refused(workspace: WorkspaceClient, content: bytes):
    headers = {"Content-Type": "application/json"}
    answer = workspace.client.post(workspace.at("/sessions/s/messages"), content=content, headers=headers)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], list)


def test_post_without_json_content_type_is_refused(workspace: WorkspaceClient):
    answer = workspace.client.post(
        workspace.at("/sessions/s/messages"), content=b'{"messages": []}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 422


def test_special_tokens_and_nul_are_plain_text(workspace: WorkspaceClient):
    [stored] = workspace.says("s", ("a", "<|endoftext|>\x00!"))
    assert stored["content"] == "<|endoftext|>!"
    assert stored["token_count"] > 1


def test_list_pages_by_insertion_whatever_the_time_given(workspace: WorkspaceClient):
    workspace.records("s", [{"peer_id": "a", "content": "new"}, {"peer_id": "a", "content": "old", "created_at": 0}])
    page = workspace.post("/sessions/s/messages/list", None, size=1, page=2).json()
    assert [message["content"] for message in page["items"]] == ["old"]
    assert page["pages"] == 2
    backwards = workspace.post("/sessions/s/messages/list", None, reverse="true").json()["items"]
    assert [message["content"] for message in backwards] == ["old", "new"]


def test_get_and_update_need_the_right_session(workspace: WorkspaceClient):
    [stored] = workspace.records("s", [{"peer_id": "a", "content": "hi", "metadata": {"a": 1}}])
    path = f"/messages/{stored['id']}"
    assert workspace.get(f"/sessions/s{path}").json() == stored
    assert workspace.get(f"/sessions/other{path}").status_code == 404
    assert workspace.put(f"/sessions/other{path}", {"metadata": {}}).status_code == 404
    assert workspace.put(f"/sessions/s{path}", {"metadata": None, "content": "no"}).json() == stored
    changed = workspace.put(f"/sessions/s{path}", {"metadata": {"b": 2}}).json()
    assert changed == stored | {"metadata": {"b": 2}}
    assert workspace.get("/sessions/s/messages/unknown").status_code == 404
