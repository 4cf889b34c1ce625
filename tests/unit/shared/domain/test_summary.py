"""When a summary is due."""

import pytest

from shared.domain.summary import due_kinds


@pytest.mark.parametrize(
    ("seq", "expected"),
    [
        (1, ()),
        (19, ()),
        (20, ("short",)),
        (40, ("short",)),
        (60, ("short", "long")),
        (61, ()),
        (120, ("short", "long")),
    ],
)
def test_due_kinds_follow_their_cadence(seq: int, expected: tuple[str, ...]):
    assert due_kinds(seq, every_short=20, every_long=60) == expected


def test_due_kinds_when_only_the_long_one_is_due():
    assert due_kinds(50, every_short=20, every_long=50) == ("long",)
