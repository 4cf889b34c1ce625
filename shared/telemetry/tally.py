"""What models were used for one piece of work, added up as it goes: for its log line."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Final


@dataclass(slots=True)
class Tally:
    """Calls and tokens so far; `model` is the last that answered. Threads of the same work share it."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    model: str = ""


_CURRENT: Final[ContextVar[Tally | None]] = ContextVar("tally", default=None)
_LOCK: Final = Lock()


@contextmanager
def tallied() -> Generator[Tally]:
    """What is called inside, also in threads that carry this context on."""
    tally = Tally()
    token = _CURRENT.set(tally)
    try:
        yield tally
    finally:
        _CURRENT.reset(token)


def add(model: str, input_tokens: int, output_tokens: int) -> None:
    """One call more."""
    tally = _CURRENT.get()
    if tally is None:
        return
    with _LOCK:
        tally.calls += 1
        tally.input_tokens += input_tokens
        tally.output_tokens += output_tokens
        tally.model = model
