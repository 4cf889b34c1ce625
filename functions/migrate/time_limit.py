"""A limit to how long something may take, whatever it is waiting for."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, NoReturn

# An exception may get lost where Python has nobody to give it to, in a finalizer for instance.
_AGAIN_S: Final = 8.0


class Overdue(KeyboardInterrupt):
    """The time is over.

    Of this kind because it is what psycopg cancels a running statement for, and what nobody catches by accident.
    """


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Raise `Overdue` inside once `seconds` are over. For the main thread, which a handler runs in."""
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _ring(number: int, frame: object) -> NoReturn:
    raise Overdue
