"""Scopes over HTTP: routes, what each read makes of them, and where their peers have no place."""

from typing import Any

import pytest

from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory.backfill import reconcile
from tests.support.backends import RecordingQueue
from tests.support.workspace_client import WorkspaceClient


@pytest.fixture
def known(workspace: WorkspaceClient, backends: Backends) -> WorkspaceClient:
    """Scope `home` holds session `s`, scope `work` session `t`; alice and bob said something in each."""
    for session, fact in (("s", "alice is allergic to peanuts"), ("t", "alice leads the Lisbon office")):
        workspace.says(session, ("alice", f"As you know, {fact}"), ("bob", "I row every morning"))
        _concludes(workspace, "alice", session, fact)
    workspace.post("/scopes", {"id": "home"})
    workspace.post("/scopes", {"id": "work"})
    assert workspace.post("/scopes/home/sessions", {"session_ids": ["s"]}).status_code == 204
    assert workspace.post("/scopes/work/sessions", {"session_ids": ["t"]}).status_code == 204
    _settle(backends)
    return workspace


def _concludes(workspace: WorkspaceClient, peer: str, session: str | None, content: str) -> None:
    item = {"content": content, "observer_id": peer, "observed_id": peer, "session_id": session}
    made = workspace.post("/conclusions", {"conclusions": [item]})
    assert made.status_code == 201, made.text


def _settle(backends: Backends) -> None:
    assert isinstance(backends.queue, RecordingQueue)
    for wake_up in backends.queue.take(TaskKind.SCOPE):
        reconcile(backends, wake_up)


def _represented(workspace: WorkspaceClient, **body: object) -> str:
    answer = workspace.post("/peers/alice/representation", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["representation"]


def test_scope_is_made_once_and_keeps_metadata_unless_given_new(workspace: WorkspaceClient):
    made = workspace.post("/scopes", {"name": "team", "metadata": {"a": 1}})
    assert made.status_code == 201
    assert made.json().keys() == {"id", "metadata", "created_at"}
    again = workspace.post("/scopes", {"id": "team"})
    assert (again.status_code, again.json()) == (200, made.json())
    changed = workspace.post("/scopes", {"id": "team", "metadata": {"b": 2}}).json()
    assert changed["metadata"] == {"b": 2}
    assert workspace.get("/scopes/team").json() == changed
    assert workspace.get("/scopes/none").status_code == 404


def test_scopes_are_listed_in_the_order_of_their_making(workspace: WorkspaceClient):
    for name in ("b", "a"):
        workspace.post("/scopes", {"id": name})
    listed = workspace.post("/scopes/list", {"filters": "ignored"}).json()
    assert [scope["id"] for scope in listed["items"]] == ["b", "a"]
    backwards = workspace.post("/scopes/list", None, reverse=True, size=1).json()
    assert ([scope["id"] for scope in backwards["items"]], backwards["pages"]) == (["a"], 2)


def test_sessions_of_a_scope_come_in_the_order_they_joined(workspace: WorkspaceClient):
    workspace.post("/scopes", {"id": "team"})
    for session in ("z", "a"):
        workspace.post("/sessions", {"id": session})
        workspace.post("/scopes/team/sessions", {"session_ids": [session]})
    listed = workspace.post("/scopes/team/sessions/list").json()
    assert [one["id"] for one in listed["items"]] == ["z", "a"]
    assert listed["items"][0] == workspace.post("/sessions", {"id": "z"}).json()
    assert workspace.delete("/scopes/team/sessions/z").status_code == 204
    assert workspace.delete("/scopes/team/sessions/z").status_code == 204
    assert [one["id"] for one in workspace.post("/scopes/team/sessions/list").json()["items"]] == ["a"]


def test_status_shows_only_sessions_with_a_past(workspace: WorkspaceClient, backends: Backends):
    workspace.post("/sessions", {"id": "empty", "scopes": ["team"]})
    workspace.says("s", ("alice", "hello"))
    assert workspace.get("/scopes/team/status").json() == {"backfill_status": {}}
    workspace.post("/scopes/team/sessions", {"session_ids": ["s", "s"]})
    pending = workspace.get("/scopes/team/status").json()["backfill_status"]
    assert pending.keys() == {"s"}
    assert (pending["s"]["state"], pending["s"].keys()) == ("pending", {"state", "updated_at"})
    _settle(backends)
    done = workspace.get("/scopes/team/status").json()["backfill_status"]["s"]
    assert (done["state"], done["docs_copied"]) == ("completed", 0)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/scopes", {"id": "scope.x"}, 422),
        ("/scopes", {"id": "x" * 507}, 422),
        ("/scopes", {"id": "x" * 506}, 201),
        ("/scopes", {}, 422),
        ("/scopes/none/sessions", {"session_ids": ["s"]}, 404),
        ("/scopes/none/sessions/list", None, 404),
        ("/scopes/home/sessions", {"session_ids": ["s", "none"]}, 404),
        ("/scopes/home/sessions", {"session_ids": []}, 422),
        ("/scopes/home/sessions", {"session_ids": [f"s{n}" for n in range(101)]}, 422),
        ("/sessions", {"id": "s", "scopes": [f"s{n}" for n in range(101)]}, 422),
        ("/sessions", {"id": "s", "scopes": ["scope.home"]}, 422),
    ],
)
def test_scope_requests_are_checked(known: WorkspaceClient, path: str, body: object, status: int):
    assert known.post(path, body).status_code == status


@pytest.mark.parametrize("path", ["/scopes/none/sessions/s", "/scopes/home/sessions/none"])
def test_removing_from_or_of_what_is_not_there_is_not_found(known: WorkspaceClient, path: str):
    assert known.delete(path).status_code == 404


def test_scope_peers_are_listed_on_request_only(known: WorkspaceClient):
    def listed(body: object) -> list[str]:
        return [peer["id"] for peer in known.post("/peers/list", body).json()["items"]]

    assert set(listed(None)) == {"alice", "bob"}
    assert listed({"kind": "scope"}) == ["scope.home", "scope.work"]
    assert set(listed({"kind": "all"})) == {"alice", "bob", "scope.home", "scope.work"}
    members = known.get("/sessions/s/peers").json()["items"]
    assert [peer["id"] for peer in members] == ["alice", "bob"]


@pytest.mark.parametrize("name", ["scope.home", "scope.none"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/peers", {"id": "{}"}),
        ("PUT", "/peers/{}", {}),
        ("POST", "/peers/{}/sessions", None),
        ("POST", "/peers/{}/chat", {"query": "x"}),
        ("POST", "/peers/alice/chat", {"query": "x", "target": "{}"}),
        ("POST", "/peers/{}/representation", {}),
        ("POST", "/peers/alice/representation", {"target": "{}"}),
        ("GET", "/peers/{}/context", None),
        ("GET", "/peers/alice/context?target={}", None),
        ("GET", "/peers/alice/card?target={}", None),
        ("POST", "/sessions", {"id": "s", "peers": {"{}": {}}}),
        ("POST", "/sessions/s/peers", {"{}": {}}),
        ("PUT", "/sessions/s/peers", {"{}": {}}),
        ("DELETE", "/sessions/s/peers", ["{}"]),
        ("GET", "/sessions/s/peers/{}/config", None),
        ("PUT", "/sessions/s/peers/{}/config", {}),
        ("POST", "/sessions/s/messages", {"messages": [{"peer_id": "{}", "content": "x"}]}),
        ("POST", "/conclusions", {"conclusions": [{"content": "x", "observer_id": "alice", "observed_id": "{}"}]}),
        ("GET", "/sessions/s/context?peer_target={}", None),
        ("GET", "/sessions/s/context?peer_target=alice&peer_perspective={}", None),
    ],
)
def test_scope_peer_is_refused_where_an_ordinary_one_belongs(
    known: WorkspaceClient, method: str, path: str, body: Any, name: str
):
    answer = known.client.request(method, known.at(path.replace("{}", name)), json=_filled(body, name))
    assert answer.status_code == 422, answer.text


def _filled(body: Any, name: str) -> Any:
    match body:
        case str():
            return body.replace("{}", name)
        case list():
            return [_filled(one, name) for one in body]
        case dict():
            return {_filled(key, name): _filled(value, name) for key, value in body.items()}
        case _:
            return body


def test_scope_peer_may_observe_and_its_card_may_be_read(known: WorkspaceClient):
    item = {"content": "alice is calm", "observer_id": "scope.home", "observed_id": "alice", "session_id": None}
    assert known.post("/conclusions", {"conclusions": [item]}).status_code == 201
    assert known.get("/peers/scope.home/card", target="alice").json() == {"peer_card": None}
    assert "alice is calm" in _represented(known, scope="home")
    assert "alice is calm" not in _represented(known)


def test_representation_through_a_scope_shows_its_view_and_through_several_their_sessions(known: WorkspaceClient):
    _concludes(known, "alice", None, "alice is everywhere")
    assert "peanuts" in _represented(known, scope="home")
    assert "Lisbon" not in _represented(known, scope="home")
    both = _represented(known, scope=["home", "work"])
    assert "peanuts" in both
    assert "Lisbon" in both
    assert "everywhere" not in both
    assert _represented(known, scope="home", target="bob") == ""


def test_representation_when_a_session_was_removed_shows_nothing_of_it(known: WorkspaceClient, backends: Backends):
    known.delete("/scopes/home/sessions/s")
    assert _represented(known, scope=["home"]) == ""
    _settle(backends)
    assert _represented(known, scope="home") == ""
    assert "peanuts" in _represented(known)
    assert known.get("/scopes/home/status").json() == {"backfill_status": {}}


def test_chat_through_a_scope_knows_what_the_scope_knows(known: WorkspaceClient):
    def answered(**body: object) -> str:
        answer = known.post("/peers/alice/chat", {"query": "What is alice allergic to?", **body})
        assert answer.status_code == 200, answer.text
        return answer.json()["content"] or ""

    assert "peanuts" in answered(scope="home")
    assert "peanuts" in answered(scope=["home"])
    assert "peanuts" not in answered(scope="work")
    assert "peanuts" not in answered(scope=["work"])
    assert "peanuts" in answered(scope="home", target="alice", reasoning_level="minimal")


def test_chat_through_a_scope_reads_messages_of_its_sessions_only(known: WorkspaceClient, backends: Backends):
    def sessions_read(scope: str) -> set[str]:
        body = {"query": "Who rows?", "target": "bob", "scope": scope, "include_evidence": True}
        answer = known.post("/peers/alice/chat", body)
        return {message["session_id"] for message in answer.json()["evidence"]["messages"]}

    assert sessions_read("home") == {"s"}
    known.delete("/scopes/home/sessions/s")
    _settle(backends)
    assert sessions_read("home") == set()


def test_context_through_a_scope_takes_its_view_of_the_target(known: WorkspaceClient):
    seen = known.get("/sessions/t/context", peer_target="alice", scope="home").json()
    assert "peanuts" in seen["peer_representation"]
    assert "Lisbon" not in seen["peer_representation"]
    assert known.get("/sessions/t/context", peer_target="stranger", scope="home").json()["peer_representation"] == ""


def test_search_within_a_scope_stays_in_its_sessions(known: WorkspaceClient):
    def found(scope: str) -> set[str]:
        answer = known.post("/search", {"query": "rowing every morning", "scope": scope})
        assert answer.status_code == 200, answer.text
        return {message["session_id"] for message in answer.json()}

    assert found("home") == {"s"}
    known.delete("/scopes/home/sessions/s")
    assert found("home") == set()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/peers/alice/representation", {"scope": "none"}, 404),
        ("POST", "/peers/alice/representation", {"scope": ["home", "none"]}, 404),
        ("POST", "/peers/alice/representation", {"scope": []}, 422),
        ("POST", "/peers/alice/representation", {"scope": "scope.home"}, 422),
        ("POST", "/peers/alice/representation", {"scope": "home", "session_id": "s"}, 422),
        ("POST", "/peers/alice/representation", {"scope": "home", "filters": {"session_id": "s"}}, 422),
        ("POST", "/peers/alice/chat", {"query": "x", "scope": "none"}, 404),
        ("POST", "/peers/alice/chat", {"query": "x", "scope": ["home"], "filters": {"session_id": "s"}}, 422),
        ("POST", "/peers/alice/chat", {"query": "x", "scope": "home", "session_id": "s"}, 422),
        ("POST", "/peers/alice/chat", {"query": "x", "scope": "home", "target": "nobody"}, 404),
        ("POST", "/search", {"query": "x", "scope": "none"}, 404),
        ("POST", "/search", {"query": "x", "scope": "home", "filters": {"session_id": "s"}}, 422),
        ("POST", "/search", {"query": "x", "scope": "home", "filters": {"OR": [{"session_id": "s"}]}}, 422),
        ("POST", "/search", {"query": "x", "scope": "home", "filters": {"metadata": {"session_id": "s"}}}, 200),
        ("POST", "/search", {"query": "x", "scope": ["home"]}, 422),
        ("GET", "/sessions/s/context?peer_target=alice&scope=none", None, 404),
        ("GET", "/sessions/s/context?scope=home", None, 422),
        ("GET", "/sessions/s/context?peer_target=alice&scope=home&peer_perspective=bob", None, 422),
        ("GET", "/sessions/s/context?peer_target=alice&scope=home&sessions=s", None, 422),
        ("GET", "/sessions/s/context?peer_target=alice&scope=home&limit_to_session=true", None, 200),
    ],
)
def test_reads_through_scopes_are_checked(known: WorkspaceClient, method: str, path: str, body: object, status: int):
    answer = known.client.request(method, known.at(path), json=body)
    assert answer.status_code == status, answer.text


def test_scopes_that_hold_too_many_sessions_together_are_refused(workspace: WorkspaceClient, backends: Backends):
    workspace.post("/scopes", {"id": "large"})
    with backends.db.transaction() as conn:
        conn.execute(
            "INSERT INTO sessions (workspace, name, uid) SELECT %s, 's' || n, n FROM generate_series(1, 1001) AS n",
            (workspace.name,),
        )
        conn.execute(
            "INSERT INTO members (workspace, session, peer, observe_others)"
            " SELECT workspace, name, 'scope.large', true FROM sessions WHERE workspace = %s",
            (workspace.name,),
        )
    assert workspace.post("/peers/a/representation", {"scope": ["large"]}).status_code == 422
    assert workspace.post("/peers/a/representation", {"scope": "large"}).status_code == 200
    assert workspace.post("/search", {"query": "x", "scope": "large"}).status_code == 200
    assert workspace.post("/chat", {"query": "x", "scope": "large"}).status_code == 422
