"""A poison message through the running service: set aside alone, shown, put back to work, given up."""

import subprocess
import sys
import time
from collections.abc import Generator

import httpx
import pytest

from infra.local.stack import ROOT, Stack
from tests.support.fault_folder import FaultFolder
from tests.support.faults import FaultyModelServer, environment, template
from tests.support.stack import data_folder, drained

_TEXTS = {"first": "bought one apple", "second": "poison pill", "third": "bought two pears"}


@pytest.fixture
def poisoned() -> Generator[tuple[Stack, FaultyModelServer]]:
    with data_folder() as folder, FaultyModelServer() as server:
        FaultFolder(folder / "faults").plan((), seed=0, within=1)
        settings = environment(server, folder / "faults") | {"DERIVER_MAX_ATTEMPTS": "2"}
        quick = template(folder, timeout_s=20, visibility_s=20)
        with Stack(folder / "data", template=quick, settings_env=settings) as up:
            yield up, server


def _parked(stack: Stack, *arguments: str) -> str:
    code = "import sys; from infra.tools.orders.parked import parked; sys.exit(parked(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "--data", str(stack.data), *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30).stdout


def _say(stack: Stack, session: str, text: str) -> None:
    url = f"{stack.base_url}/v3/workspaces/w/sessions/{session}/messages"
    httpx.post(url, json={"messages": [{"peer_id": "ada", "content": text}]}).raise_for_status()


def _concluded(stack: Stack) -> set[str]:
    answer = httpx.post(f"{stack.base_url}/v3/workspaces/w/conclusions/list", json={}).json()
    return {item["content"].removeprefix("said ") for item in answer["items"]}


def _await_parked(stack: Stack) -> str:
    deadline = time.monotonic() + 30
    while "poison" in (shown := _parked(stack, "list")) or "derive:" not in shown:
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    return shown


def test_parked_poison_is_listed_retried_and_dropped(poisoned: tuple[Stack, FaultyModelServer]) -> None:
    stack, server = poisoned
    server.by_word["poison"] = "malformed"
    for session, text in _TEXTS.items():
        _say(stack, session, text)
    drained(stack.base_url, "w")

    shown = _await_parked(stack)
    assert shown.count("derive:") == 1
    assert "derive:second:ada" in shown
    assert "AnswerUnreadable" in shown
    assert "poison" not in shown
    assert _concluded(stack) == {_TEXTS["first"], _TEXTS["third"]}

    _parked(stack, "retry", "--workspace", "w")
    _await_parked(stack)

    server.by_word.clear()
    _parked(stack, "retry", "--workspace", "w")
    drained(stack.base_url, "w")
    assert _concluded(stack) == set(_TEXTS.values())
    assert "Nothing is parked." in _parked(stack, "list")

    server.by_word["poison"] = "malformed"
    _say(stack, "fourth", "another poison pill")
    drained(stack.base_url, "w")
    assert "derive:fourth:ada" in _await_parked(stack)
    _parked(stack, "drop", "--workspace", "w", "--unit", "derive:fourth:ada")
    assert "Nothing is parked." in _parked(stack, "list")
