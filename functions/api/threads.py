"""Where a handler runs: in a thread of its own, or, where requests come one at a time, on the spot."""

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

_IS_ALONE: Final = ContextVar("is_alone", default=False)


@contextmanager
def one_at_a_time() -> Generator[None]:
    """Requests served inside hold up nobody: their handlers need no thread.

    Each event of Lambda is a loop of its own, whose end is the end of its threads: every request would start one.
    """
    token = _IS_ALONE.set(True)
    try:
        yield
    finally:
        _IS_ALONE.reset(token)


def as_coroutine(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The plain function `handler` as a coroutine function that runs it where it holds up nobody."""
    if inspect.iscoroutinefunction(handler):
        return handler

    async def run(**values: Any) -> Any:
        call = partial(handler, **values)
        return call() if _IS_ALONE.get() else await run_in_threadpool(call)

    # Not `functools.wraps`: FastAPI looks through `__wrapped__` and would take `run` for a plain function, too.
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(run, name, getattr(handler, name))
    setattr(run, "__signature__", inspect.signature(handler))  # noqa: B010  # a function has no such attribute by type
    return run
