"""The launcher: one process and one event loop that hold the whole local stack together."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.local import template as sam
from infra.local.admission import Admission, admission
from infra.local.code import Codebase
from infra.local.control import Control, StackStatus
from infra.local.due import DueTimes
from infra.local.environment import Result
from infra.local.errands import Errands
from infra.local.gateway import Gateway
from infra.local.guard import Guard
from infra.local.mapping import EventSourceMapping
from infra.local.profile import function_variables
from infra.local.queues import LocalQueues
from infra.local.runtime import Pool, pool_size
from infra.local.schedule import NextDue, Schedule
from infra.local.sqs import application as sqs_application
from infra.local.web import App, Listener, bind
from infra.local.web_function import WebFunction
from shared.settings import Settings

logger = logging.getLogger(__name__)

_TICK = "TickFunction"
_CANARY = "CanaryFunction"
_GRACE_S = 0.7
_API_FIRST_S = 10.0
# One environment of a function behind the door is for readers, however many write.
_FOR_READERS = 1
# As many as the web server has threads to spare for.
_MOST_AT_A_WEB_FUNCTION = 32


@dataclass(frozen=True, slots=True)
class Databases:
    """The addresses of the database for the two roles."""

    owner: str
    app: str

    def references(self) -> dict[str, str]:
        """What the parameters of the template that name the database stand for."""
        return {"DbConnectionUri": _with_driver(self.app), "OwnerConnectionUri": _with_driver(self.owner)}


class Launcher:
    """Queues, functions, door, mappings and schedules of one template. Lives and dies with `run`."""

    def __init__(
        self,
        template: sam.Template,
        *,
        settings: Settings,
        door: socket.socket,
        guard: Guard,
        databases: Databases,
        codebase: Codebase,
        logs: Path,
        counters: Path,
    ) -> None:
        self._template = template
        self._settings = settings
        self._door_socket = door
        self._guard = guard
        self._databases = databases
        self._codebase = codebase
        self._logs = logs
        self._counters = counters
        self._pools: dict[str, Pool] = {}
        self._web_functions: dict[str, WebFunction] = {}
        self._admissions: dict[str, Admission] = {}
        self._errands = Errands()
        self._listeners: list[Listener] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._sqs_socket = bind("127.0.0.1", 0)
        self.sqs_url = f"http://127.0.0.1:{self._sqs_socket.getsockname()[1]}"

    async def run(self, on_open: Callable[[], None]) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; `on_open` is called when the door is open."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        queues = open_queues(self._template, self.sqs_url)
        self._make_functions(queues)
        await self._listen(sqs_application(queues), self._sqs_socket)
        control = Control(self._pools, self._web_functions, partial(self._describe, queues))
        gateway = Gateway(self._template, self._invoke, self._web_functions, control, self._admissions, self._errands)
        await self._listen(gateway, self._door_socket)
        on_open()
        due = DueTimes(self._databases.app)
        try:
            self._start_mappings(queues)
            self._tasks.append(asyncio.create_task(self._warm_up_and_schedule(due)))
            await stop.wait()
        finally:
            await self._close()
            await due.close()

    def _make_functions(self, queues: LocalQueues) -> None:
        references = {**queue_urls(self._template, queues), **self._databases.references()}
        for name, function in self._template.functions.items():
            code = self._codebase.of(function)
            variables = function_variables(
                self._template, function, references=references, sqs_url=self.sqs_url, code=code
            )
            variables["PROMETHEUS_MULTIPROC_DIR"] = str(self._counters)
            log = self._logs / f"{name}.log"
            if function.uvicorn is not None:
                self._admissions[name] = admission(self._settings.api, _MOST_AT_A_WEB_FUNCTION)
                self._web_functions[name] = WebFunction(
                    function, guard=self._guard, variables=variables, code=code, log=log
                )
            else:
                if function.routes:
                    self._admissions[name] = admission(
                        self._settings.api, pool_size(function, self._settings), reserved=_FOR_READERS
                    )
                self._pools[name] = Pool(
                    function,
                    maximum=pool_size(function, self._settings),
                    guard=self._guard,
                    variables=variables,
                    code=code,
                    log=log,
                )

    async def _listen(self, app: App, bound: socket.socket) -> None:
        listener = Listener(app)
        await listener.open(bound)
        self._listeners.append(listener)

    def _invoke(self, name: str, event: bytes) -> "asyncio.Future[Result]":
        return self._pools[name].invoke(event)

    def _start_mappings(self, queues: LocalQueues) -> None:
        for name, function in self._template.functions.items():
            for spec in function.mappings:
                mapping = EventSourceMapping(
                    spec,
                    self._template.queues[spec.queue],
                    queues,
                    self._pools[name].invoke,
                    room=self._pools[name].room,
                    concurrency=self._pools[name].maximum,
                )
                self._tasks.append(asyncio.create_task(_for_ever(f"mapping {name}", mapping.run)))

    async def _warm_up_and_schedule(self, due: DueTimes) -> None:
        """Start what the first caller will want, the API before everything else; then let the time run."""
        api = [pool for pool in self._pools.values() if pool.function.routes]
        for pool in api:
            pool.prewarm()
        for pool in api:
            await pool.first_started(_API_FIRST_S)
        workers = [pool for pool in self._pools.values() if pool.function.mappings]
        for warm in [*workers[:1], *self._web_functions.values()]:
            warm.prewarm()
        look_s = self._settings.deriver.polling_sleep_interval_seconds
        schedules = [
            Schedule(f, self._pools[name].invoke, _next_due(name, due), rate_s=f.schedule_s, look_s=look_s)
            for name, f in self._template.functions.items()
            if f.schedule_s is not None and (name != _CANARY or self._settings.canary.enabled)
        ]
        await asyncio.gather(*(_for_ever("schedule", schedule.run) for schedule in schedules))

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        end = time.monotonic() + _GRACE_S
        await asyncio.gather(*(listener.close(grace_s=_GRACE_S / 2) for listener in self._listeners))
        while any(pool.is_busy for pool in self._pools.values()) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        for pool in self._pools.values():
            pool.stop()
        for web_function in self._web_functions.values():
            web_function.stop()

    def _describe(self, queues: LocalQueues) -> StackStatus:
        depths = {spec.name: queues.depth(spec.name) for spec in self._template.queues.values()}
        return {
            "functions": {name: pool.describe() for name, pool in self._pools.items()},
            "web_functions": {name: each.describe() for name, each in self._web_functions.items()},
            "door": {name: admission.describe() for name, admission in self._admissions.items()},
            "errands": self._errands.describe(),
            "queues": {
                name: {
                    "visible": depth.visible,
                    "in_flight": depth.in_flight,
                    "oldest_age_s": round(queues.oldest_age_s(name), 1),
                }
                for name, depth in depths.items()
            },
            "ignored_resources": list(self._template.ignored),
        }


def open_queues(template: sam.Template, url: str) -> LocalQueues:
    """The queues of the template, to be served at `url`."""
    queues = LocalQueues(url)
    # A queue names its dead-letter queue, which must be there before it.
    for spec in sorted(template.queues.values(), key=lambda each: each.dead_letter is not None):
        attributes = {"FifoQueue": "true", "VisibilityTimeout": str(spec.visibility_timeout_s), **spec.attributes}
        if spec.dead_letter is not None:
            target = template.queues[spec.dead_letter].arn
            attributes["RedrivePolicy"] = (
                f'{{"deadLetterTargetArn": "{target}", "maxReceiveCount": {spec.max_receive_count}}}'
            )
        queues.create(spec.name, attributes)
    return queues


def queue_urls(template: sam.Template, queues: LocalQueues) -> dict[str, str]:
    """The address of each queue, by its logical id."""
    return {logical_id: queues.url(spec.name) for logical_id, spec in template.queues.items()}


def _next_due(name: str, due: DueTimes) -> NextDue:
    """When a function is to come before its rate brings it: tick alone is there for what is due."""
    return due.next_due if name == _TICK else _never


async def _never() -> None:
    return None


async def _for_ever(what: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run what should never end; if it fails all the same, say so and run it again."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("%s failed", what)
        await asyncio.sleep(1.0)


def _with_driver(dsn: str) -> str:
    """The address in the form the settings document."""
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)
