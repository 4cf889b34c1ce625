"""Spans: who is whose parent, and what listeners hear."""

from collections.abc import Iterator

import pytest

from shared.domain.trace import Trace
from shared.memory.gather import gather
from shared.telemetry import tracing
from shared.telemetry.tracing import Span

CAUSE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Span] = []
        self.begun: list[str] = []

    def began(self, span: Span) -> None:
        self.begun.append(span.name)

    def ended(self, span: Span) -> None:
        self.heard.append(span)


@pytest.fixture
def ear() -> Iterator[Ear]:
    listening = Ear()
    tracing.listen(listening)
    yield listening
    tracing.unlisten(listening)


def test_spans_inside_each_other_are_child_and_parent_of_one_trace(ear: Ear):
    with tracing.entry("unit", CAUSE, {"items": 2}) as outer, tracing.span("model_call", model="m") as inner:
        assert tracing.current() == inner.trace
        assert tracing.traceparent() == inner.trace.header
    assert ear.begun == ["unit", "model_call"]
    assert [span.name for span in ear.heard] == ["model_call", "unit"]
    assert (outer.entry, inner.entry) == (outer, outer)
    assert inner.parent_id == outer.trace.span_id
    assert (outer.parent_id, outer.trace.trace_id) == (CAUSE.span_id, CAUSE.trace_id)
    assert inner.trace.trace_id == CAUSE.trace_id
    assert outer.attributes == {"items": 2}
    assert outer.seconds >= inner.seconds >= 0
    assert tracing.current() is None


def test_entry_without_a_cause_begins_a_trace(ear: Ear):
    with tracing.entry("request", None, {}) as one:
        pass
    with tracing.entry("request", None, {}) as other:
        pass
    assert one.parent_id is None
    assert one.trace.trace_id != other.trace.trace_id


def test_span_that_fails_tells_the_class_of_the_error_and_not_its_text(ear: Ear):
    with pytest.raises(ValueError, match="secret"), tracing.entry("unit", CAUSE, {}):
        raise ValueError("secret")
    [span] = ear.heard
    assert span.error == "ValueError"
    assert "secret" not in repr(span)
    assert tracing.current() is None


def test_threads_that_gather_starts_belong_to_the_trace():
    with tracing.entry("unit", CAUSE, {}) as one:
        found = gather(tracing.current, tracing.current, tracing.current)
    assert found == (one.trace, one.trace, one.trace)
