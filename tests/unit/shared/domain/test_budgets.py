"""Which summary fits into its share of a budget."""

from datetime import UTC, datetime

import pytest

from shared.domain.budgets import chosen_summary
from shared.domain.summary import Summary, SummaryKind


def sized(**tokens: int) -> dict[SummaryKind, Summary]:
    then = datetime(2031, 5, 6, tzinfo=UTC)
    return {kind: Summary(kind, "text", "m", 1, size, then) for kind, size in tokens.items()}


@pytest.mark.parametrize(
    ("summaries", "expected"),
    [
        ({}, None),
        ({"short": 40}, "short"),
        ({"short": 41}, None),
        ({"short": 0}, None),
        ({"long": 40}, "long"),
        ({"long": 41}, None),
        ({"short": 10, "long": 40}, "long"),
        ({"short": 10, "long": 41}, "short"),
        ({"short": 30, "long": 20}, "short"),
        ({"short": 50, "long": 60}, None),
        ({"short": 60, "long": 20}, None),
    ],
)
def test_chosen_summary_of_a_hundred_tokens(summaries: dict[str, int], expected: str | None):
    found = chosen_summary(sized(**summaries), 100)
    assert (found and found.kind) == expected


@pytest.mark.parametrize("tokens", [0, -1, -100])
def test_chosen_summary_of_nothing_is_none_even_without_tokens(tokens: int):
    assert chosen_summary(sized(long=0, short=0), tokens) is None
