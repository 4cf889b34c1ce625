"""Requests with an `Idempotency-Key`: whatever comes twice happens once and is answered alike."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, LiteralString

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory import retries
from shared.memory.forget import forget
from tests.support.backends import FrozenClock, RecordingQueue, offline_backends
from tests.support.guarded_world import ADMIN, SECTIONS, bearer
from tests.support.residue import residue
from tests.support.workspace_client import WorkspaceClient

TWINS = 50
COUNT: LiteralString = "SELECT count(*) FROM messages WHERE workspace = %s"
Ask = Callable[[WorkspaceClient, str], Response]


def keyed(workspace: WorkspaceClient, key: str, path: str, body: object = None, **more: Any) -> Response:
    return workspace.client.post(workspace.at(path), json=body, headers={"Idempotency-Key": key}, **more)


def says(workspace: WorkspaceClient, key: str, content: str = "hello", session: str = "s") -> Response:
    return keyed(workspace, key, f"/sessions/{session}/messages", {"messages": [_message(content)]})


def uploads(workspace: WorkspaceClient, key: str, content: bytes = b"a file", name: str = "f.txt") -> Response:
    files, fields = {"file": (name, content, "text/plain")}, {"peer_id": "ada"}
    return keyed(workspace, key, "/sessions/s/messages/upload", files=files, data=fields)


def kept(backends: Backends, query: LiteralString, *values: object) -> int:
    with backends.db.reading() as conn:
        row = conn.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


def _message(content: str) -> dict[str, str]:
    return {"peer_id": "ada", "content": content}


def _conclusion(content: str) -> dict[str, object]:
    return {"conclusions": [{"content": content, "observer_id": "ada", "observed_id": "ada", "session_id": "s"}]}


def _workspace(workspace: WorkspaceClient, key: str, **metadata: str) -> Response:
    body = {"id": f"{workspace.name}-new", "metadata": metadata}
    return workspace.client.post("/v3/workspaces", json=body, headers={"Idempotency-Key": key})


# Each asks for something, and for something else.
ROUTES: dict[str, tuple[Ask, Ask]] = {
    "messages": (lambda w, k: says(w, k, "one"), lambda w, k: says(w, k, "two")),
    "upload": (lambda w, k: uploads(w, k, b"one"), lambda w, k: uploads(w, k, b"two")),
    "conclusions": (
        lambda w, k: keyed(w, k, "/conclusions", _conclusion("Ada sails")),
        lambda w, k: keyed(w, k, "/conclusions", _conclusion("Ada rows")),
    ),
    "workspaces": (lambda w, k: _workspace(w, k, a="1"), lambda w, k: _workspace(w, k, a="2")),
    "peers": (
        lambda w, k: keyed(w, k, "/peers", {"id": "new", "metadata": {"a": 1}}),
        lambda w, k: keyed(w, k, "/peers", {"id": "new", "metadata": {"a": 2}}),
    ),
    "sessions": (
        lambda w, k: keyed(w, k, "/sessions", {"id": "new", "peers": {"ada": {}}}),
        lambda w, k: keyed(w, k, "/sessions", {"id": "new", "peers": {"bob": {}}}),
    ),
    "members": (
        lambda w, k: keyed(w, k, "/sessions/s/peers", {"bob": {}}),
        lambda w, k: keyed(w, k, "/sessions/s/peers", {"eve": {}}),
    ),
    "clone": (
        lambda w, k: keyed(w, k, "/sessions/s/clone"),
        lambda w, k: keyed(w, k, "/sessions/t/clone"),
    ),
    "scopes": (
        lambda w, k: keyed(w, k, "/scopes", {"id": "work"}),
        lambda w, k: keyed(w, k, "/scopes", {"id": "home"}),
    ),
    "scope sessions": (
        lambda w, k: keyed(w, k, "/scopes/there/sessions", {"session_ids": ["s"]}),
        lambda w, k: keyed(w, k, "/scopes/there/sessions", {"session_ids": ["t"]}),
    ),
    "webhooks": (
        lambda w, k: keyed(w, k, "/webhooks", {"url": "https://example.com/a"}),
        lambda w, k: keyed(w, k, "/webhooks", {"url": "https://example.com/b"}),
    ),
}


@pytest.fixture
def furnished(workspace: WorkspaceClient) -> WorkspaceClient:
    workspace.says("s", ("ada", "hello"))
    workspace.says("t", ("ada", "hello"))
    workspace.post("/scopes", {"id": "there"})
    return workspace


@pytest.mark.parametrize("route", ROUTES)
def test_same_key_and_body_gives_the_first_answer_again_and_says_so(furnished: WorkspaceClient, route: str):
    ask, _ = ROUTES[route]
    first, again, other_key = ask(furnished, "k"), ask(furnished, "k"), ask(furnished, "another")
    assert first.is_success, first.text
    assert "idempotency-replayed" not in first.headers
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers.get("content-type") == first.headers.get("content-type")
    assert other_key.is_success
    assert "idempotency-replayed" not in other_key.headers


@pytest.mark.parametrize("route", ROUTES)
def test_same_key_with_another_body_is_422_and_changes_nothing(furnished: WorkspaceClient, route: str):
    ask, ask_otherwise = ROUTES[route]
    first, refused, again = ask(furnished, "k"), ask_otherwise(furnished, "k"), ask(furnished, "k")
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json()["detail"]
    assert again.content == first.content


def test_messages_with_the_same_key_are_one_row_with_one_derivation(backends: Backends, workspace: WorkspaceClient):
    ids = {says(workspace, "k").json()[0]["id"] for _ in range(3)}
    assert len(ids) == 1
    assert kept(backends, COUNT, workspace.name) == 1
    assert kept(backends, "SELECT count(*) FROM work_items WHERE workspace = %s", workspace.name) == 2


def test_body_written_in_another_order_is_the_same_and_the_same_body_elsewhere_is_not(workspace: WorkspaceClient):
    path, headers = workspace.at("/sessions/s/messages"), {"Idempotency-Key": "k", "Content-Type": "application/json"}
    message = _message("hello")
    backwards = dict(reversed(message.items()))
    one = workspace.client.post(path, content=json.dumps({"messages": [message]}), headers=headers)
    two = workspace.client.post(path, content=json.dumps({"messages": [backwards]}, indent=2), headers=headers)
    assert (two.status_code, two.content) == (201, one.content)
    assert workspace.client.post(path + "/", json={"messages": [message]}, headers=headers).content == one.content
    assert says(workspace, "k", session="t").status_code == 422
    assert says(workspace, "k", "hello ").status_code == 422


def test_upload_with_the_same_key_is_known_by_its_parts_and_not_by_what_divides_them(workspace: WorkspaceClient):
    first = uploads(workspace, "k")
    assert first.request.headers["content-type"] != uploads(workspace, "k").request.headers["content-type"]
    assert uploads(workspace, "k").content == first.content
    assert uploads(workspace, "k", name="g.txt").status_code == 422


def test_keys_of_one_workspace_are_unknown_in_another(workspace: WorkspaceClient):
    there = WorkspaceClient(workspace.client, workspace.name[:90] + "-b")
    assert says(workspace, "k", "here").status_code == says(there, "k", "there").status_code == 201


def test_fifty_parallel_twins_make_one_row_and_nobody_gets_another_answer(
    backends: Backends, workspace: WorkspaceClient
):
    with ThreadPoolExecutor(TWINS) as pool:
        answers = list(pool.map(lambda _: says(workspace, "k"), range(TWINS)))
    given = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code != 201]
    assert {answer.status_code for answer in waiting} <= {409}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in waiting)
    assert len({answer.content for answer in given}) == 1
    assert len([answer for answer in given if "idempotency-replayed" not in answer.headers]) == 1
    assert kept(backends, COUNT, workspace.name) == 1


def test_refusals_are_not_kept_so_that_the_key_serves_the_corrected_request(workspace: WorkspaceClient):
    body = _conclusion("Ada sails")
    assert keyed(workspace, "k", "/conclusions", body).status_code == 404
    assert keyed(workspace, "k", "/conclusions", {"conclusions": []}).status_code == 422
    workspace.says("s", ("ada", "hello"))
    assert keyed(workspace, "k", "/conclusions", body).status_code == 201


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "tab\t", b"\xe9"])
def test_key_that_is_none_is_422_and_nothing_happens(backends: Backends, workspace: WorkspaceClient, key: Any):
    answer = says(workspace, key)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["header", "Idempotency-Key"]
    assert kept(backends, COUNT, workspace.name) == 0


def test_key_of_255_characters_is_one(workspace: WorkspaceClient):
    assert says(workspace, "~" * 255).content == says(workspace, "~" * 255).content


@pytest.mark.parametrize("path", ["/peers/list", "/sessions/s/messages/list", "/scopes/list"])
def test_reads_take_any_key_and_heed_none(furnished: WorkspaceClient, path: str):
    before = keyed(furnished, "k", path, {})
    furnished.says("s", ("bob", "more"))
    after = keyed(furnished, "k", path, {"filters": None})
    assert (before.status_code, after.status_code) == (200, 200)
    assert "idempotency-replayed" not in after.headers


def test_key_is_forgotten_after_its_time_and_then_taken_away(backends: Backends, workspace: WorkspaceClient):
    clock = FrozenClock(datetime.now(UTC))
    later = WorkspaceClient(TestClient(create_app(replace(backends, clock=clock))), workspace.name)
    first = says(later, "k")
    says(later, "unused")
    clock.advance(minutes=24 * 60 - 1)
    assert says(later, "k").content == first.content
    clock.advance(minutes=2)
    assert says(later, "k").json()[0]["id"] != first.json()[0]["id"]
    retries.purge(replace(backends, clock=clock))
    left = "SELECT count(*) FROM idempotency_keys WHERE workspace = %s"
    assert kept(backends, left, workspace.name) == 1


@pytest.mark.parametrize("path", ["/sessions/s", ""])
def test_answers_kept_for_a_key_go_with_what_they_show_and_do_not_bring_it_back(
    backends: Backends, workspace: WorkspaceClient, owner_dsn: str, path: str
):
    says(workspace, "k", "canary one")
    keyed(workspace, "c", "/conclusions", _conclusion("canary two"))
    keyed(workspace, "p", "/sessions", {"id": "s", "metadata": {"a": "canary"}})
    uploads(workspace, "u", b"canary three")
    says(workspace, "other", "parrot", session="t")
    assert residue(owner_dsn, "canary")["idempotency_keys"] == 4
    for session in ("s", *(["t"] if not path else [])):
        workspace.delete(f"/sessions/{session}")
    if not path:
        workspace.delete("")
    assert isinstance(backends.queue, RecordingQueue)
    for wake_up in backends.queue.take(TaskKind.FORGET):
        forget(backends, wake_up)
    assert residue(owner_dsn, "canary") == {}
    if not path:
        assert kept(backends, "SELECT count(*) FROM idempotency_keys WHERE workspace = %s", workspace.name) == 0
        return
    # A retry that comes only now makes nothing anew.
    again = [
        says(workspace, "k", "canary one"),
        keyed(workspace, "c", "/conclusions", _conclusion("canary two")),
        keyed(workspace, "p", "/sessions", {"id": "s", "metadata": {"a": "canary"}}),
        uploads(workspace, "u", b"canary three"),
    ]
    assert [answer.status_code for answer in again] == [404] * 4
    assert residue(owner_dsn, "canary") == {}
    assert says(workspace, "other", "parrot", session="t").headers["idempotency-replayed"] == "true"


def test_keys_of_one_caller_are_unknown_to_another_and_nobody_unknown_leaves_any(database_dsn: str, owner_dsn: str):
    path, body = "/v3/workspaces/callers/sessions/s/messages", {"messages": [_message("hello")]}
    who = [bearer(w="callers"), bearer(w="callers", s="s"), ADMIN]
    with offline_backends(database_dsn, owner_dsn, SECTIONS) as guarded:
        client = TestClient(create_app(guarded), raise_server_exceptions=False)
        first = [client.post(path, json=body, headers={**one, "Idempotency-Key": "k"}) for one in who]
        # Another token with the same claims is the same caller.
        fresh = bearer(w="callers", jti="fresh")
        again = client.post(path, json=body, headers={**fresh, "Idempotency-Key": "k"})
        stranger = client.post(path, json=body, headers={**bearer(w="there"), "Idempotency-Key": "s"})
        assert kept(guarded, "SELECT count(*) FROM idempotency_keys WHERE workspace = %s", "callers") == 3
    assert [answer.status_code for answer in first] == [201, 201, 201]
    assert len({answer.json()[0]["id"] for answer in first}) == 3
    assert again.content == first[0].content
    assert stranger.status_code == 401


@pytest.mark.parametrize("depth", [50, 400, 900, 5000])
def test_key_with_a_deeply_nested_body_is_no_error_of_ours(workspace: WorkspaceClient, depth: int):
    nested = '{"a":' * depth + "1" + "}" * depth
    body = f'{{"messages": [{{"peer_id": "ada", "content": "x", "metadata": {nested}}}]}}'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    path = workspace.at("/sessions/s/messages")
    first, again = (workspace.client.post(path, content=body, headers=headers) for _ in range(2))
    assert first.status_code < 500
    assert (again.status_code, again.content) == (first.status_code, first.content)
