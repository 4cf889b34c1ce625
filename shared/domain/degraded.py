"""What an answer had to do without: noted where it happens, told to whoever asked."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, TypeAlias

from shared.domain.errors import IndexUnavailable, ServiceError

Part: TypeAlias = Literal["vectors", "embeddings"]

# Passed down beside the arguments: what is missing is found out at the bottom, in each of many ways to an answer.
_NOTES: Final = ContextVar[set[Part] | None]("degraded", default=None)


@contextmanager
def noting() -> Generator[set[Part]]:
    """What the calls inside had to do without, in all threads that take this one's context along."""
    notes, outer = set[Part](), _NOTES.get()
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)
        if outer is not None:
            outer |= notes


def note(error: ServiceError) -> None:
    """An answer goes on without what `error` says cannot be reached."""
    notes = _NOTES.get()
    if notes is not None:
        notes.add("vectors" if isinstance(error, IndexUnavailable) else "embeddings")
