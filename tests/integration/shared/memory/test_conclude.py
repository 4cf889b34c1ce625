"""Concluding again what is known: reinforced, replaced or kept apart."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from shared.domain.conclusion import Collection, ConclusionDraft, content_hash
from shared.domain.errors import IndexUnavailable, NotFound
from shared.domain.message import MessageDraft
from shared.domain.quotes import Quote
from shared.memory import conclude
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.store import conclusions
from shared.store.conclusions import NewConclusion
from tests.support.backends import THEN


@pytest.fixture
def place(place):
    place.says("s", MessageDraft("ada", "one"), MessageDraft("bob", "two"))
    place.says("t", MessageDraft("ada", "three"))
    return place


def save(place, *content: str, messages: tuple[str, ...] = ("m1",), session: str = "s", observers=("ada",)):
    return save_drafts(
        place,
        *(ConclusionDraft(one, "explicit", session, messages, THEN) for one in content),
        observers=observers,
    )


def draft(content: str, *messages: str) -> ConclusionDraft:
    return ConclusionDraft(content, "explicit", "s", messages, THEN, times=max(1, len(messages)))


def save_drafts(place, *drafts: ConclusionDraft, observers=("ada",)):
    """Save drafts as a finishing transaction does, and index them."""
    saving = conclude.prepare(place.backends, place.workspace, "ada", observers, drafts)
    with place.backends.db.transaction() as conn:
        saved = saving.write(place.backends, conn)
    conclude.index(place.backends, saved, saving.vectors, saving.replaced)
    return saved


def alike(place, *contents: str) -> None:
    """Make these texts mean the same to the embedder."""
    place.embedder.alike.update(dict.fromkeys(contents, contents[0]))


def known(place) -> dict[str, tuple[int, list[str]]]:
    return {row["content"]: (row["times_derived"], row["message_ids"]) for row in place.conclusions()}


def test_save_of_an_equal_text_reinforces_and_remembers_its_messages(place):
    [first] = save(place, "ada sings")
    [again] = save(place, "  Ada   sings. ", messages=("m2", "m1"))
    assert again.id == first.id
    assert known(place) == {"ada sings": (2, ["m1", "m2"])}


def test_save_of_equal_texts_in_one_answer_makes_one_of_them(place):
    drafts = ["ada sings", "Ada sings.", "ada  sings"]
    save(place, *drafts)
    assert len(place.conclusions()) == 1
    assert place.conclusions()[0]["times_derived"] == 1


def test_save_of_an_equal_text_from_another_session_or_observer_stays_apart(place):
    save(place, "ada sings")
    save(place, "ada sings", session="t")
    save(place, "ada sings", observers=("bob",))
    assert [row["times_derived"] for row in place.conclusions()] == [1, 1, 1]


def test_save_remembers_at_most_a_hundred_messages(place):
    save(place, "ada sings", messages=tuple(f"a{n}" for n in range(80)))
    save(place, "ada sings", messages=tuple(f"b{n}" for n in range(80)))
    [(_, ids)] = known(place).values()
    assert (len(ids), ids[0], ids[-1]) == (100, "a0", "b19")


def test_save_of_what_only_repeats_something_that_goes_meanwhile_is_not_lost(place):
    """Between the look for what says the same and the commit a client or a dream takes that away."""
    alike(place, "ada sings alto in a choir", "ada sings alto")
    [richer] = save(place, "ada sings alto in a choir")
    saving = conclude.prepare(place.backends, place.workspace, "ada", ["ada"], [draft("ada sings alto", "m2")])
    with place.backends.db.transaction() as conn:
        assert conclusions.delete(conn, place.workspace, richer.id, THEN)
    with place.backends.db.transaction() as conn:
        saved = saving.write(place.backends, conn)
    conclude.index(place.backends, saved, saving.vectors, saving.replaced)
    assert known(place) == {"ada sings alto": (1, ["m2"])}
    assert [row["indexed_at"] is None for row in place.conclusions()] == [False]


def test_save_of_a_poorer_wording_reinforces_the_richer_one(place):
    alike(place, "ada sings alto in a choir", "ada sings alto")
    save(place, "ada sings alto in a choir")
    save(place, "ada sings alto", messages=("m2",))
    assert known(place) == {"ada sings alto in a choir": (2, ["m1", "m2"])}


def test_save_of_a_richer_wording_takes_over_from_the_poorer_one(place):
    alike(place, "ada sings alto", "ada sings alto in a choir")
    [old] = save(place, "ada sings alto")
    [new] = save(place, "ada sings alto in a choir", messages=("m2",))
    assert known(place) == {"ada sings alto in a choir": (2, ["m1", "m2"])}
    [vector] = place.embedder.embed(["ada sings alto"])
    [hits] = place.backends.vectors.nearest_conclusions(Collection(place.workspace, "ada", "ada"), [vector], k=9)
    assert [hit.id for hit in hits] == [new.id] != [old.id]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ada has 2 cats", "ada has 3 cats"),
        ("ada eats meat", "ada does not eat meat"),
        ("ada eats meat", "ada doesn’t eat meat"),
        ("ada eats meat", "ada eats meat, never,"),
        ("ada loves bob", "bob loves ada"),
    ],
)
def test_save_of_a_near_text_that_means_something_else_keeps_both(place, old, new):
    alike(place, old, new)
    save(place, old)
    save(place, new)
    assert {content: times for content, (times, _) in known(place).items()} == {old: 1, new: 1}


def test_save_of_near_texts_without_deduplication_keeps_both(place):
    place = place.configured(deriver={"deduplicate": False})
    alike(place, "ada sings alto", "ada sings alto in a choir")
    save(place, "ada sings alto")
    save(place, "ada sings alto in a choir")
    save(place, "ada sings alto", messages=("m2",))
    assert {content: times for content, (times, _) in known(place).items()} == {
        "ada sings alto": 2,
        "ada sings alto in a choir": 1,
    }


def test_save_of_two_texts_near_one_known_replaces_it_once(place):
    alike(place, "ada sings", "ada sings alto in a choir", "ada sings solo on a stage")
    save(place, "ada sings")
    save(place, "ada sings alto in a choir", "ada sings solo on a stage", messages=("m2",))
    assert list(known(place).values()) == [(2, ["m1", "m2"])]


def test_save_of_one_fact_in_two_wordings_makes_one_of_them(place):
    alike(place, "ada sings", "ada sings alto in a choir")
    drafts = [draft("ada sings", "m1"), draft("ada sings alto in a choir", "m2"), draft("Ada sings.", "m3")]
    saved = [row for observer in ("ada", "bob") for row in save_drafts(place, *drafts, observers=(observer,))]
    assert [one.content for one in saved] == ["ada sings alto in a choir"] * 2
    assert {(one.times_derived, one.message_ids) for one in saved} == {(3, ("m2", "m1", "m3"))}
    assert {one.occurred_at for one in saved} == {THEN}


@pytest.mark.parametrize("other", ["ada sings 2 songs", "ada does not sing"])
def test_save_of_two_facts_that_only_look_alike_keeps_both(place, other):
    alike(place, "ada sings", other)
    assert len(save(place, "ada sings", other)) == 2


def test_save_again_from_the_same_messages_counts_nothing_twice(place):
    for _ in range(3):
        save_drafts(place, draft("ada sings", "m1", "m2"))
    assert known(place) == {"ada sings": (2, ["m1", "m2"])}
    save_drafts(place, draft("ada sings", "m2", "m3", "m4"))
    assert known(place) == {"ada sings": (4, ["m1", "m2", "m3", "m4"])}


def test_save_of_what_rests_on_no_message_counts_each_time(place):
    for _ in range(2):
        save_drafts(place, replace(draft("ada sings"), level="deductive", session=None))
    assert known(place) == {"ada sings": (2, [])}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "out of order"])
def test_save_takes_the_newest_mention_and_the_earliest_event_in_whatever_order(place, order):
    early, late = THEN - timedelta(days=9), THEN + timedelta(days=9)
    told = (
        replace(draft("ada sings", "m1"), occurred_at=early, event_at=late),
        replace(draft("ada sings", "m2"), occurred_at=late, event_at=early),
    )
    for number in order:
        save_drafts(place, told[number])
    [row] = place.conclusions()
    assert (row["occurred_at"], row["event_at"]) == (late, early)


def test_save_unites_the_quotes_of_one_wording_and_keeps_those_of_the_richer_one(place):
    alike(place, "ada sings", "ada sings alto in a choir")
    first, second, third = Quote("m1", 0, 4), Quote("m2", 3, 9), Quote("m3", 1, 2)
    save_drafts(place, replace(draft("ada sings", "m1"), quotes=(first,), quote_state="verified"))
    save_drafts(place, replace(draft("ada sings", "m2"), quotes=(second,), quote_state="verified"))
    save_drafts(place, replace(draft("ada sings", "m3"), quote_state="unverified"))
    assert [(row["quote_state"], row["quotes"]) for row in place.conclusions()] == [
        ("verified", [asdict(first), asdict(second)])
    ]
    richer = replace(draft("ada sings alto in a choir", "m4"), quotes=(third,), quote_state="verified")
    assert [one.quotes for one in save_drafts(place, richer)] == [(third,)]
    poorer = replace(draft("ada sings", "m5"), quotes=(first,), quote_state="verified")
    save_drafts(place, poorer)
    [row] = place.conclusions()
    assert (row["quotes"], row["times_derived"]) == ([asdict(third)], 5)


def test_save_looks_past_what_the_index_still_holds_of_the_deleted(place):
    alike(place, "ada sings", "ada sings alto", "ada sings alto today")
    place = place.configured(deriver={"deduplicate": False})
    [gone] = save(place, "ada sings alto")
    save(place, "ada sings alto today")
    with place.backends.db.transaction() as conn:
        conclusions.delete(conn, place.workspace, gone.id, THEN)
    place = place.configured(deriver={"deduplicate": True})
    save(place, "ada sings", messages=("m2",))
    assert known(place) == {"ada sings alto today": (2, ["m1", "m2"])}


def test_save_after_a_deletion_makes_a_new_one(place):
    [gone] = save(place, "ada sings")
    with place.backends.db.transaction() as conn:
        assert conclusions.delete(conn, place.workspace, gone.id, THEN)
        assert not conclusions.delete(conn, place.workspace, gone.id, THEN)
    [new] = save(place, "ada sings", messages=("m2",))
    assert new.id != gone.id
    assert known(place) == {"ada sings": (1, ["m2"])}


def test_save_of_blank_texts_saves_nothing(place):
    assert save(place, "", " \n ", "\x00") == []
    assert place.embedder.asked == []


def test_index_when_it_is_away_leaves_the_rest_to_tick(place):
    class Away:
        def upsert_conclusions(self, records):
            raise IndexUnavailable("away")

    drafts = [ConclusionDraft("ada sings", "explicit", "s", ("m1",), THEN)]
    saving = conclude.prepare(place.backends, place.workspace, "ada", ("ada",), drafts)
    with place.backends.db.transaction() as conn:
        saved = saving.write(place.backends, conn)
    conclude.index(replace(place.backends, vectors=Away()), saved, saving.vectors)
    assert place.conclusions()[0]["indexed_at"] is None


def test_create_keeps_duplicates_and_the_order_given(place):
    given = [GivenConclusion("ada", "bob", "s", text) for text in ("b", "a", "b")]
    made = create_conclusions(place.backends, place.workspace, given)
    assert [one.content for one in made] == ["b", "a", "b"]
    assert len({one.id for one in made}) == 3


@pytest.mark.parametrize(("observer", "session"), [("nobody", "s"), ("ada", "nowhere")])
def test_create_for_somebody_unknown_writes_nothing(place, observer, session):
    given = [GivenConclusion("ada", "bob", "s", "fine"), GivenConclusion(observer, "bob", session, "not fine")]
    with pytest.raises(NotFound):
        create_conclusions(place.backends, place.workspace, given)
    assert place.conclusions() == []


def test_create_and_save_of_one_text_stay_two(place):
    create_conclusions(place.backends, place.workspace, [GivenConclusion("ada", "ada", "s", "ada sings")])
    save(place, "ada sings")
    assert [row["is_derived"] for row in place.conclusions()].count(True) == 1


@pytest.mark.parametrize("said", ["ada sings alto", "ada sings alto in a choir of forty"])
def test_what_a_client_stated_is_neither_replaced_nor_reinforced_by_what_is_read(place, said):
    """It is the client's own: it must not go with a message that says it in other words."""
    stated = "ada sings alto in a choir"
    alike(place, stated, said)
    [mine] = create_conclusions(place.backends, place.workspace, [GivenConclusion("ada", "ada", "s", stated)])
    save(place, said)
    assert known(place) == {stated: (1, []), said: (1, ["m1"])}
    assert mine.id in {row["id"] for row in place.conclusions()}


def test_newest_and_most_derived_are_read_in_their_order(place):
    for text in ("one", "two", "three"):
        save(place, text)
        place.clock.advance(seconds=1)
    save(place, "two", messages=("m2",))
    collection = Collection(place.workspace, "ada", "ada")
    with place.backends.db.reading() as conn:
        newest = conclusions.newest(conn, collection, most=2)
        derived = conclusions.most_derived(conn, collection, most=2)
        elsewhere = conclusions.newest(conn, collection, most=9, sessions=["t"])
    assert [one.content for one in newest] == ["three", "two"]
    assert [one.content for one in derived] == ["two", "three"]
    assert elsewhere == []
    assert newest[0].created_at - newest[1].created_at == timedelta(seconds=1)


def rests_on(place, content: str, *source_ids: str) -> None:
    """A deduction from these."""
    premises = tuple(f"premise {one}" for one in source_ids)
    new = NewConclusion(
        content, "ada", "ada", None, "deductive", content, content_hash(content), True, (), source_ids, premises, THEN
    )
    with place.backends.db.transaction() as conn:
        conclusions.save(conn, place.workspace, [new], THEN)


def test_save_of_a_richer_wording_inherits_what_rested_on_the_poorer_one(place):
    alike(place, "ada plays", "ada plays the cello")
    [poorer] = save(place, "ada plays")
    rests_on(place, "ada reads music", poorer.id)
    [richer] = save(place, "ada plays the cello")
    assert richer.id != poorer.id
    [above] = [row for row in place.conclusions() if row["level"] == "deductive"]
    assert above["source_ids"] == [richer.id]


def test_save_of_a_deduction_again_is_stronger_only_with_another_source(place):
    first, second = save(place, "ada sings")[0].id, save(place, "ada hums")[0].id
    rests_on(place, "ada likes music", first)
    rests_on(place, "ada likes music", first)
    [row] = [row for row in place.conclusions() if row["level"] == "deductive"]
    assert (row["times_derived"], row["source_ids"]) == (1, [first])
    rests_on(place, "ada likes music", second, first)
    [row] = [row for row in place.conclusions() if row["level"] == "deductive"]
    assert (row["times_derived"], row["source_ids"]) == (2, [first, second])
    assert row["premises"] == [f"premise {first}", f"premise {second}"]
