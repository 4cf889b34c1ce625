"""A card's changes tell the card before them and after."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.card import Card, CardLine, without_repetition
from shared.domain.card_changes import changes_of, lines_after, lines_before

LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "A"]), max_size=6)


@given(LINES, LINES)
def test_changes_of_a_card_tell_what_it_said_before_and_after(before: list[str], wanted: list[str]):
    new = without_repetition([CardLine(text) for text in wanted])
    changes = changes_of(Card(tuple(before), 3), new)
    after = [line.text for line in new]
    if changes:
        assert (lines_before(changes), lines_after(changes)) == (before, after)
    else:
        assert before == after


def test_changes_of_no_card_tell_that_it_was_made():
    changes = changes_of(Card(), [CardLine("a", ("c1",))])
    assert [(one.action, one.line, one.source_ids) for one in changes] == [
        ("card_made", None, ()),
        ("line_added", "a", ("c1",)),
    ]
    assert [one.action for one in changes_of(Card(), [])] == ["card_made"]
    assert changes_of(Card((), 1), []) == []


def test_changes_of_lines_that_only_change_places_are_moves():
    changes = changes_of(Card(("a", "b", "c"), 2), [CardLine("b"), CardLine("a"), CardLine("c")])
    assert [(one.action, one.line) for one in changes] == [("line_moved", "a"), ("line_moved", "b"), ("line_kept", "c")]
