"""Requests that come twice through the door: with a key, after hanging up, and after the process ended."""

import socket
import time
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from honcho import Honcho

from infra.local.stack import ROOT, Stack
from tests.support.stack import assert_each_message_was_derived_once, data_folder, drained

TWINS = 50
MESSAGE = {"messages": [{"peer_id": "ada", "content": "I live in Porto."}]}


@pytest.fixture
def workspace() -> str:
    return f"retries-{uuid.uuid4().hex[:8]}"


def url(stack: Stack, workspace: str) -> str:
    return f"{stack.base_url}/v3/workspaces/{workspace}/sessions/s/messages"


def stored(stack: Stack, workspace: str) -> list[str]:
    query = "SELECT id FROM messages WHERE workspace = %s ORDER BY session, seq"
    with psycopg.connect(stack.dsn) as conn:
        return [row[0] for row in conn.execute(query, [workspace])]


def errands(stack: Stack) -> dict[str, int]:
    return httpx.get(f"{stack.base_url}/_local/status").json()["errands"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@contextmanager
def held_session(stack: Stack, workspace: str) -> Generator[None]:
    """Inside, whoever writes to the session waits."""
    with psycopg.connect(stack.dsn) as conn:
        held = conn.execute("SELECT FROM sessions WHERE workspace = %s AND name = 's' FOR UPDATE", [workspace])
        assert held.rowcount == 1
        yield


def says(honcho: Honcho, *contents: str) -> list[str]:
    session, ada = honcho.session("s"), honcho.peer("ada")
    return [message.id for message in session.add_messages([ada.message(content) for content in contents])]


def hangs_up(stack: Stack, workspace: str, body: bytes) -> None:
    """Send the batch, and hang up once the door has begun to run it."""
    host, port = stack.base_url.removeprefix("http://").split(":")
    before = errands(stack)["under_way"]
    with socket.create_connection((host, int(port))) as caller:
        path = url(stack, workspace).removeprefix(stack.base_url)
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        until(lambda: errands(stack)["under_way"] == before + 1)


def posts(stack: Stack, workspace: str, body: bytes) -> httpx.Response:
    return httpx.post(url(stack, workspace), content=body, headers={"Content-Type": "application/json"}, timeout=60)


def test_fifty_parallel_twins_with_a_key_make_one_message_and_one_derivation(stack: Stack, workspace: str):
    with httpx.Client(timeout=60) as http, ThreadPoolExecutor(TWINS) as pool:
        ask = lambda _: http.post(url(stack, workspace), json=MESSAGE, headers={"Idempotency-Key": "k"})  # noqa: E731
        answers = list(pool.map(ask, range(TWINS)))
        again = ask(0)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 409)
    assert {answer.content for answer in answers if answer.status_code == 201} == {again.content}
    assert again.headers["idempotency-replayed"] == "true"
    assert stored(stack, workspace) == [again.json()[0]["id"]]
    drained(stack.base_url, workspace)
    assert_each_message_was_derived_once(stack.dsn, workspace)


def test_sdk_that_gives_up_waiting_and_asks_again_gets_the_answer_of_its_first_try(stack: Stack, workspace: str):
    patient = Honcho(workspace_id=workspace, base_url=stack.base_url)
    first = says(patient, "ok")
    hasty = Honcho(workspace_id=workspace, base_url=stack.base_url, timeout=2.0, max_retries=2)
    session, ada = hasty.session("s"), hasty.peer("ada")
    before = errands(stack)["given_again"]
    with ThreadPoolExecutor(1) as pool:
        with held_session(stack, workspace):
            made = pool.submit(session.add_messages, [ada.message("ok"), ada.message("and more")])
            until(lambda: errands(stack)["awaited"] == 1)
        ids = [message.id for message in made.result(20)]
    assert stored(stack, workspace) == [*first, *ids]
    assert errands(stack)["given_again"] == before + 1
    drained(stack.base_url, workspace)
    assert_each_message_was_derived_once(stack.dsn, workspace)


def test_batch_whose_caller_had_left_when_it_was_done_is_answered_once_when_it_comes_again(
    stack: Stack, workspace: str
):
    says(Honcho(workspace_id=workspace, base_url=stack.base_url), "up")
    body = b'{"messages": [{"peer_id": "ada", "content": "ok"}]}'
    before = errands(stack)["undelivered"]
    with held_session(stack, workspace):
        hangs_up(stack, workspace, body)
    until(lambda: errands(stack)["undelivered"] == before + 1)
    other, again, genuine = (posts(stack, workspace, content) for content in (body + b" ", body, body))
    assert [answer.status_code for answer in (other, again, genuine)] == [201, 201, 201]
    replayed = [answer.headers.get("idempotency-replayed") for answer in (other, again, genuine)]
    assert replayed == [None, "true", None]
    assert stored(stack, workspace)[1:] == [answer.json()[0]["id"] for answer in (again, other, genuine)]


def test_genuine_identical_messages_stay_as_many_as_they_are(stack: Stack, workspace: str):
    honcho = Honcho(workspace_id=workspace, base_url=stack.base_url)
    one_by_one = [says(honcho, "ok") for _ in range(3)]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(lambda _: says(honcho, "ok"), range(8)))
    every = [message for said in (*one_by_one, *at_once) for message in said]
    assert len(set(every)) == 11
    assert sorted(stored(stack, workspace)) == sorted(every)


def test_upload_whose_answer_lambda_would_not_hand_over_is_413_and_writes_nothing(stack: Stack, workspace: str):
    """Quotes take four bytes each on their way out, and one on their way in."""
    files = {"file": ("quotes.txt", b'"' * 3_000_000, "text/plain")}
    answer = httpx.post(f"{url(stack, workspace)}/upload", files=files, data={"peer_id": "ada"}, timeout=60)
    assert answer.status_code == 413
    assert "too large" in answer.json()["detail"]
    assert stored(stack, workspace) == []


def test_process_that_ends_after_its_commit_leaves_one_message_however_it_is_asked_again(workspace: str):
    with data_folder() as folder, _dying_stack(folder) as stack:
        for headers in ({}, {"Idempotency-Key": "k"}):
            name = workspace + str(len(headers))
            (folder / "die").touch()
            died = httpx.post(url(stack, name), json=MESSAGE, headers=headers, timeout=60)
            assert died.status_code == 502
            again = _asked_again(stack, name, headers)
            assert stored(stack, name) == [again[0]["id"]]
            drained(stack.base_url, name)
            assert_each_message_was_derived_once(stack.dsn, name)


@pytest.mark.slow
def test_sdk_whose_first_try_met_a_process_that_ended_comes_back_when_it_is_told(workspace: str):
    with data_folder() as folder, _dying_stack(folder) as stack:
        honcho = Honcho(workspace_id=workspace, base_url=stack.base_url)
        honcho.session("s")
        (folder / "die").touch()
        ids = says(honcho, "I live in Porto.")
        assert not (folder / "die").exists()
        assert stored(stack, workspace) == ids


def _asked_again(stack: Stack, workspace: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """The answer to the retry; without a key nobody can tell at first whether the first run is still alive."""
    answer = httpx.post(url(stack, workspace), json=MESSAGE, headers=headers, timeout=60)
    if not headers:
        assert answer.status_code == 503
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        with psycopg.connect(stack.dsn) as conn:
            # As if that time had passed.
            conn.execute("UPDATE unanswered_batches SET lease_until = now() WHERE workspace = %s", [workspace])
        answer = httpx.post(url(stack, workspace), json=MESSAGE, timeout=60)
    else:
        assert answer.headers["idempotency-replayed"] == "true"
    assert answer.status_code == 201, answer.text
    return answer.json()


def _dying_stack(folder: Path) -> Stack:
    genuine = "Handler: functions.api.handler.lambda_handler"
    text = (ROOT / "template.yaml").read_text()
    assert genuine in text
    place = folder / "template.yaml"
    place.write_text(text.replace(genuine, "Handler: tests.support.handlers.dying_api.lambda_handler"))
    return Stack(folder, settings_env={"FAULTS_FOLDER": str(folder)}, template=place)
