"""The scheduler: invokes a function at its rate, and here also as soon as something is due."""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from infra.local.cloudformation import ACCOUNT, REGION
from infra.local.environment import Result
from infra.local.template import FunctionSpec

logger = logging.getLogger(__name__)

# A visit that leaves the same work due is repeated ever more slowly: a lease or an outage holds it.
_MAX_PAUSE_S = 30.0

NextDue = Callable[[], Awaitable[datetime | None]]
Invoke = Callable[[bytes], "asyncio.Future[Result]"]


class Schedule:
    """Visits at a rate and when due, one at a time."""

    def __init__(
        self, function: FunctionSpec, invoke: Invoke, next_due: NextDue, *, rate_s: float, look_s: float = 1.0
    ) -> None:
        self._function = function
        self._invoke = invoke
        self._next_due = next_due
        self._rate_s = rate_s
        # How often the database is asked; what becomes due in between is met at its time.
        self._look_s = look_s
        self._fruitless = 0

    async def run(self) -> None:
        """Visit at once, then for ever."""
        while True:
            due_before = await self._next_due()
            await self._visit()
            await self._wait(due_before)

    async def _visit(self) -> None:
        result = await self._invoke(event(self._function.logical_id, datetime.now(UTC)))
        if result.error is not None:
            logger.warning("tick_failed error=%s", result.error)

    async def _wait(self, due_before: datetime | None) -> None:
        """Return when the rate has passed or something is due."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._rate_s
        due = await self._next_due()
        # The very row of before is still due: what held it then holds it now.
        same = due is not None and due == due_before and due <= datetime.now(UTC)
        self._fruitless = self._fruitless + 1 if same else 0
        earliest = loop.time() + (min(0.5 * 2**self._fruitless, _MAX_PAUSE_S) if same else 0.0)
        while (now := loop.time()) < end:
            left_s = end - now
            if due is not None:
                left_s = min(left_s, max((due - datetime.now(UTC)).total_seconds(), earliest - now))
            if left_s <= 0:
                return
            await asyncio.sleep(min(left_s, self._look_s))
            due = await self._next_due()


def event(name: str, at: datetime) -> bytes:
    """What EventBridge Scheduler sends to a function without an input of its own."""
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}"],
            "detail": "{}",
        }
    ).encode()
