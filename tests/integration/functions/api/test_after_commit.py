"""What fails after a commit is owed, and never an error: whoever got one would ask again, and have it twice."""

import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.once import Taking
from shared.backends import Backends
from shared.domain.errors import DatabaseUnavailable, IndexUnavailable, QueueUnavailable
from shared.domain.message import MessageDraft
from shared.memory.record import record_messages
from shared.vectors.index import VectorIndex
from tests.support.backends import offline_backends
from tests.support.database_proxy import DatabaseProxy
from tests.support.dying import FailingIndex, FailingQueue, raises
from tests.support.workspace_client import WorkspaceClient

MESSAGES = {"messages": [{"peer_id": "ada", "content": "I live in Porto"}]}
CONCLUSIONS = {"conclusions": [{"content": "Ada sails", "observer_id": "ada", "observed_id": "ada"}]}
FILE = {"file": ("f.txt", b"a file", "text/plain")}
Write = Callable[[WorkspaceClient], Any]
# Everything that leaves something to be done after its commit: wake-ups to send, vectors to bring.
WRITES: dict[str, tuple[Write, int]] = {
    "messages": (lambda w: w.post("/sessions/new/messages", MESSAGES), 201),
    "upload": (
        lambda w: w.client.post(w.at("/sessions/new/messages/upload"), files=FILE, data={"peer_id": "ada"}),
        201,
    ),
    "conclusions": (lambda w: w.post("/conclusions", CONCLUSIONS), 201),
    "clone": (lambda w: w.post("/sessions/s/clone"), 201),
    "scope sessions": (lambda w: w.post("/scopes/there/sessions", {"session_ids": ["s"]}), 204),
    "scope session removed": (lambda w: w.delete("/scopes/there/sessions/in"), 204),
    "test event": (lambda w: w.get("/webhooks/test"), 200),
    "session deleted": (lambda w: w.delete("/sessions/s"), 202),
    "workspace deleted": (lambda w: w.delete(""), 202),
}
SIGNING = {"webhook": {"secret": "s" * 32}}
ERRORS = [QueueUnavailable("down"), DatabaseUnavailable(), RuntimeError("a mistake of ours")]


@pytest.fixture(scope="module")
def opened(database_dsn: str, owner_dsn: str) -> Generator[Backends]:
    with offline_backends(database_dsn, owner_dsn, SIGNING) as backends:
        yield backends


@pytest.fixture
def furnished(opened: Backends, request: pytest.FixtureRequest) -> WorkspaceClient:
    workspace = _client(opened, f"w-{uuid.uuid4().hex[:10]}")
    workspace.says("s", ("ada", "hello"))
    workspace.post("/sessions", {"id": "in"})
    workspace.post("/scopes", {"id": "there"})
    workspace.post("/scopes/there/sessions", {"session_ids": ["in"]})
    workspace.post("/webhooks", {"url": "https://example.com/"})
    if "workspace deleted" in request.node.name:
        for session in ("s", "in"):
            workspace.delete(f"/sessions/{session}")
    return workspace


def _client(backends: Backends, name: str) -> WorkspaceClient:
    return WorkspaceClient(TestClient(create_app(backends), raise_server_exceptions=False), name)


def _owed(backends: Backends, workspace: str) -> int:
    query = "SELECT count(*) FROM work_units WHERE workspace = %s AND is_woken AND sent_at IS NULL"
    with backends.db.reading() as conn:
        row = conn.execute(query, [workspace]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("write", WRITES)
def test_write_when_the_queue_fails_after_the_commit_is_answered_and_its_wake_up_owed(
    opened: Backends, furnished: WorkspaceClient, write: str, error: Exception
):
    do, status = WRITES[write]
    queue = FailingQueue(then=raises(error), times=10)
    answer = do(_client(replace(opened, queue=queue), furnished.name))
    assert answer.status_code == status, answer.text
    assert (queue.failures > 0) == (_owed(opened, furnished.name) > 0)
    # Conclusions that a client states are brought to the index at once, and wake nobody.
    assert queue.failures > 0 or write == "conclusions"


@pytest.mark.parametrize("write", WRITES)
def test_write_when_the_database_is_lost_after_the_commit_is_answered(
    opened: Backends, furnished: WorkspaceClient, database_dsn: str, owner_dsn: str, write: str
):
    do, status = WRITES[write]
    with _losing_the_database(database_dsn, owner_dsn) as (backends, queue):
        answer = do(_client(replace(backends, queue=queue), furnished.name))
    assert answer.status_code == status, answer.text
    assert queue.failures == 1 or write == "conclusions"


@contextmanager
def _losing_the_database(dsn: str, owner_dsn: str) -> Generator[tuple[Backends, FailingQueue]]:
    """The line is cut when the first wake-up is to be sent, and the server takes no other one."""
    with DatabaseProxy(dsn) as proxy, offline_backends(proxy.dsn, owner_dsn, SIGNING) as behind:
        yield behind, FailingQueue(then=proxy.sever)


@pytest.mark.parametrize("error", [IndexUnavailable(), *ERRORS[1:]], ids=lambda error: type(error).__name__)
def test_conclusions_when_the_index_fails_after_the_commit_are_answered_and_left_to_tick(
    opened: Backends, furnished: WorkspaceClient, error: Exception
):
    index: VectorIndex = FailingIndex(error)
    answer = _client(replace(opened, vectors=index), furnished.name).post("/conclusions", CONCLUSIONS)
    assert answer.status_code == 201, answer.text
    with opened.db.reading() as conn:
        query = "SELECT id FROM conclusions WHERE workspace = %s AND indexed_at IS NULL"
        assert [row[0] for row in conn.execute(query, [furnished.name])] == [answer.json()[0]["id"]]


@pytest.mark.parametrize("moment", ["before", "answer"])
@pytest.mark.parametrize("path", ["/conclusions/{id}", "/webhooks/{id}"])
def test_deletion_when_the_line_is_cut_at_its_commit_is_answered_204_and_done(
    opened: Backends, furnished: WorkspaceClient, database_dsn: str, owner_dsn: str, path: str, moment
):
    [made] = furnished.post("/conclusions", CONCLUSIONS).json()
    [endpoint] = furnished.get("/webhooks").json()["items"]
    there = path.format(id=made["id"] if "conclusions" in path else endpoint["id"])
    with DatabaseProxy(database_dsn) as proxy, offline_backends(proxy.dsn, owner_dsn) as backends:
        client = _client(backends, furnished.name)
        client.get("/queue/status")
        proxy.cut_at(moment)
        assert client.delete(there).status_code == 204
        assert proxy.is_sprung
        assert client.delete(there).status_code == 404


def test_answer_that_cannot_be_shown_is_an_error_and_nothing_is_written(opened: Backends, furnished: WorkspaceClient):
    """The answer is made before the commit: what fails then has not happened."""
    taking = Taking(opened)

    def unshowable(_: object) -> Any:
        raise ValueError("cannot be shown")

    drafts = [MessageDraft("ada", "unseen")]
    with pytest.raises(ValueError, match="cannot be shown"):
        taking.take(
            furnished.name,
            lambda note: record_messages(opened, furnished.name, "s", drafts, note=note),
            unshowable,
            of="message",
        )
    assert furnished.post("/sessions/s/messages/list").json()["total"] == 1
