"""Spans: what is under way, since when, and what caused it. Whoever wants to know of them listens.

`with span("derive", items=3):` measures and is the parent of what happens inside, also in the log lines. Names of
attributes are ours; values are ids, counts, durations and names of models, never what was said and by whom.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from shared.domain.trace import Trace, begin

Attribute: TypeAlias = str | int | float | bool

_CURRENT: Final[ContextVar[Trace | None]] = ContextVar("trace", default=None)
_ENTRY: Final[ContextVar["Span | None"]] = ContextVar("entry", default=None)


@dataclass(slots=True)
class Span:
    """One operation. `parent_id` is the span that caused it, `links` are other causes; times in nanoseconds.

    `entry` is the request or the piece of work that it is a part of, which may be itself.
    """

    name: str
    trace: Trace
    parent_id: str | None
    started_ns: int
    attributes: dict[str, Attribute]
    links: tuple[Trace, ...] = ()
    ended_ns: int = 0
    error: str | None = None
    entry: "Span | None" = None

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return ((self.ended_ns or time.time_ns()) - self.started_ns) / 1e9


class SpanListener(Protocol):
    """Who hears of spans. Must be quick, and not raise."""

    def began(self, span: Span) -> None: ...

    def ended(self, span: Span) -> None: ...


_LISTENERS: Final[list[SpanListener]] = []
# Those who also want what is too small and too frequent for the others.
_CURIOUS: Final[list[SpanListener]] = []


def current() -> Trace | None:
    """The span that is under way here."""
    return _CURRENT.get()


def traceparent() -> str | None:
    """The header of the span that is under way, for whoever goes on with it."""
    trace = _CURRENT.get()
    return None if trace is None else trace.header


def trace_id() -> str | None:
    trace = _CURRENT.get()
    return None if trace is None else trace.trace_id


def workspace() -> str | None:
    """The workspace that the request or the work here is about."""
    entry = _ENTRY.get()
    found = None if entry is None else entry.attributes.get("workspace")
    return found if isinstance(found, str) else None


def listen(listener: SpanListener, *, is_curious: bool = False) -> None:
    """Tell the listener of spans. `is_curious`: it is worth making those of single statements and vector calls for."""
    _LISTENERS.append(listener)
    if is_curious:
        _CURIOUS.append(listener)


def unlisten(listener: SpanListener) -> None:
    _LISTENERS.remove(listener)
    if listener in _CURIOUS:
        _CURIOUS.remove(listener)


def is_detailed() -> bool:
    """Whether spans of what is small and frequent are worth their cost."""
    return bool(_CURIOUS)


@contextmanager
def entry(
    name: str, cause: Trace | None, attributes: Mapping[str, Attribute], *, links: Sequence[Trace] = ()
) -> Generator[Span]:
    """A piece of work as a whole: caused by `cause`, or the first span of a trace of its own."""
    one = _made(name, cause, attributes)
    one.entry, one.links = one, tuple(links)
    token = _ENTRY.set(one)
    try:
        with _under(_told(one)):
            yield one
    finally:
        _ENTRY.reset(token)


@contextmanager
def span(name: str, **attributes: Attribute) -> Generator[Span]:
    """A span below the one that is under way here."""
    with _under(started(name, _CURRENT.get(), attributes)) as one:
        yield one


def started(name: str, cause: Trace | None, attributes: Mapping[str, Attribute]) -> Span:
    """A span under way that is nobody's parent here: for what goes on across generators and threads."""
    one = _made(name, cause, attributes)
    one.entry = _ENTRY.get()
    return _told(one)


def end(one: Span, error: BaseException | None = None) -> None:
    """Tell the listeners. Of an error its class: the text may quote what was said."""
    one.ended_ns = time.time_ns()
    if error is not None:
        one.error = type(error).__name__
    for listener in _LISTENERS:
        listener.ended(one)


def _made(name: str, cause: Trace | None, attributes: Mapping[str, Attribute]) -> Span:
    trace = begin() if cause is None else cause.child()
    return Span(name, trace, None if cause is None else cause.span_id, time.time_ns(), dict(attributes))


def _told(one: Span) -> Span:
    for listener in _LISTENERS:
        listener.began(one)
    return one


@contextmanager
def _under(one: Span) -> Generator[Span]:
    token = _CURRENT.set(one.trace)
    try:
        yield one
    except BaseException as error:
        end(one, error)
        raise
    else:
        end(one)
    finally:
        _CURRENT.reset(token)
