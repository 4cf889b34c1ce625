"""The waiting room: bounded, fair, and never closed to readers by writers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from infra.local.admission import Admission

READ, WRITE = True, False


def play(scene: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with asyncio.timeout(10):
            return await scene()

    return asyncio.run(run())


async def filled(admission: Admission, *kinds: bool) -> list["asyncio.Task[bool]"]:
    """One task for each who comes, in this order, all of them at the door."""
    coming = [asyncio.create_task(admission.enter(is_read=kind)) for kind in kinds]
    await asyncio.sleep(0)
    return coming


def inside(coming: list["asyncio.Task[bool]"]) -> list[bool]:
    return [task.done() and task.result() for task in coming]


def test_enter_when_writers_have_taken_theirs_leaves_the_reserved_place_to_readers():
    async def scene() -> list[bool]:
        return inside(await filled(Admission(4, reserved=1), WRITE, WRITE, WRITE, WRITE, READ, READ))

    assert play(scene) == [True, True, True, False, True, False]


def test_enter_when_there_are_no_writers_gives_readers_every_place():
    async def scene() -> list[bool]:
        return inside(await filled(Admission(4, reserved=1), *[READ] * 5))

    assert play(scene) == [True, True, True, True, False]


def test_enter_when_there_is_one_place_lets_writers_in_all_the_same():
    async def scene() -> list[bool]:
        return inside(await filled(Admission(1, reserved=1), WRITE, READ))

    assert play(scene) == [True, False]


def test_leave_calls_whoever_has_waited_longest_among_those_who_may():
    async def scene() -> list[list[bool]]:
        admission = Admission(2, reserved=1)
        coming = await filled(admission, WRITE, READ, WRITE, READ, READ)
        seen = [inside(coming)]
        for leaving in (READ, WRITE, READ):
            admission.leave(is_read=leaving)
            await asyncio.sleep(0)
            seen.append(inside(coming))
        return seen

    assert play(scene) == [
        [True, True, False, False, False],
        [True, True, False, True, False],
        [True, True, True, True, False],
        [True, True, True, True, True],
    ]


@pytest.mark.parametrize("kind", [READ, WRITE])
def test_enter_when_the_room_is_full_sends_away_at_once_but_only_that_kind(kind: bool):
    async def scene() -> tuple[list[bool], int]:
        admission = Admission(2, reserved=1, most_waiting=2)
        coming = await filled(admission, READ, WRITE, *[kind] * 3, not kind)
        return [task.done() for task in coming], admission.describe()["shed"]

    assert play(scene) == ([True, True, False, False, True, False], 1)


def test_enter_when_the_wait_is_too_long_sends_away_and_gives_the_place_to_the_next():
    async def scene() -> tuple[bool, bool, dict[str, Any]]:
        admission = Admission(1, longest_wait_s=0.05)
        await admission.enter(is_read=WRITE)
        late = await admission.enter(is_read=WRITE)
        [waiting] = await filled(admission, WRITE)
        admission.leave(is_read=WRITE)
        return late, await waiting, dict(admission.describe())

    assert play(scene) == (False, True, {"inside": 1, "waiting": 0, "shed": 1})


def test_enter_when_the_room_holds_only_those_who_have_gone_takes_a_new_one():
    async def scene() -> tuple[list[bool], bool]:
        admission = Admission(1, most_waiting=2, longest_wait_s=0.05)
        await admission.enter(is_read=WRITE)
        gone = [await task for task in await filled(admission, WRITE, WRITE)]
        [waiting] = await filled(admission, WRITE)
        return gone, waiting.done()

    assert play(scene) == ([False, False], False)


def test_enter_when_it_is_given_up_holds_no_place():
    async def scene() -> tuple[bool, dict[str, Any]]:
        admission = Admission(1)
        _, given_up, last = await filled(admission, WRITE, WRITE, WRITE)
        given_up.cancel()
        admission.leave(is_read=WRITE)
        return await last, dict(admission.describe())

    assert play(scene) == (True, {"inside": 1, "waiting": 0, "shed": 0})


def test_enter_when_it_is_given_up_as_it_is_called_passes_the_place_on():
    async def scene() -> tuple[bool, int]:
        admission = Admission(1)
        _, given_up, last = await filled(admission, WRITE, WRITE, WRITE)
        admission.leave(is_read=WRITE)
        given_up.cancel()
        return await last, admission.describe()["inside"]

    assert play(scene) == (True, 1)
