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
_WORKSPACE: Final[ContextVar[str | None]] = ContextVar("workspace", default=None)


@dataclass(slots=True)
class Span:
    """One operation. `parent_id` is the span that caused it, `links` are other causes; times in nanoseconds."""

    name: str
    trace: Trace
    parent_id: str | None
    started_ns: int
    attributes: dict[str, Attribute]
    links: tuple[Trace, ...] = ()
    ended_ns: int = 0
    error: str | None = None
    is_entry: bool = False

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return ((self.ended_ns or time.time_ns()) - self.started_ns) / 1e9


class SpanListener(Protocol):
    """Who hears of spans. Must be quick, and not raise."""

    def ended(self, span: Span) -> None: ...


_LISTENERS: Final[list[SpanListener]] = []


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
    return _WORKSPACE.get()


def listen(listener: SpanListener) -> None:
    _LISTENERS.append(listener)


def unlisten(listener: SpanListener) -> None:
    _LISTENERS.remove(listener)


def is_heard() -> bool:
    """Whether anybody listens: small spans are not worth their cost otherwise."""
    return bool(_LISTENERS)


@contextmanager
def entry(
    name: str, cause: Trace | None, attributes: Mapping[str, Attribute], *, links: Sequence[Trace] = ()
) -> Generator[Span]:
    """A piece of work as a whole: caused by `cause`, or the first span of a trace of its own."""
    one = started(name, cause, attributes)
    one.is_entry, one.links = True, tuple(links)
    about = attributes.get("workspace")
    token = _WORKSPACE.set(about if isinstance(about, str) else None)
    try:
        with _under(one):
            yield one
    finally:
        _WORKSPACE.reset(token)


@contextmanager
def span(name: str, **attributes: Attribute) -> Generator[Span]:
    """A span below the one that is under way here."""
    with _under(started(name, _CURRENT.get(), attributes)) as one:
        yield one


def started(name: str, cause: Trace | None, attributes: Mapping[str, Attribute]) -> Span:
    """A span under way that is nobody's parent here: for what goes on across generators and threads."""
    trace = begin() if cause is None else cause.child()
    return Span(name, trace, None if cause is None else cause.span_id, time.time_ns(), dict(attributes))


def end(one: Span, error: BaseException | None = None) -> None:
    """Tell the listeners. Of an error its class: the text may quote what was said."""
    one.ended_ns = time.time_ns()
    if error is not None:
        one.error = type(error).__name__
    for listener in _LISTENERS:
        listener.ended(one)


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
