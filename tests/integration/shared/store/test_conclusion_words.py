"""Conclusions by their words: whose they are, which of them, and in which order."""

import pytest

from shared.domain.conclusion import Collection
from shared.domain.session import ObservationSettings
from shared.store import conclusion_words
from tests.support.stores import saves
from tests.support.workplace import Workplace


@pytest.fixture
def here(place: Workplace) -> Workplace:
    place.joins("s", ada=ObservationSettings())
    place.joins("t", ada=ObservationSettings())
    return place


def found(here: Workplace, query: str, *, k: int = 9, **narrowed: tuple[str, ...]) -> list[str]:
    with here.backends.db.reading() as conn:
        own = Collection(here.workspace, "ada", "ada")
        rows = conclusion_words.by_words(conn, own, query, k=k, **narrowed)  # pyright: ignore
        of_all = conclusion_words.by_words(conn, here.workspace, query, k=k, **narrowed)  # pyright: ignore
    assert [one.id for one in rows] == [one.id for one in of_all]
    return [one.content for one in rows]


def test_more_words_in_common_come_first(here: Workplace):
    saves(here, "ada plays tennis", "ada plays the cello in the evening", "the weather is fine")
    assert found(here, "Who PLAYED a cello?") == ["ada plays the cello in the evening", "ada plays tennis"]
    assert found(here, "cello!", k=1) == ["ada plays the cello in the evening"]


def test_nothing_in_common_is_nothing(here: Workplace):
    saves(here, "ada plays tennis")
    assert found(here, "astronomy") == []
    assert found(here, "the of and") == []
    assert found(here, "  ' | & ! \\ :* ") == []


def test_conditions_narrow_what_is_looked_at(here: Workplace):
    saves(here, "cello one", session="s")
    saves(here, "cello two", session="t")
    assert sorted(found(here, "cello")) == ["cello one", "cello two"]
    assert found(here, "cello", sessions=("t",)) == ["cello two"]
    assert found(here, "cello", sessions=()) == []
    assert found(here, "cello", among=("cello one", "unknown")) == ["cello one"]
    assert found(here, "cello", levels=("deductive",)) == []


def test_letters_of_other_scripts_are_words_too(here: Workplace):
    saves(here, "ada lebt in Zürich", "ада живет в Риге")
    assert found(here, "zurich") == ["ada lebt in Zürich"]
    assert found(here, "Риге") == ["ада живет в Риге"]
