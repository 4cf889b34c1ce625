"""A vector store that is away: answers by words that say so, and whole ones again as soon as it is back."""

from collections.abc import Callable, Iterator

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory.indexing import index_messages
from shared.memory.vector_upkeep import index_pending
from shared.vectors import turbopuffer
from tests.support.backends import RecordingQueue, offline_backends
from tests.support.turbopuffer_server import KEY, Failure, TurbopufferServer
from tests.support.workspace_client import WorkspaceClient

Break = Callable[[TurbopufferServer], None]
TOPIC = "My cello needs new strings"


@pytest.fixture(scope="module")
def server() -> Iterator[TurbopufferServer]:
    with TurbopufferServer() as running:
        yield running


@pytest.fixture(scope="module")
def backends(database_dsn: str, owner_dsn: str, server: TurbopufferServer) -> Iterator[Backends]:
    """As the settings open them: all vectors in Turbopuffer."""
    store = {"type": "turbopuffer", "turbopuffer_api_key": KEY, "turbopuffer_base_url": server.url, "migrated": True}
    with offline_backends(database_dsn, owner_dsn, {"vector_store": store}) as opened:
        yield opened


@pytest.fixture
def talk(backends: Backends, server: TurbopufferServer, request: pytest.FixtureRequest) -> Iterator[WorkspaceClient]:
    """Two messages and two conclusions about ada, all of them indexed."""
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)[:100]
    here = WorkspaceClient(TestClient(create_app(backends), raise_server_exceptions=False), name)
    here.says("s", ("ada", TOPIC), ("ada", "The weather is fine"))
    assert isinstance(backends.queue, RecordingQueue)
    for wake_up in backends.queue.take(TaskKind.INDEX):
        index_messages(backends, wake_up)
    given = [
        {"observer_id": "ada", "observed_id": "ada", "session_id": "s", "content": content}
        for content in ("ada plays the cello", "ada likes rain")
    ]
    assert here.post("/conclusions", {"conclusions": given}).status_code == 201
    assert len([one for one in server.documents().values() if one["workspace_name"] == name]) == 4
    yield here
    server.failure = None
    server.hangs = False


def refuse(server: TurbopufferServer) -> None:
    server.down()


def fail(server: TurbopufferServer) -> None:
    server.failure = Failure(503)


def throttle(server: TurbopufferServer) -> None:
    server.failure = Failure(429, {"Retry-After": "60"})


def hang(server: TurbopufferServer) -> None:
    server.hangs = True


def mended(server: TurbopufferServer) -> None:
    server.failure, server.hangs = None, False
    server.down()
    server.up()


def asked(talk: WorkspaceClient) -> dict[str, Response]:
    query = {"filters": {"observer_id": "ada", "observed_id": "ada"}, "query": "the cello", "top_k": 1}
    return {
        "search": talk.post("/search", {"query": "cello strings", "limit": 1}),
        "query": talk.post("/conclusions/query", query),
        "representation": talk.post("/peers/ada/representation", {"search_query": "the cello"}),
        "peer context": talk.get("/peers/ada/context", search_query="the cello"),
        "session context": talk.get("/sessions/s/context", peer_target="ada", search_query="the cello"),
        "chat": talk.post("/peers/ada/chat", {"query": "What does ada play?"}),
        "streamed chat": talk.post("/peers/ada/chat", {"query": "What does ada play?", "stream": True}),
    }


@pytest.mark.parametrize("broken", [refuse, fail, throttle, hang])
def test_answers_by_words_say_so_and_are_whole_again_without_anybodys_help(
    talk: WorkspaceClient, server: TurbopufferServer, broken: Break, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(turbopuffer, "_READ_S", 0.3)
    monkeypatch.setattr(turbopuffer, "_PAUSE_AFTER_SILENCE_S", 0.0)
    broken(server)
    for what, answer in asked(talk).items():
        assert answer.status_code == 200, f"{what}: {answer.text}"
        assert answer.headers.get("Degraded") == "vectors", what
        assert "cello" in answer.text, f"{what}: no memory"
    mended(server)
    for what, answer in asked(talk).items():
        assert answer.status_code == 200, what
        assert "Degraded" not in answer.headers, what
        assert "cello" in answer.text, what


def test_what_is_written_while_the_store_is_away_is_there_at_once_and_indexed_later(
    talk: WorkspaceClient, backends: Backends, server: TurbopufferServer
):
    server.failure = Failure(503)
    conclusion = {"observer_id": "ada", "observed_id": "ada", "content": "ada rows on the lake"}
    assert talk.post("/conclusions", {"conclusions": [conclusion]}).status_code == 201
    query = {"filters": {"observer_id": "ada", "observed_id": "ada"}, "query": "rowing", "top_k": 1}
    [found] = talk.post("/conclusions/query", query).json()
    assert found["content"] == "ada rows on the lake"
    pending = {"filters": {"sync_state": "pending"}}
    assert [one["id"] for one in talk.post("/conclusions/list", pending).json()["items"]] == [found["id"]]
    server.failure = None
    with backends.db.transaction() as conn:
        conn.execute("UPDATE conclusions SET created_at = now() - interval '3 minutes' WHERE indexed_at IS NULL")
    assert index_pending(backends) == 1
    assert found["id"] in server.documents()
    assert talk.post("/conclusions/list", pending).json()["items"] == []


def test_filters_hold_for_answers_by_words(talk: WorkspaceClient, server: TurbopufferServer):
    server.failure = Failure(503)

    def found(**filters: object) -> list[str]:
        body = {"filters": {"observer_id": "ada", "observed_id": "ada", **filters}, "query": "cello rain"}
        return sorted(one["content"] for one in talk.post("/conclusions/query", body).json())

    assert found() == ["ada likes rain", "ada plays the cello"]
    assert found(content={"icontains": "rain"}) == ["ada likes rain"]
    assert found(session_id="elsewhere") == []
