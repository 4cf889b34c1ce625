"""Independent waits, at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar, overload

T = TypeVar("T")
U = TypeVar("U")

# Each call may hold a database connection, and there are few.
_MOST_THREADS = 6


@overload
def gather(first: Callable[[], T], second: Callable[[], U], /) -> tuple[T, U]: ...
@overload
def gather(*calls: Callable[[], T]) -> tuple[T, ...]: ...
def gather(*calls: Callable[[], object]) -> tuple[object, ...]:
    """What `calls` give, in their order. All have ended when it returns or raises the first error."""
    if len(calls) < 2:
        return tuple(call() for call in calls)
    # The caller would only wait: it makes the first call itself.
    with ThreadPoolExecutor(min(len(calls) - 1, _MOST_THREADS)) as pool:
        # Each in a copy of the context of its own: what is done for a request stays part of its trace.
        rest = [pool.submit(copy_context().run, call) for call in calls[1:]]
        return (calls[0](), *(waiting.result() for waiting in rest))
