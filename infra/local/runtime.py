"""Pools of execution environments: one per function, grown on demand up to a maximum."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from infra.local.code import Code
from infra.local.environment import MAX_PAYLOAD_BYTES, Environment, Invocation, Result, State, failure
from infra.local.guard import Guard
from infra.local.logs import FunctionLog
from infra.local.template import FunctionSpec
from shared.settings import Settings

logger = logging.getLogger(__name__)

MAX_API_ENVIRONMENTS = 4
_DERIVER = "DeriverFunction"
MAX_WORKER_ENVIRONMENTS = 8
# A new environment costs half a second of processor: a short wait for a busy one is cheaper than a cold start.
PATIENCE_S = 0.1
# More at a time would only slow each other down, and whoever is being served.
_STARTS_AT_A_TIME = max(1, (os.cpu_count() or 2) // 2)
# After a burst all but one of the idle go; each holds a hundred megabytes.
_RETIRE_S = 120.0


class PoolStatus(TypedDict):
    """What `status` shows of one function."""

    starting: int
    idle: int
    busy: int
    waiting: int
    maximum: int
    invocations: int
    errors: int
    last_error: str | None


class Pool:
    """The environments of one function; events wait in order when all are busy and no more may start."""

    def __init__(
        self,
        function: FunctionSpec,
        *,
        maximum: int,
        guard: Guard,
        variables: Mapping[str, str],
        code: Code,
        log: Path,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.function = function
        self.maximum = maximum
        self._patience_s = patience_s
        self._guard = guard
        self._variables = variables
        self._code = code
        self._log = FunctionLog(log)
        self._loop = asyncio.get_running_loop()
        self._environments: list[Environment] = []
        # Last in, first out: the most recently used is the warmest.
        self._idle: list[Environment] = []
        self._pending: deque[Invocation] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._impatience: asyncio.TimerHandle | None = None
        self._starts: set[asyncio.Task[None]] = set()
        self._first = asyncio.Event()
        self._stopping = False
        self._invocations = 0
        self._errors = 0
        self._last_error: str | None = None
        self._retirement = self._loop.call_later(_RETIRE_S, self._retire)

    def invoke(self, event: bytes) -> "asyncio.Future[Result]":
        """The result of running the function on an event; it fails in the result, never by exception."""
        result: asyncio.Future[Result] = self._loop.create_future()
        if self._stopping:
            result.set_result(failure("Runtime.Stopped", "The stack is stopping"))
            return result
        if len(event) > MAX_PAYLOAD_BYTES:
            result.set_result(failure("RequestEntityTooLarge", f"{len(event)} bytes exceed the payload limit"))
            return result
        self._invocations += 1
        result.add_done_callback(self._count)
        invocation = Invocation(event, result, self._loop.time())
        if self._idle:
            self._idle.pop().invoke(invocation)
        else:
            self._pending.append(invocation)
            self._room.clear()
            self._grow(at_once=not self._environments)
        return result

    async def room(self) -> None:
        """Wait until no event waits for an environment."""
        await self._room.wait()

    def prewarm(self) -> None:
        """Start an environment unless there is one."""
        if not self._environments:
            self._start()

    async def first_started(self, seconds: float) -> None:
        """Wait until the first environment has started, or failed to, at most `seconds`."""
        try:
            await asyncio.wait_for(self._first.wait(), seconds)
        except TimeoutError:
            return

    def on_idle(self, environment: Environment) -> None:
        """An environment is ready for an event."""
        self._first.set()
        while self._pending:
            invocation = self._next()
            if not invocation.result.done():
                environment.invoke(invocation)
                return
        environment.freeze()
        self._idle.append(environment)

    def on_gone(self, environment: Environment, init_error: Result | None) -> None:
        """An environment ended; an error while it started belongs to the event that has waited longest."""
        self._environments.remove(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        if init_error is not None:
            self._first.set()
            self._last_error = init_error.payload.decode(errors="replace")
            logger.error("environment_not_started function=%s", self.function.logical_id)
            self._fail_first(init_error)
        if self._pending:
            self._grow(at_once=True)

    def describe(self) -> PoolStatus:
        states = [environment.state for environment in self._environments]
        return {
            "starting": states.count(State.STARTING),
            "idle": states.count(State.IDLE),
            "busy": len(states) - states.count(State.STARTING) - states.count(State.IDLE),
            "waiting": len(self._pending),
            "maximum": self.maximum,
            "invocations": self._invocations,
            "errors": self._errors,
            "last_error": self._last_error,
        }

    @property
    def is_busy(self) -> bool:
        """Whether any event is being worked on or waits."""
        return bool(self._pending) or any(e.state is State.BUSY for e in self._environments)

    def stop(self) -> None:
        """Take no more events and end every environment; what was running fails."""
        self._stopping = True
        self._retirement.cancel()
        while self._pending:
            self._fail_first(failure("Runtime.Stopped", "The stack is stopping"))
        for environment in list(self._environments):
            environment.kill()

    def _grow(self, *, at_once: bool) -> None:
        if self._impatience is not None:
            if not at_once:
                return
            self._impatience.cancel()
        self._impatience = self._loop.call_later(0.0 if at_once else self._patience_s, self._grow_now)

    def _grow_now(self) -> None:
        self._impatience = None
        starting = sum(environment.state is State.STARTING for environment in self._environments)
        if self._stopping or len(self._pending) <= starting or len(self._environments) >= self.maximum:
            return
        waited_s = self._loop.time() - self._pending[0].since
        if self._environments and waited_s < self._patience_s:
            # Another event than the one that lost its patience: as long as all of them move on, nothing is gained.
            self._impatience = self._loop.call_later(self._patience_s - waited_s, self._grow_now)
            return
        if starting < _STARTS_AT_A_TIME:
            self._start()
        self._grow(at_once=False)

    def _start(self) -> None:
        environment = Environment(self.function, self, self._log)
        self._environments.append(environment)
        start = self._loop.create_task(environment.start(self._guard, self._variables, self._code))
        self._starts.add(start)
        start.add_done_callback(lambda done: self._on_spawned(done, environment))

    def _on_spawned(self, start: "asyncio.Task[None]", environment: Environment) -> None:
        self._starts.discard(start)
        if not start.cancelled() and (error := start.exception()) is not None:
            logger.error("environment_not_spawned function=%s", self.function.logical_id, exc_info=error)
            self.on_gone(environment, failure("Runtime.SpawnError", str(error)))

    def _fail_first(self, result: Result) -> None:
        """Give a failure to the event that has waited longest, if any waits."""
        if self._pending and not (first := self._next().result).done():
            first.set_result(result)

    def _next(self) -> Invocation:
        invocation = self._pending.popleft()
        if not self._pending:
            self._room.set()
        return invocation

    def _retire(self) -> None:
        """End the longest unused environment beyond the first, now and then."""
        if len(self._idle) > 1 and self._loop.time() - self._idle[0].idle_since > _RETIRE_S:
            self._idle.pop(0).kill()
        self._retirement = self._loop.call_later(_RETIRE_S / 4, self._retire)

    def _count(self, result: "asyncio.Future[Result]") -> None:
        if not result.cancelled() and result.result().error is not None:
            self._errors += 1
            self._last_error = result.result().payload[:2000].decode(errors="replace")


def pool_size(function: FunctionSpec, settings: Settings) -> int:
    """How many environments a function may have on one machine."""
    if function.logical_id == _DERIVER and settings.deriver.workers is not None:
        return settings.deriver.workers
    if function.routes:
        return MAX_API_ENVIRONMENTS
    limits = [m.max_concurrency for m in function.mappings if m.max_concurrency is not None]
    if function.mappings:
        return min([*limits, MAX_WORKER_ENVIRONMENTS])
    return 1
