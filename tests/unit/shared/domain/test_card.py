"""Lines of a peer card: what an agent may write, and each thing once."""

import pytest

from shared.domain.card import MOST_LINES, CardLine, problem_of, without_repetition


@pytest.mark.parametrize(
    "text", ["IDENTITY: Name is Ada", "ATTRIBUTE: x", "RELATIONSHIP: y", f"INSTRUCTION: {'z' * 187}"]
)
def test_line_of_one_of_the_four_kinds_has_no_problem(text: str):
    assert problem_of(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Name is Ada", "must begin with"),
        ("identity: Ada", "must begin with"),
        ("TRAIT: kind", "must begin with"),
        ("", "must begin with"),
        ("IDENTITY:  ", "says nothing"),
        (f"IDENTITY: {'x' * 191}", "longer than 200"),
    ],
)
def test_line_of_another_form_has_a_problem_with_a_name(text: str, problem: str):
    assert problem in (problem_of(text) or "")


def test_lines_that_differ_in_case_and_spaces_only_are_one():
    lines = [CardLine("IDENTITY: Ada"), CardLine("IDENTITY:  ada", ("c1",)), CardLine("IDENTITY: Bob")]
    assert [line.text for line in without_repetition(lines)] == ["IDENTITY: Ada", "IDENTITY: Bob"]


def test_lines_too_many_lose_the_last():
    lines = [CardLine(f"IDENTITY: {number}") for number in range(MOST_LINES + 5)]
    assert without_repetition(lines) == tuple(lines[:MOST_LINES])
