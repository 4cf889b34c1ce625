"""Which answers the door keeps, for whom, and for how long."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.local.errands import KEPT_FOR_S, REPLAYED, Errand, Errands, batch_of
from infra.local.rest_event import Answer, Request

DONE = Answer(201, [(b"content-type", b"application/json")], b"[1]")
BATCH = b"batch"
SAID = Request("POST", "/workspaces/w/sessions/s/messages", b"", [(b"authorization", b"Bearer a")], "::1", b"{}")


def play(scene: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with asyncio.timeout(10):
            return await scene()

    return asyncio.run(run())


def begun(errands: Errands, batch: bytes = BATCH, *, has_left: bool = False) -> Errand:
    caller_left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if has_left:
        caller_left.set_result(None)
    return errands.begin(batch, caller_left)


async def given(errands: Errands, batch: bytes = BATCH) -> Answer | None:
    taken = errands.take(batch)
    return None if taken is None else await errands.answer_of(taken)


def test_answer_whose_caller_is_there_is_given_to_nobody_else():
    async def scene() -> tuple[object, ...]:
        errands = Errands()
        one = begun(errands)
        meanwhile = errands.take(BATCH)
        return meanwhile, errands.end(one, DONE), await given(errands), errands.describe()["under_way"]

    assert play(scene) == (None, True, None, 0)


def test_answer_whose_caller_has_left_is_given_once_and_says_that_it_was_made_before():
    async def scene() -> tuple[object, ...]:
        errands = Errands()
        is_taken = errands.end(begun(errands, has_left=True), DONE)
        return is_taken, await given(errands), await given(errands)

    assert play(scene) == (False, replace(DONE, headers=[*DONE.headers, REPLAYED]), None)


def test_run_under_way_whose_caller_has_left_is_waited_for_and_not_kept():
    async def scene() -> tuple[object, ...]:
        errands = Errands()
        one = begun(errands, has_left=True)
        waiting = asyncio.create_task(given(errands))
        await asyncio.sleep(0)
        awaited = errands.describe()["awaited"]
        errands.end(one, DONE)
        answer = await waiting
        assert answer is not None
        return awaited, answer.body, errands.describe()

    nothing = {"under_way": 0, "awaited": 0, "undelivered": 1, "given_again": 1}
    assert play(scene) == (1, b"[1]", {**nothing, "undelivered": 0})


@pytest.mark.parametrize("answer", [Answer(503, [], b"{}"), Answer(429, [], b"{}"), Answer(422, [], b"{}"), None])
def test_what_is_no_success_is_not_kept_and_not_given(answer: Answer | None):
    async def scene() -> tuple[object, ...]:
        errands = Errands()
        one = begun(errands, has_left=True)
        waiting = asyncio.create_task(given(errands))
        await asyncio.sleep(0)
        errands.end(one, answer)
        errands.end(begun(errands, has_left=True), answer)
        return await waiting, errands.describe()["undelivered"]

    assert play(scene) == (None, 0)


def test_answer_is_forgotten_after_two_minutes_and_when_there_are_too_many():
    now = [0.0]

    async def scene() -> tuple[object, ...]:
        errands = Errands(lambda: now[0], most_bytes=2 * len(DONE.body))
        for batch in (b"1", b"2", b"3"):
            now[0] += 1
            errands.end(begun(errands, batch, has_left=True), DONE)
        kept = errands.describe()["undelivered"]
        now[0] += KEPT_FOR_S - 0.5
        return kept, await given(errands, b"1"), await given(errands, b"2"), await given(errands, b"3")

    kept, first, second, third = play(scene)
    assert (kept, first, second) == (2, None, None)
    assert third is not None


@pytest.mark.parametrize(
    "other",
    [
        replace(SAID, body=b"{} "),
        replace(SAID, path="/workspaces/w/sessions/t/messages"),
        replace(SAID, query=b"a=1"),
        replace(SAID, headers=[(b"authorization", b"Bearer b")]),
    ],
)
def test_batch_is_known_by_its_place_its_caller_and_every_byte(other: Request):
    assert batch_of(SAID) == batch_of(replace(SAID, client="::2", headers=[*SAID.headers, (b"user-agent", b"x")]))
    assert batch_of(SAID) not in (None, batch_of(other))


@pytest.mark.parametrize(
    "other",
    [
        replace(SAID, method="GET"),
        replace(SAID, path="/workspaces/w/sessions/s/messages/upload"),
        replace(SAID, path="/workspaces/w/conclusions"),
        replace(SAID, headers=[(b"idempotency-key", b"k")]),
    ],
)
def test_other_requests_and_those_with_a_key_are_no_batches(other: Request):
    assert batch_of(other) is None
