"""Names that callers give, ids that we make."""

import re

import pytest

from shared.domain.errors import NameInvalid
from shared.domain.ids import checked_name, is_name, is_scope, new_id


def test_new_ids_are_21_letters_of_the_alphabet_and_differ():
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{21}", one) for one in made)


def test_new_ids_use_the_whole_alphabet():
    assert len(set("".join(new_id() for _ in range(500)))) == 64


@pytest.mark.parametrize("name", ["a", "A-b_9", "x" * 512, "-", "0"])
def test_name_of_letters_digits_and_two_signs_is_taken(name: str):
    assert checked_name(name, "peer id") == name


@pytest.mark.parametrize("name", ["", "x" * 513, "a b", "a:b", "a.b", "a/b", "é", "a\n", "\x00", "scope.x"])
def test_name_with_anything_else_is_refused(name: str):
    assert not is_name(name)
    with pytest.raises(NameInvalid, match="peer id must be 1 to 512"):
        checked_name(name, "peer id")


def test_scopes_are_known_by_their_prefix():
    assert is_scope("scope.family")
    assert not is_scope("scopeless")
