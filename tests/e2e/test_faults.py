"""Faults by seed around the genuine functions in the genuine runtime: nothing lost, doubled, reordered or stalled."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import boto3
import httpx
import psycopg

from infra.local.cloudformation import STACK_NAME
from infra.local.runtime import MAX_WORKER_ENVIRONMENTS
from infra.local.stack import Stack
from tests.support.fault_folder import FaultFolder
from tests.support.faults import MODEL_FAULTS, PROCESS_FAULTS, FaultyModelServer, environment, template
from tests.support.stack import assert_each_message_was_derived_once, count, data_folder, drained
from tests.support.waiting_sampler import WaitingSampler

_SEED = 20261120
_SESSIONS = 20
_PER_SESSION = 15
_PER_CALL = 3
_WORKSPACE = "faults"
# Enough for every fault to find a process that it can strike.
_MOST_EXTRA_SESSIONS = 60


def test_pipeline_under_faults_of_every_kind_derives_each_message_exactly_once() -> None:
    rng = random.Random(_SEED)
    by_call = dict(zip(rng.sample(range(40), 10), MODEL_FAULTS * 2, strict=True))
    with data_folder() as folder, FaultyModelServer(by_call) as server:
        faults = FaultFolder(folder / "faults")
        faults.plan(PROCESS_FAULTS, seed=_SEED, within=40)
        environ = environment(server, folder / "faults") | {"DERIVER_MAX_ATTEMPTS": "100"}
        with Stack(folder / "data", template=template(folder), settings_env=environ) as stack:
            sampler = WaitingSampler(stack)
            sampler.start()
            _write_all(stack, at_half=lambda: _crash(stack))
            drained(stack.base_url, _WORKSPACE)
            said = _SESSIONS * _PER_SESSION + _strike_the_rest(stack, faults)
            sampler.end()

            assert count(stack.dsn, "SELECT count(*) FROM messages WHERE workspace = %(workspace)s", _WORKSPACE) == said
            assert_each_message_was_derived_once(stack.dsn, _WORKSPACE)
            windows = _windows(stack.dsn)
            _assert_contiguous(windows)
            hung = [fault for fault, _ in faults.struck()].count("hang")
            late = stack.log("DeriverFunction").count("timed out") - hung
            _assert_paid_once(server.answered, windows, faults.struck_by_unit(), late=late)
            assert _dead_letters(stack) <= faults.tried()
            assert (sampler.unexplained, sampler.looks > 20) == ([], True)
            assert set(server.met) == set(MODEL_FAULTS)
            assert sorted(fault for fault, _ in faults.struck()) == sorted(PROCESS_FAULTS)


def _crash(stack: Stack) -> None:
    stack.kill9()
    stack.start()


def _write_all(stack: Stack, *, at_half: Callable[[], None]) -> None:
    """300 messages from four writers; half-way the stack is killed, and what was not taken is said again."""
    calls = [(f"s{s}", _texts(f"s{s}", n)) for s in range(_SESSIONS) for n in range(0, _PER_SESSION, _PER_CALL)]
    random.Random(_SEED).shuffle(calls)
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda one: _say(stack, *one), calls[: len(calls) // 2]))
    at_half()
    there = {text for session in {session for session, _ in calls} for text in _said(stack, session)}
    left = [(session, texts) for session, texts in calls if texts[0] not in there]
    with ThreadPoolExecutor(4) as writers:
        assert all(writers.map(lambda one: _say(stack, *one), left))


def _strike_the_rest(stack: Stack, faults: FaultFolder) -> int:
    """Say more until every planned fault has struck; gives how many messages that took."""
    said = 0
    for number in range(_MOST_EXTRA_SESSIONS):
        if not faults.left():
            break
        session = f"x{number}"
        assert _say(stack, session, _texts(session, 0))
        said += _PER_CALL
        drained(stack.base_url, _WORKSPACE)
    return said


def _texts(session: str, first: int) -> list[str]:
    """Long enough for a session to take several windows."""
    about = "and told everybody at home about its colour, its price and its smell"
    return [f"bought item {n} in shop {session} {about}" for n in range(first, first + _PER_CALL)]


def _say(stack: Stack, session: str, texts: list[str]) -> bool:
    url = f"{stack.base_url}/v3/workspaces/{_WORKSPACE}/sessions/{session}/messages"
    messages = [{"peer_id": "ada", "content": text} for text in texts]
    try:
        return httpx.post(url, json={"messages": messages}, timeout=20).status_code == 201
    except httpx.HTTPError:
        return False


def _said(stack: Stack, session: str) -> set[str]:
    url = f"{stack.base_url}/v3/workspaces/{_WORKSPACE}/sessions/{session}/messages/list?size=100"
    return {item["content"] for item in httpx.post(url, json={}).json().get("items", [])}


def _windows(dsn: str) -> dict[str, list[tuple[int, int]]]:
    """First and last place of each unit's windows, in the order of their commits."""
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            "SELECT unit, first_seq, last_seq FROM work_windows WHERE workspace = %s AND unit LIKE 'derive:%%'"
            " ORDER BY unit, committed_at, first_seq",
            [_WORKSPACE],
        ).fetchall()
    return {unit: [(f, last) for u, f, last in rows if u == unit] for unit, _, _ in rows}


def _assert_contiguous(windows: dict[str, list[tuple[int, int]]]) -> None:
    for unit, found in windows.items():
        assert found[0][0] == 1
        assert found[-1][1] == (_PER_SESSION if unit.startswith("derive:s") else _PER_CALL)
        assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(found))


def _assert_paid_once(
    answered: Counter[tuple[str, ...]],
    windows: dict[str, list[tuple[int, int]]],
    struck: Counter[str],
    *,
    late: int,
) -> None:
    """No unit asked the model more often than it has windows and faults struck it.

    What the killed stack had at work may be asked once more, and so may what a starved machine let run into its
    timeout (`late`).
    """
    calls = Counter[str]()
    for texts, count_ in answered.items():
        calls[f"derive:{texts[0].split()[5]}:ada"] += count_
    extra = {unit: calls[unit] - len(windows[unit]) - struck[unit] for unit in windows}
    assert set(calls) == set(windows)
    assert sum(max(number, 0) for number in extra.values()) <= late + MAX_WORKER_ENVIRONMENTS, extra


def _dead_letters(stack: Stack) -> set[str]:
    """The ids of what the derive queue gave up."""
    sqs = boto3.client(
        "sqs", endpoint_url=stack.sqs_url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    [url] = sqs.list_queues(QueueNamePrefix=f"{STACK_NAME}-derive-dead")["QueueUrls"]
    found = set[str]()
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found |= {message["MessageId"] for message in batch}
    return found
