"""Changing the embedding model while things go wrong, or happen at the worst moment."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import pytest

from infra.migrations.apply import ensure_space
from shared.domain.errors import Conflict, IndexUnavailable, ModelRefused, ModelUnavailable, NotFound
from shared.domain.session import ObservationSettings
from shared.domain.vector import EmbeddingSpace, MessageVector
from shared.domain.work import WakeUp
from shared.llm.failures import Objection
from shared.memory import conclude, meaning, reindexing
from shared.memory.erase import erase_message
from shared.memory.forget import delete_session
from shared.memory.metering import metered
from shared.memory.vector_upkeep import index_pending
from shared.store import purge
from shared.store.known_spaces import KnownSpaces
from tests.support.forgetting import forgets
from tests.support.spaced import OtherEmbedder, bare, changes, concludes, filled, held, recalled, spaced, talks
from tests.support.stores import saves
from tests.support.workplace import Workplace


@pytest.fixture
def other() -> OtherEmbedder:
    return OtherEmbedder()


@pytest.fixture(scope="module")
def rooms(app_dsn: str, owner_dsn: str) -> None:
    """The tables of all spaces of this file."""
    for space in (("other/large", 12), ("other/third", 12), ("gemini/small", 12)):
        ensure_space(owner_dsn, EmbeddingSpace(*space))


@pytest.fixture
def there(place: Workplace, other: OtherEmbedder, rooms: None) -> Workplace:
    """The same in Postgres alone."""
    place.joins("s", ada=ObservationSettings())
    return spaced(place, other)


def test_fill_that_is_broken_off_anywhere_goes_on_and_makes_nothing_twice(
    there: Workplace, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shared.memory.reindexing_page._AT_ONCE", 2)
    said = talks(there, *(f"I like {n}." for n in range(5)))
    known = concludes(there, *(f"c{n}" for n in range(5)))
    reindexing.begin(there.backends, there.workspace, other.space)
    steps = 0
    while True:
        took = list(islice(reindexing.fill(there.backends, there.workspace), 1))
        steps += 1
        if not took or (took[0].passed == 10 and steps > 6):
            break
        with pytest.raises(Conflict, match="not filled"):
            reindexing.switch(there.backends, there.workspace)
    filled(there)
    reindexing.switch(there.backends, there.workspace)
    assert held(there, other.space) == (set(known), set(said))
    made = [text for text in other.asked if text != "blue"]
    assert len(made) == len(set(made)) == 10


def test_fill_whose_model_fails_in_the_middle_goes_on_from_there(
    there: Workplace, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shared.memory.reindexing_page._AT_ONCE", 2)
    known = concludes(there, *(f"c{n}" for n in range(6)))
    reindexing.begin(there.backends, there.workspace, other.space)

    def fail(texts: Sequence[str]) -> None:
        if "c2" in texts:
            raise ModelUnavailable("away")

    other.before = fail
    with pytest.raises(ModelUnavailable):
        filled(there)
    other.before = lambda _: None
    assert [step.made for step in filled(there)][-1] == 4
    assert held(there, other.space)[0] == set(known)


def test_fill_with_a_wrong_key_says_so_and_passes_nothing(there: Workplace, other: OtherEmbedder):
    concludes(there, "tea")
    reindexing.begin(there.backends, there.workspace, other.space)

    def refuse(_: Sequence[str]) -> None:
        raise ModelRefused("other/large refused the request (HTTP 401)")

    other.before = refuse
    with pytest.raises(ModelRefused, match="401"):
        filled(there)
    with pytest.raises(Conflict, match="not filled"):
        reindexing.switch(there.backends, there.workspace)


def test_fill_leaves_out_what_the_model_refuses_and_counts_it(there: Workplace, other: OtherEmbedder):
    concludes(there, "tea", "poison", "rain")
    reindexing.begin(there.backends, there.workspace, other.space)

    def refuse(texts: Sequence[str]) -> None:
        if "poison" in texts:
            raise Objection("refused", "poison is not allowed")

    other.before = refuse
    assert [(step.made, step.refused) for step in filled(there)][-1] == (2, 1)
    assert held(there, other.space)[0] == {"tea", "rain"}


def test_writer_who_embedded_before_the_change_began_writes_both(there: Workplace, other: OtherEmbedder):
    [one] = saves(there, "tea", is_indexed=False)
    texts = meaning.embed(there.backends, there.workspace, ["tea"])
    # Everything happens between a writer's embedding and its write.
    changes(there, other.space)
    with there.backends.db.reading() as conn:
        [row] = conclude.conclusions.by_ids(conn, there.workspace, [one]).values()
    conclude.index(there.backends, [row], {"tea": texts[0]})
    assert one in held(there, other.space)[0]
    assert one in held(there, there.embedder.space)[0]


def test_writer_who_remembers_no_change_writes_both(place: Workplace, there: Workplace, other: OtherEmbedder):
    forgetful = spaced(place, other, known=KnownSpaces(3600))
    concludes(forgetful, "before")
    reindexing.begin(there.backends, there.workspace, other.space)
    concludes(forgetful, "during")
    assert held(there, other.space)[0] == {"during"}
    filled(there)
    reindexing.switch(there.backends, there.workspace)
    assert recalled(forgetful, "before") == ["before"], "who reads the former space finds everything there"
    concludes(forgetful, "after")
    assert held(there, other.space)[0] == held(there, there.embedder.space)[0] == {"before", "during", "after"}
    assert recalled(forgetful, "after") == ["after"]


def test_writer_who_cannot_write_the_second_space_has_it_filled_once_more(there: Workplace, other: OtherEmbedder):
    concludes(there, "tea")
    reindexing.begin(there.backends, there.workspace, other.space)
    filled(there)
    other.is_away = True
    concludes(there, "rain")
    assert recalled(there, "rain") == ["rain"]
    assert there.rows("SELECT id FROM conclusions WHERE indexed_at IS NULL AND workspace = %(workspace)s") == []
    other.is_away = False
    with pytest.raises(Conflict, match="not filled"):
        reindexing.switch(there.backends, there.workspace)
    filled(there)
    reindexing.switch(there.backends, there.workspace)
    assert recalled(there, "rain") == ["rain"]


def test_writer_who_fails_while_the_space_is_switched_owes_it(there: Workplace, other: OtherEmbedder):
    reindexing.begin(there.backends, there.workspace, other.space)
    filled(there)

    def switch_and_fail(_: Sequence[str]) -> None:
        other.before = lambda _: None
        reindexing.switch(there.backends, there.workspace)
        raise ModelUnavailable("away")

    other.before = switch_and_fail
    saves(there, "tea", is_indexed=False)
    there.clock.advance(minutes=3)
    with pytest.raises(IndexUnavailable, match="switched"):
        index_pending(there.backends)
    index_pending(there.backends)
    assert held(there, other.space)[0] == {"tea"}


def test_conclusion_deleted_while_it_is_brought_over_leaves_no_vector(there: Workplace, other: OtherEmbedder):
    concludes(there, "tea", "rain")
    reindexing.begin(there.backends, there.workspace, other.space)

    def delete(texts: Sequence[str]) -> None:
        if "tea" in texts:
            conclude.delete_conclusion(there.backends, there.workspace, "tea")

    other.before = delete
    filled(there)
    assert held(there, other.space)[0] == {"rain"}


def test_message_deleted_while_it_is_brought_over_leaves_no_vector(there: Workplace, other: OtherEmbedder):
    talks(there, "I like tea.")
    reindexing.begin(there.backends, there.workspace, other.space)

    def delete(texts: Sequence[str]) -> None:
        if "I like tea." in texts:
            delete_session(there.backends, there.workspace, "s")
            forgets(there)

    other.before = delete
    filled(there)
    assert held(there, other.space)[1] == set()


@pytest.mark.parametrize("is_erased", [False, True], ids=["session deleted", "message erased"])
def test_row_that_outlives_its_vectors_while_it_is_brought_over_leaves_none(
    there: Workplace, other: OtherEmbedder, is_erased: bool
):
    [said] = talks(there, "I like tea.")
    reindexing.begin(there.backends, there.workspace, other.space)
    owed: list[WakeUp] = []

    def begin_to_delete(texts: Sequence[str]) -> None:
        if "I like tea." in texts and not owed:
            if is_erased:
                erase_message(there.backends, there.workspace, "s", said)
            else:
                delete_session(there.backends, there.workspace, "s")
            owed.append(there.queue.take()[-1])
            # The deletion has come to taking the vectors, and not to the rows.
            there.backends.vectors.delete_messages(there.workspace, [said])

    other.before = begin_to_delete
    steps = reindexing.fill(there.backends, there.workspace)
    waiting = next(step for step in steps if step.is_waiting)
    assert (waiting.passed, held(there, other.space)[1]) == (1, {said})
    # The rows go, and whoever deletes has no reason to look for vectors again.
    with there.backends.db.transaction() as conn:
        purge.messages(conn, there.workspace, [said])
        conn.execute("UPDATE work_items SET state = 'finished' WHERE workspace = %s", (there.workspace,))
    assert [step.is_waiting for step in steps] == [False, False]
    assert held(there, other.space)[1] == set()


def test_fill_that_was_broken_off_before_it_looked_again_sweeps_when_it_goes_on(
    there: Workplace, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shared.memory.reindexing_page._AT_ONCE", 1)
    talks(there, "I like tea.")
    concludes(there, "rain")
    reindexing.begin(there.backends, there.workspace, other.space)
    list(islice(reindexing.fill(there.backends, there.workspace), 1))
    # What a process that was killed left behind.
    there.backends.vectors.at(other.space).upsert_messages(
        [MessageVector(there.workspace, "gone", 0, "s", "ada", other.embed(["gone"])[0])]
    )
    filled(there)
    assert "gone" not in held(there, other.space)[1]
    assert len(held(there, other.space)[1]) == 1


def test_two_workspaces_are_in_spaces_of_their_own(there: Workplace, other: OtherEmbedder):
    neighbour = replace(there, workspace=f"{there.workspace}-2")
    neighbour.joins("s", ada=ObservationSettings())
    third = OtherEmbedder("other/third", 12)
    both = [
        spaced(replace(one, backends=replace(one.backends, vectors=bare(one))), other, third)
        for one in (there, neighbour)
    ]
    for one, space in zip(both, (other.space, third.space), strict=True):
        concludes(one, f"{one.workspace} tea")
        changes(one, space)
        concludes(one, f"{one.workspace} rain")
    for one in both:
        assert recalled(one, f"{one.workspace} tea") == [f"{one.workspace} tea"]
        assert recalled(one, f"{one.workspace} rain") == [f"{one.workspace} rain"]
    assert held(both[0], third.space) == held(both[1], other.space) == (set(), set())


def test_begin_again_goes_on_and_another_one_is_refused(there: Workplace, other: OtherEmbedder):
    first = reindexing.begin(there.backends, there.workspace, other.space)
    assert reindexing.begin(there.backends, there.workspace, other.space) == first
    with pytest.raises(Conflict, match="already"):
        reindexing.begin(there.backends, there.workspace, EmbeddingSpace("other/third", 12))
    filled(there)
    reindexing.switch(there.backends, there.workspace)
    assert reindexing.begin(there.backends, there.workspace, other.space) is None
    with pytest.raises(NotFound):
        reindexing.begin(there.backends, "nowhere", other.space)


def test_begin_into_the_space_of_the_settings_reads_the_one_from_before_them(
    place: Workplace, there: Workplace, other: OtherEmbedder
):
    concludes(there, "tea")
    assert reindexing.begin(there.backends, there.workspace, there.embedder.space) is None
    # The settings name the other model now.
    changed = spaced(replace(place, embedder=other), there.embedder, store=bare(there).at(other.space))  # pyright: ignore
    choice = reindexing.begin(changed.backends, changed.workspace, other.space)
    assert choice is not None
    assert (choice.read, choice.second) == (there.embedder.space, other.space)
    assert recalled(changed, "tea") == ["tea"]
    filled(changed)
    reindexing.switch(changed.backends, changed.workspace)
    assert held(changed, other.space)[0] == {"tea"}


def test_message_longer_than_the_next_model_reads_is_brought_whole_by_filling(there: Workplace, other: OtherEmbedder):
    gemini = OtherEmbedder("gemini/small", 12)
    settings = there.backends.settings.model_copy(
        update={
            "llm": there.backends.settings.llm.model_validate({"gemini_api_key": "k", "embedding_provider": "offline"})
        }
    )
    base = replace(there, backends=replace(there.backends, settings=settings, vectors=bare(there)))
    forgetful, watching = (spaced(base, other, gemini, known=KnownSpaces(seconds)) for seconds in (3600, 0))
    talks(forgetful, "short")
    reindexing.begin(watching.backends, watching.workspace, gemini.space)
    # It is split for the model that is remembered, and too long for the next one.
    [long] = talks(forgetful, "word " * 3000)
    assert held(watching, gemini.space)[1] == set()
    filled(watching)
    pieces = watching.backends.vectors.at(gemini.space).stored_messages(watching.workspace, [long])
    assert sorted(one.piece for one in pieces) == [0, 1]
    # Whoever knows of both splits for both.
    [later] = talks(watching, "other " * 3000)
    for space in (gemini.space, there.embedder.space):
        stored = watching.backends.vectors.at(space).stored_messages(watching.workspace, [later])
        assert sorted(one.piece for one in stored) == [0, 1]


def test_copy_whose_original_is_not_brought_over_yet_has_the_space_filled_once_more(
    there: Workplace, other: OtherEmbedder
):
    concludes(there, "tea")
    reindexing.begin(there.backends, there.workspace, other.space)
    filled(there)
    there.backends.vectors.at(other.space).clear(there.workspace, most=10)
    saves(there, "copy", is_indexed=False)
    assert there.backends.vectors.copy_conclusions(there.workspace, {"copy": "tea"}, observer="ada") == ["copy"]
    with pytest.raises(Conflict, match="not filled"):
        reindexing.switch(there.backends, there.workspace)
    filled(there)
    reindexing.switch(there.backends, there.workspace)
    assert held(there, other.space)[0] == {"tea", "copy"}


def test_copy_is_made_in_both_spaces_where_its_original_is(there: Workplace, other: OtherEmbedder):
    changes(there, other.space)
    concludes(there, "tea")
    saves(there, "copy", is_indexed=False)
    there.backends.vectors.copy_conclusions(there.workspace, {"copy": "tea"}, observer="ada")
    assert held(there, other.space)[0] == held(there, there.embedder.space)[0] == {"tea", "copy"}


def test_vectors_of_the_second_space_are_on_the_workspaces_tab(there: Workplace, other: OtherEmbedder):
    reindexing.begin(there.backends, there.workspace, other.space)
    saves(there, "tea", is_indexed=False)
    there.clock.advance(minutes=3)
    with metered(there.backends, there.workspace, run="r") as own:
        index_pending(own)
    calls = there.rows("SELECT feature, provider, model FROM model_calls WHERE workspace = %(workspace)s AND run = 'r'")
    assert {"feature": "embed_index", "provider": "other", "model": "large"} in calls
    filled(there)
    spent = there.rows("SELECT model FROM model_calls WHERE workspace = %(workspace)s AND run = 'reindex'")
    assert [row["model"] for row in spent] == ["large"], "the trial of the model; nothing was left to embed"


def test_reader_who_cannot_remember_all_looks_each_up(
    there: Workplace, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shared.store.known_spaces._MOST", 1)
    changes(there, other.space)
    concludes(there, "tea")
    known = KnownSpaces(3600)
    first = known.of(there.backends.db, there.workspace)
    reindexing.turn(there.backends, there.workspace)
    second = known.of(there.backends.db, there.workspace)
    assert first is not None
    assert second is not None
    assert (first.state, second.state) == ("switched", "filling")
