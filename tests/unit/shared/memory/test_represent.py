"""How a representation is split between meaning, repetition and age."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.memory.represent import Shares, shares


@pytest.mark.parametrize(
    ("total", "has_query", "top_k", "most_derived", "expected"),
    [
        (25, False, None, False, Shares(0, 0, 25)),
        (25, False, 9, False, Shares(0, 0, 25)),
        (25, False, None, True, Shares(0, 12, 25)),
        (30, True, None, False, Shares(10, 0, 30)),
        (30, True, None, True, Shares(10, 10, 30)),
        (30, True, 25, True, Shares(25, 5, 30)),
        (30, True, 99, True, Shares(30, 0, 30)),
        (1, True, None, True, Shares(1, 0, 1)),
        (2, True, None, False, Shares(1, 0, 2)),
    ],
)
def test_shares_of_a_total(total: int, has_query: bool, top_k: int | None, most_derived: bool, expected: Shares):
    assert shares(total, has_query=has_query, top_k=top_k, include_most_derived=most_derived) == expected


@given(st.integers(1, 200), st.booleans(), st.one_of(st.none(), st.integers(1, 100)), st.booleans())
def test_shares_never_exceed_the_total(total: int, has_query: bool, top_k: int | None, most_derived: bool):
    split = shares(total, has_query=has_query, top_k=top_k, include_most_derived=most_derived)
    assert 0 <= split.semantic + split.most_derived <= total
    assert (split.semantic > 0) == has_query
