"""Functions run in the genuine runtime client: warm, late, broken, frozen, and never too many."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from infra.bootstrap import ROOT
from infra.local.code import SourceTree
from infra.local.environment import MAX_PAYLOAD_BYTES, Result
from infra.local.fifo_message import Draft
from infra.local.guard import Guard
from infra.local.mapping import EventSourceMapping
from infra.local.profile import function_variables
from infra.local.queues import LocalQueues
from infra.local.runtime import PATIENCE_S, Pool
from infra.local.template import FunctionSpec, MappingSpec, QueueSpec, Template

HANDLERS = "tests.support.handlers"
EMPTY = Template({}, {}, "v3", frozenset(), ())
QUEUE = QueueSpec("Work", "work.fifo", True, 30, None, 0, {})


def with_pool(
    handler: str,
    play: Callable[[Pool], Awaitable[Any]],
    *,
    log: Path,
    maximum: int = 1,
    timeout_s: int = 5,
    patience_s: float = PATIENCE_S,
    **variables: str,
) -> Any:
    """Play with a pool of a test function, and end all of its processes afterwards."""
    function = FunctionSpec("Test", f"{HANDLERS}.{handler}.lambda_handler", timeout_s, 128, {}, (), (), None, None)
    code = SourceTree(ROOT).of(function)
    found = function_variables(EMPTY, function, references={}, sqs_url="http://127.0.0.1:9", code=code)

    async def run() -> Any:
        guard = Guard()
        environ = {**found, **variables}
        pool = Pool(
            function, maximum=maximum, guard=guard, variables=environ, code=code, log=log, patience_s=patience_s
        )
        try:
            async with asyncio.timeout(30):
                return await play(pool)
        finally:
            pool.stop()
            guard.close()

    return asyncio.run(run())


async def call(pool: Pool, event: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    result: Result = await pool.invoke(json.dumps(event).encode())
    return json.loads(result.payload), result.error


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "Test.log"


def test_invoke_when_warm_uses_the_same_process_and_tells_it_its_deadline(log: Path):
    async def play(pool: Pool) -> list[dict[str, Any]]:
        return [(await call(pool, {"n": n}))[0] for n in range(3)]

    seen = with_pool("echo", play, log=log, maximum=4)
    assert [each["event"] for each in seen] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [each["count"] for each in seen] == [1, 2, 3]
    assert len({each["pid"] for each in seen}) == 1
    assert len({each["request_id"] for each in seen}) == 3
    assert all(0 < each["remaining_ms"] <= 5000 for each in seen)
    assert seen[0]["arn"].endswith(":function:Test")


def test_invoke_when_the_handler_raises_gives_the_error_and_keeps_the_process(log: Path):
    async def play(pool: Pool) -> Any:
        return await call(pool, {}), await call(pool, {"raise": "no such thing"}), await call(pool, {})

    before, (error, kind), after = with_pool("fault", play, log=log)
    assert (kind, error["errorType"], error["errorMessage"]) == ("Unhandled", "ValueError", "no such thing")
    assert before == after
    assert "no such thing" in log.read_text()


def test_invoke_when_the_handler_is_late_ends_the_process_and_starts_another(log: Path):
    async def play(pool: Pool) -> Any:
        return await call(pool, {}), await call(pool, {"sleep_s": 30}), await call(pool, {})

    (before, _), (error, kind), (after, none) = with_pool("fault", play, log=log, timeout_s=1)
    assert (kind, none) == ("Sandbox.Timedout", None)
    assert "timed out after 1.00 seconds" in error["errorMessage"]
    assert before["pid"] != after["pid"]


def test_invoke_when_the_process_exits_says_how_and_starts_another(log: Path):
    async def play(pool: Pool) -> Any:
        return await call(pool, {"exit": 7}), await call(pool, {})

    (error, kind), (_, none) = with_pool("fault", play, log=log)
    assert (kind, none) == ("Runtime.ExitError", None)
    assert "exit status 7" in error["errorMessage"]


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("unloadable", "RuntimeError", "this module refuses to load"),
        ("missing", "Runtime.ImportModuleError", "No module named"),
    ],
)
def test_invoke_when_the_handler_cannot_be_loaded_gives_the_reason_each_time(
    log: Path, handler: str, error_type: str, message: str
):
    async def play(pool: Pool) -> Any:
        return await call(pool, {}), await call(pool, {})

    for error, kind in with_pool(handler, play, log=log):
        assert kind == "Unhandled"
        assert error["errorType"] == error_type
        assert message in error["errorMessage"]


def test_prewarm_when_the_handler_cannot_be_loaded_is_seen_in_the_status(log: Path):
    async def play(pool: Pool) -> Any:
        pool.prewarm()
        await pool.first_started(20)
        return pool.describe()

    status = with_pool("unloadable", play, log=log)
    assert "this module refuses to load" in status["last_error"]


def test_environment_between_events_makes_no_progress(log: Path):
    async def play(pool: Pool) -> Any:
        first, _ = await call(pool, {"run_s": 0.05})
        await asyncio.sleep(0.5)
        second, _ = await call(pool, {})
        return first, second

    first, second = with_pool("background", play, log=log)
    assert first["after"] - first["before"] >= 10
    assert second["before"] - first["after"] <= 5


def test_invoke_when_all_are_busy_starts_no_more_than_the_maximum_and_waits(log: Path):
    async def play(pool: Pool) -> Any:
        results = await asyncio.gather(*(call(pool, {"sleep_s": 0.6}) for _ in range(5)))
        return [answer["pid"] for answer, error in results if error is None]

    pids = with_pool("fault", play, log=log, maximum=2, timeout_s=20)
    assert (len(pids), len(set(pids))) == (5, 2)


def test_invoke_while_every_event_moves_on_soon_starts_no_second_process(log: Path):
    async def play(pool: Pool) -> Any:
        pids = set[int]()

        async def ask() -> None:
            for _ in range(25):
                pids.add((await call(pool, {"sleep_s": 0.05}))[0]["pid"])

        # One of the two always waits, and together for longer than the patience, but none of them for long.
        await asyncio.gather(ask(), ask())
        return pids

    assert len(with_pool("fault", play, log=log, maximum=2, patience_s=2)) == 1


def test_invoke_when_idle_ones_are_there_takes_the_last_used(log: Path):
    async def play(pool: Pool) -> Any:
        await asyncio.gather(*(call(pool, {"sleep_s": 0.6}) for _ in range(3)))
        pids: list[int] = []
        for _ in range(4):
            while pool.describe()["busy"]:
                await asyncio.sleep(0.01)
            pids.append((await call(pool, {}))[0]["pid"])
        return pids

    assert len(set(with_pool("fault", play, log=log, maximum=3, timeout_s=20))) == 1


def test_invoke_when_the_answer_is_large_brings_all_of_it(log: Path):
    async def play(pool: Pool) -> Any:
        return await call(pool, {"bytes": 3_000_000}), await call(pool, {"bytes": MAX_PAYLOAD_BYTES})

    (answer, none), (error, kind) = with_pool("fault", play, log=log)
    assert (len(answer["text"]), none) == (3_000_000, None)
    assert kind == "Function.ResponseSizeTooLarge"
    assert "exceeded maximum allowed payload size" in error["errorMessage"]


def test_invoke_when_the_event_is_too_large_refuses_it(log: Path):
    async def play(pool: Pool) -> Any:
        return await pool.invoke(b'"' + b"x" * MAX_PAYLOAD_BYTES + b'"')

    assert with_pool("echo", play, log=log).error == "RequestEntityTooLarge"


def test_room_is_there_again_once_the_waiting_event_has_its_environment(log: Path):
    async def play(pool: Pool) -> Any:
        first = pool.invoke(b"{}")
        room = asyncio.create_task(pool.room())
        await asyncio.sleep(0)
        was_there = room.done()
        await first
        await asyncio.wait_for(room, 5)
        return was_there

    assert with_pool("fault", play, log=log) is False


def test_mapping_over_a_real_function_deletes_what_succeeded(log: Path, tmp_path: Path):
    file = tmp_path / "worker.jsonl"
    bodies = [{"n": 0}, {"n": 1, "fail": True}, {"n": 2}]

    async def play(pool: Pool) -> Any:
        queues = LocalQueues("http://127.0.0.1:9")
        queues.create(QUEUE.name, {"FifoQueue": "true", "VisibilityTimeout": "30"})
        for body in bodies:
            queues.send(QUEUE.name, Draft(json.dumps(body), f"g{body['n']}", str(body["n"])))
        spec = MappingSpec("Work", 1, True, None)
        mapping = EventSourceMapping(spec, QUEUE, queues, pool.invoke, room=pool.room, concurrency=2)
        running = asyncio.create_task(mapping.run())
        while pool.describe()["invocations"] < len(bodies) or pool.is_busy:
            await asyncio.sleep(0.01)
        running.cancel()
        return queues.depth(QUEUE.name)

    depth = with_pool("worker", play, log=log, maximum=2, WORKER_FILE=str(file))
    assert (depth.visible, depth.in_flight) == (0, 1)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(line["body"]["n"] for line in lines) == [0, 1, 2]
    assert lines[0]["record"]["eventSourceARN"] == QUEUE.arn


def test_guard_when_closed_leaves_no_child_even_a_stopped_one(log: Path):
    async def play(pool: Pool) -> Any:
        return (await call(pool, {}))[0]["pid"]

    pid = with_pool("fault", play, log=log)
    deadline = time.monotonic() + 5
    while not has_ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_ended(pid: int) -> bool:
    """Whether a child of ours is over, reaping it if nobody has."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
