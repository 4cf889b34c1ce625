"""Faults by seed around the genuine functions in the genuine runtime: nothing lost, doubled, reordered or stalled."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import get_args

import httpx
import psycopg
import pytest

from infra.local.stack import Stack, StackFailed
from shared.domain.status import WaitingUnit, WaitReason
from shared.store import status
from tests.support.faults import (
    MODEL_FAULTS,
    PROCESS_FAULTS,
    FaultyModelServer,
    environment,
    plan,
    struck,
    template,
)
from tests.support.stack import assert_each_message_was_derived_once, count, data_folder, drained

_SEED = 20261120
_SESSIONS = 20
_PER_SESSION = 15
_PER_CALL = 3
_WORKSPACE = "faults"


def _say(base_url: str, session: str, *texts: str, workspace: str = _WORKSPACE) -> bool:
    url = f"{base_url}/v3/workspaces/{workspace}/sessions/{session}/messages"
    messages = [{"peer_id": "ada", "content": text} for text in texts]
    try:
        return httpx.post(url, json={"messages": messages}, timeout=20).status_code == 201
    except httpx.HTTPError:
        return False


def _said(base_url: str, session: str) -> set[str]:
    url = f"{base_url}/v3/workspaces/{_WORKSPACE}/sessions/{session}/messages/list?size=100"
    return {item["content"] for item in httpx.post(url, json={}).json().get("items", [])}


def _waiting(dsn: str) -> list[WaitingUnit]:
    with psycopg.connect(dsn) as conn:
        return status.waiting(conn, now=datetime.now(UTC), most=1000)


def _until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


class _Sampler(threading.Thread):
    """Looks again and again at what waits, and keeps what has no reason or no due time."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.reasons: set[str] = set()
        self.unexplained: list[WaitingUnit] = []
        self.looks = 0
        self._stack = stack
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.1):
            try:
                found = _waiting(self._stack.dsn)
            except (psycopg.Error, StackFailed):
                # Between the kill and the next start there is nothing to look at.
                continue
            self.looks += 1
            self.reasons |= {unit.reason for unit in found}
            self.unexplained += [u for u in found if u.reason not in get_args(WaitReason) or u.due_at is None]

    def end(self) -> None:
        self._ended.set()
        self.join()


def _write_all(stack: Stack, at_half: Callable[[], None]) -> None:
    """300 messages from four writers; half-way the stack is killed, and what was not taken is said again."""
    calls = [(f"s{s}", _texts(s, n)) for s in range(_SESSIONS) for n in range(0, _PER_SESSION, _PER_CALL)]
    random.Random(_SEED).shuffle(calls)
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda one: _say(stack.base_url, one[0], *one[1]), calls[: len(calls) // 2]))
    at_half()
    there = {text for session in {session for session, _ in calls} for text in _said(stack.base_url, session)}
    left = [(session, texts) for session, texts in calls if texts[0] not in there]
    with ThreadPoolExecutor(4) as writers:
        assert all(writers.map(lambda one: _say(stack.base_url, one[0], *one[1]), left))


def _texts(session: int, first: int) -> list[str]:
    """Long enough for a session to take several windows."""
    about = "and told everybody at home about its colour, its price and its smell"
    return [f"bought item {n} in shop {session} {about}" for n in range(first, first + _PER_CALL)]


def _assert_contiguous(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            "SELECT unit, first_seq, last_seq FROM work_windows WHERE workspace = %s AND unit LIKE 'derive:%%'"
            " ORDER BY unit, committed_at, first_seq",
            [_WORKSPACE],
        ).fetchall()
    by_unit = {unit: [(f, last) for u, f, last in rows if u == unit] for unit, _, _ in rows}
    for windows in by_unit.values():
        assert windows[0][0] == 1
        assert windows[-1][1] == _PER_SESSION
        assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(windows))


def _dead(stack: Stack) -> int:
    queues = httpx.get(f"{stack.base_url}/_local/status").json()["queues"]
    return sum(depth["visible"] + depth["in_flight"] for name, depth in queues.items() if "dead" in name)


@pytest.mark.slow
def test_pipeline_under_faults_of_every_kind_derives_each_message_exactly_once() -> None:
    rng = random.Random(_SEED)
    by_call = dict(zip(rng.sample(range(40), 10), MODEL_FAULTS * 2, strict=True))
    with data_folder() as folder, FaultyModelServer(by_call) as server:
        faults = folder / "faults"
        plan(faults, PROCESS_FAULTS, seed=_SEED, within=40)
        stack = Stack(folder / "data", template=template(folder), settings_env=environment(server, faults))
        with stack:

            def crash() -> None:
                stack.kill9()
                stack.start()

            sampler = _Sampler(stack)
            sampler.start()
            _write_all(stack, crash)
            drained(stack.base_url, _WORKSPACE)
            sampler.end()

            assert count(stack.dsn, "SELECT count(*) FROM messages WHERE workspace = %(workspace)s", _WORKSPACE) == 300
            assert_each_message_was_derived_once(stack.dsn, _WORKSPACE)
            _assert_contiguous(stack.dsn)
            windows = count(
                stack.dsn,
                "SELECT count(*) FROM work_windows WHERE workspace = %(workspace)s AND unit LIKE 'derive:%%'",
                _WORKSPACE,
            )
            # One more for each fault, and for each worker that the killed stack may have had at work.
            assert server.answered.total() <= windows + len(PROCESS_FAULTS) + 4
            # A wake-up is dead after three tries that failed, and what it pointed to was done all the same.
            failures = stack.log("Deriver").count("timed out") + struck(faults)
            assert _dead(stack) * 3 <= failures
            assert (sampler.unexplained, sampler.looks > 20) == ([], True)
            assert set(server.met) == set(MODEL_FAULTS)
            assert struck(faults) >= len(PROCESS_FAULTS) - 2


@pytest.fixture
def outages(tmp_path: Path):
    with data_folder() as folder, FaultyModelServer() as server:
        plan(folder / "faults", (), seed=0, within=1)
        environ = environment(server, folder / "faults") | {"DERIVER_MAX_ATTEMPTS": "100"}
        with Stack(
            folder / "data", template=template(folder, timeout_s=20, visibility_s=20), settings_env=environ
        ) as up:
            yield up, server


def test_outages_each_end_in_a_visible_state_of_their_own_and_none_is_processed(outages) -> None:
    stack, server = outages
    expected = {
        "429": "ModelUnavailable",
        "500": "ModelUnavailable",
        "401": "ModelRefused",
        "malformed": "AnswerUnreadable",
        "empty": "ModelUnavailable",
    }
    server.by_word.update({f"m{fault} ": fault for fault in expected})
    for fault in expected:
        assert _say(stack.base_url, f"s{fault}", f"m{fault} text", workspace="outages")

    def seen() -> dict[str, str]:
        return {u.unit.split(":")[1][1:]: u.error for u in _waiting(stack.dsn) if u.error and u.unit[:6] == "derive"}

    _until(lambda: set(seen()) == set(expected))
    errors = seen()
    done = count(
        stack.dsn,
        "SELECT sum(done_items) FROM work_units WHERE workspace = %(workspace)s AND kind = 'derive'",
        "outages",
    )
    server.by_word.clear()
    drained(stack.base_url, "outages")

    assert {fault: error.partition(":")[0] for fault, error in errors.items()} == expected
    assert len(set(errors.values())) == len(expected), errors
    assert done == 0
    assert_each_message_was_derived_once(stack.dsn, "outages")
