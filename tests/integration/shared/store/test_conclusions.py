"""Conclusions as rows: written together, found by id, listed where they still lack a vector."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.conclusion import Collection
from shared.store import conclusions, index_state
from shared.store.conclusions import Mention, NewConclusion
from tests.support.backends import THEN

BASE = NewConclusion("id", "ada", "ada", "s", "explicit", "ada sings", "h", True, ("m1",), (), (), THEN)


@pytest.fixture
def place(place):
    place.says("s", ("ada", "x"), ("bob", "y"))
    return place


def save(place, *new: NewConclusion, now=THEN):
    with place.backends.db.transaction() as conn:
        return conclusions.save(conn, place.workspace, new, now)


def numbered(*numbers: int, **columns: object) -> list[NewConclusion]:
    return [replace(BASE, id=f"c{n}", content=f"fact {n}", content_hash=f"h{n}", **columns) for n in numbers]


def mention(conclusion_id: str, *messages: str, at=THEN) -> Mention:
    return Mention(conclusion_id, messages, max(1, len(messages)), at)


def test_save_keeps_every_column(place):
    premises = ("plain", 'with "quotes"', "back\\slash", "com,ma", "{brace}", "", "new\nline", "NULL")
    given = replace(
        BASE, level="deductive", source_ids=("a", "b"), premises=premises, message_ids=(), session=None, times_derived=3
    )
    [stored] = save(place, given)
    assert (stored.premises, stored.source_ids, stored.message_ids) == (premises, ("a", "b"), ())
    assert (stored.level, stored.session, stored.times_derived, stored.occurred_at) == ("deductive", None, 3, THEN)


def test_save_of_nothing_gives_nothing(place):
    assert save(place) == []


def test_save_of_one_content_on_two_levels_keeps_both(place):
    save(place, BASE, replace(BASE, id="other", level="inductive"))
    assert len(place.conclusions()) == 2


def test_save_of_what_a_client_wrote_never_meets_its_equals(place):
    written = replace(BASE, is_derived=False)
    save(place, written, replace(written, id="twin"))
    save(place, replace(BASE, id="derived"))
    assert {row["id"]: row["times_derived"] for row in place.conclusions()} == {"id": 1, "twin": 1, "derived": 1}


def test_save_counts_the_more_of_both_when_a_successor_meets_its_equal(place):
    save(place, replace(BASE, times_derived=2))
    [stored] = save(place, replace(BASE, id="late", times_derived=7))
    assert (stored.id, stored.times_derived) == ("id", 7)


def test_save_for_an_unknown_peer_writes_nothing(place):
    with pytest.raises(Exception, match="what it refers to"):
        save(place, *numbered(1), replace(BASE, observer="nobody"))
    assert place.conclusions() == []


def test_reinforce_counts_each_mention_and_remembers_new_messages_once(place):
    save(place, *numbered(1, 2))
    with place.backends.db.transaction() as conn:
        conclusions.reinforce(conn, place.workspace, [mention("c1", "m2"), mention("c1", "m3", "m1"), mention("gone")])
        conclusions.reinforce(conn, "another", [mention("c2", "m2")])
        conclusions.reinforce(conn, place.workspace, [])
    rows = {row["id"]: (row["times_derived"], sorted(row["message_ids"])) for row in place.conclusions()}
    assert rows == {"c1": (3, ["m1", "m2", "m3"]), "c2": (1, ["m1"])}


def test_deleted_ones_are_found_by_nobody(place):
    save(place, *numbered(1, 2, 3))
    with place.backends.db.transaction() as conn:
        conclusions.hide(conn, place.workspace, ["c1", "c2"], THEN)
        conclusions.hide(conn, "another", ["c3"], THEN)
    with place.backends.db.reading() as conn:
        assert conclusions.get(conn, place.workspace, "c1") is None
        assert set(conclusions.by_ids(conn, place.workspace, ["c1", "c3"])) == {"c3"}
        assert conclusions.by_ids(conn, "another", ["c3"]) == {}
        newest = conclusions.chosen(conn, Collection(place.workspace, "ada", "ada"), newest=9)
    assert [one.id for one in newest] == ["c3"]


def test_unindexed_are_the_live_ones_that_waited_long_enough(place):
    save(place, *numbered(1, 2, 3))
    save(place, *numbered(4), now=THEN + timedelta(minutes=9))
    with place.backends.db.transaction() as conn:
        conclusions.mark_indexed(conn, place.workspace, ["c2"], THEN)
        conclusions.hide(conn, place.workspace, ["c3"], THEN)
    with place.backends.db.reading() as conn:
        left = index_state.unindexed(conn, before=THEN + timedelta(minutes=1), now=THEN, most=10_000)
    assert [one.id for one in left if one.workspace == place.workspace] == ["c1"]


@pytest.mark.parametrize("most", [0, -1])
def test_none_asked_for_none_given(place, most):
    save(place, *numbered(1))
    collection = Collection(place.workspace, "ada", "ada")
    with place.backends.db.reading() as conn:
        assert conclusions.newest(conn, collection, most=most) == []
        assert conclusions.most_derived(conn, collection, most=most) == []


def test_chosen_are_those_named_then_the_most_derived_then_the_newest(place):
    save(place, *numbered(1, 2, 3, 4, 5))
    collection = Collection(place.workspace, "ada", "ada")
    with place.backends.db.transaction() as conn:
        conclusions.reinforce(conn, place.workspace, [mention("c2", "m")])
    save(place, *numbered(6), now=THEN + timedelta(minutes=1))
    with place.backends.db.reading() as conn:
        assert conclusions.chosen(conn, collection) == []
        found = conclusions.chosen(conn, collection, ids=["c4", "gone"], most_derived=1, newest=1)
        all_of_them = conclusions.chosen(conn, collection, ids=["c1"], most_derived=9, newest=9)
        other = conclusions.chosen(conn, Collection(place.workspace, "ada", "bob"), ids=["c4"], newest=9)
    assert [one.id for one in found] == ["c4", "c2", "c6"]
    assert (all_of_them[0].id, sorted(one.id for one in all_of_them)) == ("c1", [f"c{n}" for n in range(1, 7)])
    assert other == []


def test_chosen_of_sessions_are_explicit_ones_only(place):
    save(place, *numbered(1), *numbered(2, level="deductive"), *numbered(3, session=None))
    with place.backends.db.reading() as conn:
        collection = Collection(place.workspace, "ada", "ada")
        found = conclusions.chosen(conn, collection, ids=["c2", "c3"], most_derived=9, newest=9, sessions=["s"])
        nothing = conclusions.chosen(conn, collection, ids=["c1"], most_derived=9, newest=9, sessions=[])
    assert ([one.id for one in found], nothing) == (["c1"], [])
