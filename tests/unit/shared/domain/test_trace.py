"""`traceparent`: what is taken from a caller and what is made here."""

import pytest

from shared.domain.trace import Trace, begin, parse

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_header_when_it_is_valid_says_trace_and_span():
    assert parse(VALID) == Trace(TRACE_ID, SPAN_ID, is_sampled=True)
    assert parse(f"00-{TRACE_ID}-{SPAN_ID}-00") == Trace(TRACE_ID, SPAN_ID, is_sampled=False)
    # Flags that nobody has defined yet say nothing.
    assert parse(f"00-{TRACE_ID}-{SPAN_ID}-03") == Trace(TRACE_ID, SPAN_ID, is_sampled=True)


def test_header_of_a_later_version_is_read_as_far_as_this_one_goes():
    assert parse(f"01-{TRACE_ID}-{SPAN_ID}-01-what-comes-after") == Trace(TRACE_ID, SPAN_ID)
    assert parse(f"cc-{TRACE_ID}-{SPAN_ID}-01") == Trace(TRACE_ID, SPAN_ID)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-0x",
        f"0-{TRACE_ID}-{SPAN_ID}-01",
        f"cc-{TRACE_ID}-{SPAN_ID}-01x",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n00-{TRACE_ID}-{SPAN_ID}-01",
    ],
)
def test_header_when_it_is_not_valid_is_as_if_not_sent(header: str | None):
    assert parse(header) is None


def test_trace_when_begun_here_is_valid_and_its_own():
    one, other = begin(), begin()
    assert parse(one.header) == one
    assert one.trace_id != other.trace_id


def test_child_keeps_the_trace_and_the_decision_to_record_it():
    child = Trace(TRACE_ID, SPAN_ID, is_sampled=False).child()
    assert (child.trace_id, child.is_sampled) == (TRACE_ID, False)
    assert child.span_id != SPAN_ID
    assert parse(child.header) == child
