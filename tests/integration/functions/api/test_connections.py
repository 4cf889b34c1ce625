"""What a client sees of lost connections, of a database that is away, and of many others at the same time."""

import random
import socket
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.settings.sections import DbSettings
from shared.store.database import open_database
from tests.support.backends import offline_backends
from tests.support.database_proxy import DatabaseProxy
from tests.support.workspace_client import WorkspaceClient

Behind = tuple[DatabaseProxy, WorkspaceClient]
CLIENTS, PEERS, SESSIONS = 32, 6, 3


@pytest.fixture(scope="module", params=[True, False], ids=["pipelined", "singly"])
def line(
    database_dsn: str, owner_dsn: str, request: pytest.FixtureRequest
) -> Generator[tuple[DatabaseProxy, TestClient]]:
    """The API over a line that can be cut."""
    with api_behind_a_proxy(database_dsn, owner_dsn, pipeline=request.param) as opened:
        yield opened


@pytest.fixture
def behind(line: tuple[DatabaseProxy, TestClient], request: pytest.FixtureRequest) -> Behind:
    return line[0], furnished(line[1], request.node.name)


@contextmanager
def api_behind_a_proxy(dsn: str, owner_dsn: str, *, pipeline: bool) -> Generator[tuple[DatabaseProxy, TestClient]]:
    with (
        DatabaseProxy(dsn) as proxy,
        offline_backends(proxy.dsn, owner_dsn, db_section(proxy.dsn, pipeline=pipeline)) as backends,
    ):
        yield proxy, TestClient(create_app(backends), raise_server_exceptions=False)


def furnished(client: TestClient, name: str) -> WorkspaceClient:
    """A workspace with something to read in it."""
    workspace = WorkspaceClient(client, "".join(c if c.isalnum() else "_" for c in name)[:100])
    workspace.says("s", ("ada", "I live in Lisbon"), ("bob", "And I in Porto"))
    workspace.post("/conclusions", {"conclusions": [{"content": "Ada sails", **ada_of("ada")}]})
    return workspace


def db_section(dsn: str, **settings: object) -> dict[str, dict[str, object]]:
    return {"db": {"connection_uri": dsn, **settings}}


def ada_of(observer: str) -> dict[str, str]:
    return {"observer_id": observer, "observed_id": "ada"}


# Each with words of one of its statements.
REQUESTS = [
    ("POST", "/sessions/s/messages/list", {}, b"FROM messages"),
    ("GET", "/sessions/s/context", None, b"FROM messages"),
    ("POST", "/search", {"query": "Lisbon"}, b"message"),
    ("POST", "/conclusions/list", {}, b"FROM conclusions"),
    ("POST", "/conclusions/query", {"query": "boats", "filters": ada_of("ada")}, b"vector"),
    ("POST", "/peers/ada/representation", {}, b"FROM conclusions"),
    ("POST", "/peers/ada/chat", {"query": "Where does Ada live?"}, b"SELECT"),
    ("POST", "/peers", {"id": "ada", "metadata": {"a": 1}}, b"UPDATE peers"),
    ("PUT", "/peers/ada/card", {"peer_card": ["likes boats"]}, b"peer_cards"),
    ("POST", "/sessions/s/messages", {"messages": [{"peer_id": "ada", "content": "x"}]}, b"COMMIT"),
    ("GET", "/queue/status", None, b"work_units"),
]


@pytest.mark.parametrize("moment", ["before", "answer"])
@pytest.mark.parametrize(("method", "path", "body", "words"), REQUESTS, ids=[f"{r[0]} {r[1]}" for r in REQUESTS])
def test_request_when_the_line_is_cut_under_it_is_answered_all_the_same(
    behind: Behind, method, path, body, words, moment
):
    proxy, workspace = behind
    before = workspace.client.request(method, workspace.at(path), json=body)
    proxy.cut_at(moment, words)
    after = workspace.client.request(method, workspace.at(path), json=body)
    assert proxy.is_sprung
    assert (before.is_success, after.status_code) == (True, before.status_code), after.text
    if path == "/conclusions/query":
        assert "Degraded" not in after.headers, "asked again, and not half"


def test_requests_when_the_line_is_cut_between_them_notice_nothing(behind: Behind):
    proxy, workspace = behind
    for number in range(3):
        proxy.cut()
        workspace.says("t", ("ada", f"{number}"))
        proxy.cut()
        assert workspace.post("/sessions/t/messages/list").json()["total"] == number + 1


def test_database_that_goes_away_is_503_with_a_time_to_come_back_and_loses_nothing(
    database_dsn: str, owner_dsn: str, request: pytest.FixtureRequest
):
    with api_behind_a_proxy(database_dsn, owner_dsn, pipeline=True) as (proxy, client):
        workspace = furnished(client, request.node.name)
        proxy.cut_at("before")
        proxy.refuse()
        refused = [
            workspace.post("/sessions/s/messages", {"messages": [{"peer_id": "ada", "content": "half?"}]}),
            workspace.post("/sessions/s/messages/list"),
            workspace.post("/peers/ada/chat", {"query": "Where?"}),
        ]
        alive, ready = client.get("/health"), client.get("/health/ready")
    assert [answer.status_code for answer in refused] == [503, 503, 503]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert (alive.status_code, ready.status_code) == (200, 503)
    with psycopg.connect(database_dsn) as conn:
        kept = conn.execute("SELECT count(*), max(seq) FROM messages WHERE workspace = %s", [workspace.name])
        assert kept.fetchone() == (2, 2)


def test_database_that_falls_asleep_and_wakes_up_serves_again(
    owner_dsn: str, database_name: str, postgres_server, behind: Behind
):
    """Refusing as a server does that is paused or starting: it answers, but lets nobody in."""
    _, workspace = behind
    admin = postgres_server.dsn("postgres", "postgres")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {database_name} ALLOW_CONNECTIONS false")
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database_name])
        try:
            asleep = workspace.post("/sessions/s/messages/list")
            ready = workspace.client.get("/health/ready")
        finally:
            conn.execute(f"ALTER DATABASE {database_name} ALLOW_CONNECTIONS true")
    assert (asleep.status_code, ready.status_code) == (503, 503)
    assert int(asleep.headers["retry-after"]) >= 1
    assert workspace.client.get("/health/ready").status_code == 200
    assert workspace.post("/sessions/s/messages/list").json()["total"] == 2


def test_database_that_takes_calls_and_says_nothing_is_503_in_the_time_allowed(database_dsn: str, owner_dsn: str):
    """A paused cluster behind a proxy: the line is there, the answer is not."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/none"
        with offline_backends(database_dsn, owner_dsn) as opened:
            asleep = open_database(DbSettings.model_validate({"connection_uri": dsn, "connect_timeout_seconds": 2}))
            client = TestClient(create_app(replace(opened, db=asleep)), raise_server_exceptions=False)
            message = {"peer_id": "ada", "content": "lost?"}
            answer = client.post("/v3/workspaces/w/sessions/s/messages", json={"messages": [message]})
            assert client.get("/health").status_code == 200
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.elapsed.total_seconds() < 4


@pytest.mark.parametrize("pipeline", [True, False], ids=["pipelined", "singly"])
def test_many_clients_with_shuffled_peers_in_a_new_workspace_store_everything_once_and_in_order(
    database_dsn: str, owner_dsn: str, pipeline: bool
):
    def write(number: int) -> int:
        peers = [f"p{n}" for n in range(PEERS)]
        random.Random(number).shuffle(peers)
        messages = [{"peer_id": peer, "content": f"{number} {peer}"} for peer in peers]
        return workspace.post(f"/sessions/s{number % SESSIONS}/messages", {"messages": messages}).status_code

    settings = db_section(database_dsn, pipeline=pipeline, pool_size=CLIENTS)
    with offline_backends(database_dsn, owner_dsn, settings) as backends:
        workspace = WorkspaceClient(TestClient(create_app(backends), raise_server_exceptions=False), f"new{pipeline}")
        with ThreadPoolExecutor(CLIENTS) as pool:
            assert set(pool.map(write, range(CLIENTS))) == {201}
        found = places(backends, workspace.name)
    for session in range(SESSIONS):
        seqs = [seq for name, seq, _ in found if name == f"s{session}"]
        assert seqs == list(range(1, len(seqs) + 1))
    assert sorted(content for _, _, content in found) == sorted(
        f"{number} p{peer}" for number in range(CLIENTS) for peer in range(PEERS)
    )


def places(backends: Backends, workspace: str) -> list[tuple[str, int, str]]:
    with backends.db.reading() as conn:
        rows = conn.execute(
            "SELECT session, seq, content FROM messages WHERE workspace = %s ORDER BY 1, 2", [workspace]
        )
        return rows.fetchall()
