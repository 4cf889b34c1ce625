"""The schedule visits at its rate, when something is due, and not in circles."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.environment import Result
from infra.local.schedule import Schedule, event
from infra.local.template import FunctionSpec

TICK = FunctionSpec("Tick", "a.b", 10, 128, {}, (), (), 60.0, None)


class Visits:
    """Counts invocations, and ends the run at the last one wanted."""

    def __init__(self, wanted: int) -> None:
        self.times: list[float] = []
        self._wanted = wanted
        self.enough = asyncio.Event()

    def __call__(self, payload: bytes) -> "asyncio.Future[Result]":
        loop = asyncio.get_running_loop()
        self.times.append(loop.time())
        if len(self.times) >= self._wanted:
            self.enough.set()
        future: asyncio.Future[Result] = loop.create_future()
        future.set_result(Result(b"null"))
        return future


def visited(wanted: int, next_due: Callable[[], Awaitable[datetime | None]], *, rate_s: float) -> list[float]:
    """The seconds between visits until there were as many as wanted, or five seconds passed."""

    async def play() -> list[float]:
        visits = Visits(wanted)
        running = asyncio.create_task(Schedule(TICK, visits, next_due, rate_s=rate_s).run())
        try:
            async with asyncio.timeout(5):
                await visits.enough.wait()
        finally:
            running.cancel()
        return [after - before for before, after in zip(visits.times, visits.times[1:], strict=False)]

    return asyncio.run(play())


async def nothing_due() -> datetime | None:
    return None


def test_schedule_when_nothing_is_due_visits_at_once_and_at_its_rate():
    gaps = visited(3, nothing_due, rate_s=0.2)
    assert all(0.15 < gap < 1.5 for gap in gaps)


def test_schedule_when_work_falls_due_visits_then():
    due = datetime.now(UTC) + timedelta(seconds=0.3)

    async def next_due() -> datetime | None:
        return due

    (gap,) = visited(2, next_due, rate_s=60)
    assert 0.1 < gap < 2


def test_schedule_when_a_visit_leaves_the_same_work_due_waits_longer_each_time():
    due = datetime.now(UTC) - timedelta(minutes=1)

    async def next_due() -> datetime | None:
        return due

    first, second = visited(3, next_due, rate_s=60)
    assert second > first * 1.5 > 0.5


@pytest.mark.parametrize(("look_s", "looks"), [(0.02, True), (60.0, False)])
def test_schedule_looks_as_often_as_it_is_told(look_s: float, looks: bool):
    """What becomes due while it rests is met once it looks again."""

    async def play() -> bool:
        asked, moment = 0, datetime.now(UTC)

        async def next_due() -> datetime | None:
            nonlocal asked
            asked += 1
            # Nothing is due when the rest begins.
            return moment if asked > 2 else None

        visits = Visits(2)
        running = asyncio.create_task(Schedule(TICK, visits, next_due, rate_s=30, look_s=look_s).run())
        try:
            async with asyncio.timeout(0.5):
                await visits.enough.wait()
        except TimeoutError:
            return False
        finally:
            running.cancel()
        return True

    assert asyncio.run(play()) is looks


def test_event_is_that_of_the_scheduler():
    sent = json.loads(event("Tick", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))
    assert (sent["source"], sent["detail-type"], sent["time"]) == (
        "aws.scheduler",
        "Scheduled Event",
        "2026-01-02T03:04:05Z",
    )
    assert sent["resources"] == ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/Tick"]
