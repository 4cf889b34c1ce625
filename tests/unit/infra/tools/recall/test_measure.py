"""What counts as a right answer."""

import pytest

from infra.tools.recall.measure import is_abstention, is_right
from infra.tools.recall.world import Asked

BOOKS = Asked("several", "ada", "Which books has ada read?", (("Dune",), ("Emma",)), (1, 2))
DAY = Asked("temporal", "ada", "When?", (("2025-02-05", "5 February 2025"),), (3,))
NOTHING = Asked("absent", "ada", "Who is ada's dentist?", (), ())


@pytest.mark.parametrize(
    ("asked", "answer", "right"),
    [
        (BOOKS, "ada finished EMMA and, before that, dune.", True),
        (BOOKS, "ada read Dune.", False),
        (DAY, "On 5 February 2025.", True),
        (DAY, "On 6 February 2025.", False),
        (NOTHING, 'Nothing is known about this: "Who is ada\'s dentist?".', True),
        (NOTHING, "There is no information about that.", True),
        (NOTHING, "", True),
        (NOTHING, "It is Doctor Novak.", False),
    ],
)
def test_is_right_needs_a_word_of_each_group_or_an_abstention(asked: Asked, answer: str, right: bool):
    assert is_right(asked, answer) is right


@pytest.mark.parametrize("answer", ["I don't know.", "This was not mentioned.", "ada's dentist is unknown."])
def test_is_abstention_knows_how_models_put_it(answer: str):
    assert is_abstention(answer)


def test_is_abstention_when_something_is_told_is_false():
    assert not is_abstention("ada knows how to sail and has mentioned a boat.")
