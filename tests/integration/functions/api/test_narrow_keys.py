"""What keys of one peer or session may name in bodies and queries: chapter 3.4 of the wire format."""

from collections.abc import Generator
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from tests.support.backends import offline_backends
from tests.support.guarded_world import ADMIN, SECTIONS, World, bearer, build

REFUSAL = {"detail": "The key does not allow this."}
# `talk` is alice's, `den` is bob's, `old` alice has left, `gone` is not there.
SESSIONS = {"talk": 200, "den": 401, "old": 401, "gone": 401}


@pytest.fixture(scope="module")
def world(database_dsn: str, owner_dsn: str) -> Generator[World]:
    with offline_backends(database_dsn, owner_dsn, SECTIONS) as backends:
        built = build(TestClient(create_app(backends), raise_server_exceptions=False), "narrow")
        at = f"/v3/workspaces/{built.here}/sessions"
        built.client.post(at, json={"id": "old", "peers": {"alice": {}, "bob": {}}}, headers=ADMIN)
        built.client.request("DELETE", f"{at}/old/peers", json=["alice"], headers=ADMIN)
        yield built


class Caller:
    """Calls below the world's workspace with one key."""

    def __init__(self, world: World, **claims: str) -> None:
        self._client, self._at = world.client, f"/v3/workspaces/{world.here}"
        self._headers = bearer(w=world.here, **claims)

    def status(self, method: str, path: str, body: Any = None, **query: Any) -> int:
        answer = self._client.request(method, self._at + path, json=body, params=query, headers=self._headers)
        if answer.status_code == 401:
            assert answer.json() == REFUSAL
        return answer.status_code


@pytest.fixture
def alice(world: World) -> Caller:
    return Caller(world, p="alice")


@pytest.fixture
def talk(world: World) -> Caller:
    return Caller(world, s="talk")


def test_peer_key_gets_and_changes_its_peer_only(alice: Caller):
    assert alice.status("POST", "/peers", {"id": "alice", "metadata": {"mine": 1}}) == 200
    assert alice.status("POST", "/peers", {"id": "bob"}) == 401
    assert alice.status("POST", "/peers", {"id": "nobody", "metadata": {}}) == 401


def test_session_key_gets_and_changes_no_peer(talk: Caller, world: World):
    assert talk.status("POST", "/peers", {"id": "alice"}) == 401
    assert talk.status("POST", "/peers", {"id": "nobody"}) == 401
    assert Caller(world, s="talk", p="alice").status("POST", "/peers", {"id": "alice"}) == 401


@pytest.mark.parametrize(("session", "status"), SESSIONS.items())
def test_peer_key_reads_the_sessions_it_is_in(alice: Caller, session: str, status: int):
    assert alice.status("POST", "/sessions", {"id": session}) == status
    assert alice.status("POST", "/sessions", {"id": session, "metadata": None, "peers": {}, "scopes": []}) == status


@pytest.mark.parametrize(
    "change", [{"metadata": {}}, {"configuration": {}}, {"peers": {"alice": {}}}, {"scopes": ["talk-scope"]}], ids=str
)
def test_peer_key_changes_no_session_not_even_its_own(alice: Caller, change: dict[str, Any]):
    assert alice.status("POST", "/sessions", {"id": "talk", **change}) == 401
    assert alice.status("POST", "/sessions", {"id": "gone", **change}) == 401


def test_session_key_changes_its_session_but_not_its_scopes(talk: Caller):
    assert talk.status("POST", "/sessions", {"id": "talk", "metadata": {"x": 1}, "peers": {"alice": {}}}) == 200
    assert talk.status("POST", "/sessions", {"id": "talk", "scopes": ["talk-scope"]}) == 401
    assert talk.status("POST", "/sessions", {"id": "den"}) == 401
    assert talk.status("POST", "/sessions", {"id": "gone"}) == 401


@pytest.mark.parametrize("path", ["/peers/alice/chat", "/peers/alice/representation"])
@pytest.mark.parametrize(("session", "status"), SESSIONS.items())
def test_peer_key_asks_about_sessions_it_is_in(alice: Caller, path: str, session: str, status: int):
    question = {"query": "Where does alice live?"}
    assert alice.status("POST", path, {**question, "session_id": session}) == status
    assert alice.status("POST", path, {**question, "filters": {"session_id": session}}) == status
    assert alice.status("POST", path, {**question, "filters": {"session_id": {"in": ["talk", session]}}}) == status


@pytest.mark.parametrize("path", ["/peers/alice/chat", "/peers/alice/representation"])
@pytest.mark.parametrize("scope", ["talk-scope", "no-scope", ["talk-scope"]], ids=str)
def test_peer_key_sees_through_no_scope(alice: Caller, path: str, scope: object):
    assert alice.status("POST", path, {"query": "Where?", "scope": scope}) == 401


def test_peer_key_streams_only_after_its_checks(alice: Caller):
    assert alice.status("POST", "/peers/alice/chat", {"query": "Where?", "stream": True, "session_id": "den"}) == 401


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 200),
        ({"peer_target": "alice"}, 200),
        ({"peer_target": "bob"}, 401),
        ({"peer_target": "nobody"}, 401),
        ({"peer_target": "bob", "peer_perspective": "alice"}, 200),
        ({"peer_target": "alice", "peer_perspective": "bob"}, 401),
        ({"peer_target": "alice", "sessions": ["talk"]}, 200),
        ({"peer_target": "alice", "sessions": ["talk", "den"]}, 401),
        ({"peer_target": "alice", "sessions": ["talk", "old"]}, 401),
        ({"peer_target": "alice", "sessions": ["talk", "gone"]}, 401),
        ({"peer_target": "alice", "scope": "talk-scope"}, 401),
        ({"peer_target": "alice", "scope": "no-scope"}, 401),
    ],
    ids=str,
)
def test_context_for_a_peer_key_shows_its_own_perspective(alice: Caller, query: dict[str, Any], status: int):
    assert alice.status("GET", "/sessions/talk/context", **query) == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"peer_target": "bob"}, 200),
        ({"peer_target": "alice", "peer_perspective": "bob"}, 200),
        ({"peer_target": "alice", "scope": "talk-scope"}, 401),
    ],
    ids=str,
)
def test_context_for_a_session_key_shows_any_perspective_but_no_scope(talk: Caller, query: dict[str, Any], status: int):
    assert talk.status("GET", "/sessions/talk/context", **query) == status


def test_membership_opens_reading_and_ends_with_it(world: World):
    dora, at = Caller(world, p="dora"), f"/v3/workspaces/{world.here}/sessions/den/peers"
    assert dora.status("GET", "/sessions/den/summaries") == 401
    world.client.post(at, json={"dora": {}}, headers=ADMIN)
    assert dora.status("GET", "/sessions/den/summaries") == 200
    assert dora.status("GET", "/sessions/den/peers/dora/config") == 200
    assert dora.status("GET", "/sessions/den/peers/bob/config") == 401
    said = {"messages": [{"peer_id": "dora", "content": "Hello"}]}
    assert dora.status("POST", "/sessions/den/messages", said) == 401
    world.client.request("DELETE", at, json=["dora"], headers=ADMIN)
    assert dora.status("GET", "/sessions/den/summaries") == 401
    assert dora.status("GET", "/sessions/den/peers/dora/config") == 401


@pytest.mark.parametrize("claims", [{}, {"p": "alice"}, {"s": "talk"}, {"s": "talk", "p": "alice"}], ids=str)
def test_key_of_any_width_gets_its_own_workspace_only(world: World, claims: dict[str, str]):
    headers = bearer(w=world.here, **claims)
    statuses = [
        world.client.post("/v3/workspaces", json={"id": name}, headers=headers).status_code
        for name in (world.here, world.there, "nowhere")
    ]
    assert statuses == [200, 401, 401]
