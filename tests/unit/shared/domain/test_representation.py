"""The text of a representation, to the letter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.domain.conclusion import Conclusion, Level
from shared.domain.representation import render

DAY2 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY3 = datetime(2026, 1, 3, tzinfo=UTC)

GOLDEN = """\
## Explicit Observations

[2026-01-02 03:04:05] plays the cello
[2026-01-02 03:09:00] rehearses on Mondays

## Deductive Observations

[2026-01-03 00:00:00] owns an instrument
   Premises:
   - plays the cello
   - rehearses on Mondays

[2026-01-03 00:00:01] item without premises


## Inductive Observations

 **Pattern** [medium]: prefers mornings
   **Type**: pattern
   **Sources**:
   - s1
   - s2
   - s3
   - s4
   - s5
   - ... and 3 more


## Contradictions

 **CONTRADICTION**: says both A and B
   **Conflicting statements**:
   - A
   - B

"""


def _one(content: str, level: Level, at: datetime, *premises: str) -> Conclusion:
    return Conclusion("i", "w", "a", "a", None, level, content, 1, (), (), premises, at, DAY3)


CONCLUSIONS = [
    _one("says both A and B", "contradiction", DAY3, "A", "B"),
    _one("prefers mornings", "inductive", DAY3, *(f"s{number}" for number in range(1, 9))),
    _one("item without premises", "deductive", DAY3 + timedelta(seconds=1)),
    _one("owns an instrument", "deductive", DAY3, "plays the cello", "rehearses on Mondays"),
    _one("rehearses on Mondays", "explicit", DAY2.replace(minute=9, second=0)),
    _one("plays the cello", "explicit", DAY2.replace(microsecond=999)),
]


def test_render_of_all_levels_is_the_golden_text():
    assert render(CONCLUSIONS) == GOLDEN


def test_render_of_explicit_ones_ends_in_one_newline():
    explicit = [one for one in CONCLUSIONS if one.level == "explicit"]
    assert render(explicit) == (
        "## Explicit Observations\n\n"
        "[2026-01-02 03:04:05] plays the cello\n[2026-01-02 03:09:00] rehearses on Mondays\n"
    )


def test_render_of_nothing_is_empty():
    assert render([]) == ""


def test_render_of_equal_times_does_not_depend_on_the_order_given():
    twins = [replace(CONCLUSIONS[-1], id=name, content=name) for name in "bac"]
    assert render(twins) == render(reversed(twins))
