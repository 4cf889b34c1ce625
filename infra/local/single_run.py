"""One event through one function, in the genuine runtime client, with nothing else running."""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from infra.bootstrap import ROOT
from infra.local.code import Codebase, SourceTree
from infra.local.environment import INIT_TIMEOUT_S, Result
from infra.local.guard import Guard
from infra.local.launcher import Databases, open_queues, queue_urls
from infra.local.profile import function_variables
from infra.local.queues import LocalQueues
from infra.local.runtime import Pool
from infra.local.sqs import application as sqs_application
from infra.local.template import Template
from infra.local.web import Listener, bind


@dataclass(frozen=True, slots=True)
class Place:
    """Where the function finds things: a database, unless its environment names one, and queues.

    Without the address of queues it gets some of its own, empty ones. `variables` outweigh everything else.
    """

    databases: Databases | None = None
    sqs_url: str | None = None
    variables: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What became of the event, how long loading and running took, what was logged, and the wake-ups that were sent."""

    result: Result
    init_s: float
    run_s: float
    said: str
    sent: Mapping[str, int]


def run(template: Template, name: str, event: bytes, place: Place, codebase: Codebase | None = None) -> Run:
    """Load the function `name` of the template in a process of its own, give it `event`, and end it.

    Its code is that of the tree unless a `codebase` is given.
    """
    return asyncio.run(_run(template, name, event, place, codebase or SourceTree(ROOT)))


async def _run(template: Template, name: str, event: bytes, place: Place, codebase: Codebase) -> Run:
    async with AsyncExitStack() as undo:
        log = Path(undo.enter_context(tempfile.TemporaryDirectory())) / f"{name}.log"
        sqs_url, queues = await _queues(template, place, undo)
        references = queue_urls(template, queues) | (place.databases.references() if place.databases else {})
        function = template.functions[name]
        code = codebase.of(function)
        variables = function_variables(template, function, references=references, sqs_url=sqs_url, code=code)
        variables |= place.variables or {}
        guard = Guard()
        undo.callback(guard.close)
        pool = Pool(function, maximum=1, guard=guard, variables=variables, code=code, log=log)
        undo.callback(pool.stop)
        began = time.monotonic()
        pool.prewarm()
        await pool.first_started(INIT_TIMEOUT_S)
        loaded = time.monotonic()
        result = await pool.invoke(event)
        ended = time.monotonic()
        depths = {spec.name: queues.depth(spec.name).visible for spec in template.queues.values()}
        sent = {queue: count for queue, count in depths.items() if count}
        return Run(result, loaded - began, ended - loaded, log.read_text() if log.exists() else "", sent)


async def _queues(template: Template, place: Place, undo: AsyncExitStack) -> tuple[str, LocalQueues]:
    """The address of the queues and, where nobody else serves them there, the queues themselves."""
    if place.sqs_url is not None:
        return place.sqs_url, open_queues(template, place.sqs_url)
    bound = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    queues = open_queues(template, url)
    listener = Listener(sqs_application(queues))
    await listener.open(bound)
    undo.push_async_callback(listener.close)
    return url, queues
