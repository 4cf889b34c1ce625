"""A launcher killed in the middle: nothing lost, nothing doubled."""

import threading
from collections.abc import Generator

import httpx
import pytest

from infra.local.stack import Stack
from tests.support.stack import assert_each_message_was_derived_once, count, data_folder, drained

_SESSIONS = 10
_PER_SESSION = 10
_WORKSPACE = "crash"


@pytest.fixture
def fragile() -> Generator[Stack]:
    with data_folder() as folder, Stack(folder) as running:
        yield running


def _post(stack: Stack, session: int, number: int) -> bool:
    content = f"I bought item number {number} in shop {session} and I liked it."
    message = {"peer_id": f"user{session}", "content": content, "metadata": {"n": number}}
    url = f"{stack.base_url}/v3/workspaces/{_WORKSPACE}/sessions/s{session}/messages"
    try:
        return httpx.post(url, json={"messages": [message]}, timeout=10).status_code == 201
    except httpx.HTTPError:
        return False


def test_stack_when_killed_in_the_middle_derives_each_message_exactly_once(fragile: Stack) -> None:
    accepted: set[tuple[int, int]] = set()
    killed = threading.Event()

    def write(session: int) -> None:
        for number in range(_PER_SESSION):
            if killed.is_set():
                return
            if _post(fragile, session, number):
                accepted.add((session, number))
            if len(accepted) >= _SESSIONS * _PER_SESSION // 2:
                killed.set()

    writers = [threading.Thread(target=write, args=(session,)) for session in range(_SESSIONS)]
    for writer in writers:
        writer.start()
    killed.wait(timeout=60)
    fragile.kill9()
    for writer in writers:
        writer.join()
    fragile.start()
    survived = _stored(fragile)
    missing = {(s, n) for s in range(_SESSIONS) for n in range(_PER_SESSION)} - survived
    posted = {place for place in sorted(missing) if _post(fragile, *place)}
    drained(fragile.base_url, _WORKSPACE)

    assert accepted <= survived
    assert posted == missing
    assert count(fragile.dsn, "SELECT count(*) FROM messages WHERE workspace = %(workspace)s", _WORKSPACE) == 100
    assert_each_message_was_derived_once(fragile.dsn, _WORKSPACE)


def _stored(stack: Stack) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for session in range(_SESSIONS):
        url = f"{stack.base_url}/v3/workspaces/{_WORKSPACE}/sessions/s{session}/messages/list?size=100"
        found |= {(session, int(item["metadata"]["n"])) for item in httpx.post(url, json={}).json()["items"]}
    return found


def test_wake_ups_when_two_come_within_a_second_both_lead_to_work_being_looked_at(fragile: Stack) -> None:
    url = f"{fragile.base_url}/v3/workspaces/twice/sessions/s/messages"
    for text in ("I live in Porto.", "I have two cats."):
        httpx.post(url, json={"messages": [{"peer_id": "alice", "content": text}]}).raise_for_status()

    drained(fragile.base_url, "twice")

    found = httpx.post(f"{fragile.base_url}/v3/workspaces/twice/conclusions/list", json={}).json()["items"]
    texts = " / ".join(item["content"] for item in found)
    assert "Porto" in texts
    assert "cats" in texts
    assert_each_message_was_derived_once(fragile.dsn, "twice")
