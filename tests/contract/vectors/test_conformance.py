"""What every vector store does alike, each reached through its genuine client."""

import math
from dataclasses import replace

import pytest

from shared.domain.conclusion import Collection
from shared.domain.errors import IndexUnavailable
from shared.domain.vector import EmbeddingSpace
from shared.vectors.index import VectorIndex
from tests.contract.vectors.conftest import Store
from tests.support.vectors import ADA, EAST, NORTH, WEST, a_conclusion, a_piece, ids, scattered

OTHER = Collection("other", "ada", "ada")
NAME = "Ünï'c\"ode – 名前"


def test_nearest_conclusions_come_nearest_first_with_their_cosine_distance(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("west", WEST), a_conclusion("north", NORTH), a_conclusion("east", EAST)])
    [hits] = index.nearest_conclusions(ADA, [(2.0, 2.0, 0.0)], k=3)
    assert sorted(ids(hits)[:2]) == ["east", "north"]
    assert ids(hits)[2] == "west"
    assert [hit.distance for hit in hits] == pytest.approx([1 - math.sqrt(0.5)] * 2 + [1 + math.sqrt(0.5)], abs=1e-6)


def test_nearest_of_several_vectors_answer_each_in_its_place(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("east", EAST), a_conclusion("north", NORTH)])
    # More at once than one request of any store carries.
    found = index.nearest_conclusions(ADA, [NORTH, EAST] * 20, k=1)
    assert [ids(hits) for hits in found] == [["north"], ["east"]] * 20


def test_upsert_of_the_same_id_replaces_what_was_there(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("c", EAST)])
    index.upsert_conclusions([a_conclusion("c", NORTH, session=None, level="deductive")])
    [hits] = index.nearest_conclusions(ADA, [NORTH], k=9, levels=("deductive",))
    assert [(hit.id, round(hit.distance, 6)) for hit in hits] == [("c", 0)]
    assert index.nearest_conclusions(ADA, [NORTH], k=9, sessions=("s",)) == [[]]


def test_upsert_of_one_id_twice_at_once_keeps_the_last(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("c", EAST), a_conclusion("c", WEST)])
    index.upsert_messages([a_piece("m", 0, EAST), a_piece("m", 0, WEST)])
    assert [round(hit.distance, 6) for hit in index.nearest_conclusions(ADA, [WEST], k=9)[0]] == [0]
    assert [round(hit.distance, 6) for hit in index.nearest_messages("w", WEST, k=9)] == [0]


def test_nearest_conclusions_stay_within_workspace_and_collection(index: VectorIndex):
    index.upsert_conclusions(
        [
            a_conclusion("mine"),
            a_conclusion("theirs", workspace="other"),
            a_conclusion("of-bob", observed="bob"),
            a_conclusion("by-bob", observer="bob"),
        ]
    )
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9)[0]) == ["mine"]
    assert ids(index.nearest_conclusions(OTHER, [EAST], k=9)[0]) == ["theirs"]
    assert ids(index.nearest_conclusions(Collection("w", "ada", "bob"), [EAST], k=9)[0]) == ["of-bob"]


def test_same_id_in_two_workspaces_is_two_things(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("c", EAST), a_conclusion("c", NORTH, workspace="other")])
    index.delete_conclusions("w", ["c"])
    assert index.nearest_conclusions(ADA, [EAST], k=9) == [[]]
    assert ids(index.nearest_conclusions(OTHER, [EAST], k=9)[0]) == ["c"]


def test_filters_on_conclusions_are_applied_before_the_k_nearest_are_taken(index: VectorIndex):
    near = [a_conclusion(f"near{n}", (1.0, n / 1000, 0.0)) for n in range(50)]
    far = [
        a_conclusion("deduced", NORTH, level="deductive", session=None),
        a_conclusion("elsewhere", NORTH, session="t"),
        a_conclusion("guessed", WEST, level="inductive", session="t"),
    ]
    index.upsert_conclusions([*near, *far])

    def found(**narrowed: tuple[str, ...]) -> set[str]:
        return set(ids(index.nearest_conclusions(ADA, [EAST], k=2, **narrowed)[0]))  # pyright: ignore

    assert found(levels=("deductive", "inductive")) == {"deduced", "guessed"}
    assert found(sessions=("t",)) == {"elsewhere", "guessed"}
    assert found(sessions=("t", "nowhere"), levels=("explicit",)) == {"elsewhere"}
    assert found(among=("guessed", "deduced", "unknown")) == {"deduced", "guessed"}
    assert found(among=("guessed",), sessions=("t",), levels=("inductive",)) == {"guessed"}


def test_empty_list_in_a_filter_matches_nothing(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("c")])
    index.upsert_messages([a_piece("m")])
    assert index.nearest_conclusions(ADA, [EAST], k=9, sessions=()) == [[]]
    assert index.nearest_conclusions(ADA, [EAST], k=9, levels=()) == [[]]
    assert index.nearest_conclusions(ADA, [EAST], k=9, among=()) == [[]]
    assert index.nearest_in_workspace("w", EAST, k=9, sessions=()) == []
    assert index.nearest_messages("w", EAST, k=9, sessions=()) == []
    assert index.nearest_messages("w", EAST, k=9, among=()) == []


def test_max_distance_leaves_out_what_is_farther(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("east", EAST), a_conclusion("north", NORTH)])
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9, max_distance=0.5)[0]) == ["east"]
    assert len(index.nearest_conclusions(ADA, [EAST], k=9, max_distance=1.1)[0]) == 2


def test_nearest_of_nothing_are_none(index: VectorIndex):
    assert index.nearest_conclusions(ADA, [], k=9) == []
    assert index.nearest_conclusions(ADA, [EAST, WEST], k=9) == [[], []]
    index.upsert_conclusions([])
    index.upsert_messages([])
    index.upsert_conclusions([a_conclusion("c")])
    assert index.nearest_conclusions(ADA, [EAST], k=0) == [[]]
    assert index.nearest_in_workspace("empty", EAST, k=9) == []
    assert index.nearest_messages("empty", EAST, k=9) == []
    assert index.conclusion_vectors("empty", ["c"]) == {}


def test_nearest_in_a_workspace_are_of_all_its_peers_but_not_of_scopes(index: VectorIndex):
    index.upsert_conclusions(
        [
            a_conclusion("own", EAST),
            a_conclusion("of-bob", NORTH, observer="bob", observed="bob", session="t", level="deductive"),
            a_conclusion("copy", EAST, observer="scope.team"),
            a_conclusion("theirs", EAST, workspace="other"),
        ]
    )
    assert ids(index.nearest_in_workspace("w", EAST, k=9)) == ["own", "of-bob"]
    assert ids(index.nearest_in_workspace("w", EAST, k=9, levels=("deductive",), sessions=("t",))) == ["of-bob"]


def test_nearest_messages_come_once_by_their_nearest_piece(index: VectorIndex):
    index.upsert_messages([a_piece("long", n, (-1.0, 0.001 * n, 0.0)) for n in range(40)])
    index.upsert_messages([a_piece("long", 40, EAST), a_piece("short", 0, NORTH), a_piece("last", 0, WEST)])
    hits = index.nearest_messages("w", EAST, k=3)
    assert ids(hits) == ["long", "short", "last"]
    assert [hit.distance for hit in hits] == pytest.approx([0, 1, 2], abs=1e-6)


def test_many_pieces_of_one_message_do_not_take_the_places_of_others(index: VectorIndex):
    index.upsert_messages([a_piece("long", n, (1.0, 0.001 * n, 0.0)) for n in range(60)])
    index.upsert_messages([a_piece(f"m{n}", 0, WEST) for n in range(4)])
    assert len(index.nearest_messages("w", EAST, k=5)) == 5


def test_nearest_messages_by_session_peer_and_id(index: VectorIndex):
    index.upsert_messages(
        [
            a_piece("a", 0, EAST),
            a_piece("b", 0, NORTH, session="t"),
            a_piece("c", 0, WEST, peer="bob", session="t"),
            a_piece("d", 0, EAST, workspace="other"),
        ]
    )
    assert ids(index.nearest_messages("w", EAST, k=9)) == ["a", "b", "c"]
    assert ids(index.nearest_messages("w", EAST, k=9, sessions=("t",))) == ["b", "c"]
    assert ids(index.nearest_messages("w", EAST, k=9, peer="bob")) == ["c"]
    assert ids(index.nearest_messages("w", EAST, k=9, sessions=("t",), peer="ada", among=("b", "c", "a"))) == ["b"]
    assert ids(index.nearest_messages("w", EAST, k=9, among=[f"no{n}" for n in range(3000)] + ["c"])) == ["c"]


def test_deleted_ids_are_found_no_more_and_deleting_again_does_no_harm(index: VectorIndex):
    index.delete_conclusions("w", ["nothing", "there"])
    index.upsert_conclusions([a_conclusion("gone"), a_conclusion("kept")])
    index.upsert_messages([a_piece("gone", 0), a_piece("gone", 1), a_piece("kept", 0)])
    for _ in range(2):
        index.delete_conclusions("w", ["gone"])
        index.delete_messages("w", ["gone"])
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9)[0]) == ["kept"]
    assert ids(index.nearest_messages("w", EAST, k=9)) == ["kept"]


def test_copies_of_a_scope_lie_where_their_originals_do_and_go_without_them(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("one", NORTH), a_conclusion("two", EAST, level="deductive")])
    placed = index.copy_conclusions("w", {"copy1": "one", "copy2": "two", "lost": "unknown"}, observer="scope.team")
    view = Collection("w", "scope.team", "ada")
    assert sorted(placed) == ["copy1", "copy2"]
    assert ids(index.nearest_conclusions(view, [NORTH], k=9)[0]) == ["copy1", "copy2"]
    assert ids(index.nearest_conclusions(view, [NORTH], k=9, levels=("deductive",))[0]) == ["copy2"]
    index.delete_conclusions("w", placed)
    assert index.nearest_conclusions(view, [NORTH], k=9) == [[]]
    assert ids(index.nearest_conclusions(ADA, [NORTH], k=9)[0]) == ["one", "two"]


def test_deleted_workspace_leaves_nothing_and_takes_nothing_else(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("c"), a_conclusion("of-bob", observer="bob")])
    index.upsert_conclusions([a_conclusion("theirs", workspace="other")])
    index.upsert_messages([a_piece("m"), a_piece("m", workspace="other")])
    while index.delete_workspace("w", most=1):
        pass
    assert not index.delete_workspace("w", most=1)
    assert index.nearest_in_workspace("w", EAST, k=9) == []
    assert index.nearest_messages("w", EAST, k=9) == []
    assert ids(index.nearest_conclusions(OTHER, [EAST], k=9)[0]) == ["theirs"]
    assert ids(index.nearest_messages("other", EAST, k=9)) == ["m"]


def test_deletion_reaches_the_spaces_of_earlier_models(store: Store, request: pytest.FixtureRequest):
    older = store.open(EmbeddingSpace(f"{request.node.name}-older", 3))
    older.upsert_conclusions([a_conclusion("a"), a_conclusion("b")])
    older.upsert_messages([a_piece("m")])
    newer = store.open(EmbeddingSpace(f"{request.node.name}-newer", 4))
    newer.delete_conclusions("w", ["a"])
    newer.delete_messages("w", ["m"])
    assert ids(older.nearest_conclusions(ADA, [EAST], k=9)[0]) == ["b"]
    assert older.nearest_messages("w", EAST, k=9) == []
    while newer.delete_workspace("w", most=100):
        pass
    assert older.nearest_conclusions(ADA, [EAST], k=9) == [[]]


def test_spaces_do_not_see_each_other(store: Store, request: pytest.FixtureRequest):
    one = store.open(EmbeddingSpace(f"{request.node.name}-one", 3))
    two = store.open(EmbeddingSpace(f"{request.node.name}-two", 3))
    one.upsert_conclusions([a_conclusion("c")])
    assert two.nearest_conclusions(ADA, [EAST], k=9) == [[]]


def test_vector_of_another_length_is_refused_and_changes_nothing(index: VectorIndex):
    index.upsert_conclusions([a_conclusion("c")])
    with pytest.raises(IndexUnavailable):
        index.upsert_conclusions([a_conclusion("fine"), a_conclusion("short", (1.0, 0.0))])
    with pytest.raises(IndexUnavailable):
        index.nearest_conclusions(ADA, [(1.0, 0.0)], k=1)
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9)[0]) == ["c"]


def test_names_and_ids_of_any_letters_are_kept_as_they_are(index: VectorIndex):
    strange = a_conclusion(NAME, EAST, workspace=NAME, observer=NAME, observed=NAME, session=NAME)
    index.upsert_conclusions([strange])
    index.upsert_messages([a_piece(NAME, 0, EAST, workspace=NAME, session=NAME, peer=NAME)])
    assert [replace(one, vector=EAST) for one in index.stored_conclusions(NAME, [NAME])] == [strange]
    collection = Collection(NAME, NAME, NAME)
    assert ids(index.nearest_conclusions(collection, [EAST], k=9, sessions=(NAME,), among=(NAME,))[0]) == [NAME]
    assert ids(index.nearest_messages(NAME, EAST, k=9, sessions=(NAME,), peer=NAME, among=(NAME,))) == [NAME]
    index.delete_conclusions(NAME, [NAME])
    index.delete_messages(NAME, [NAME])
    assert index.nearest_in_workspace(NAME, EAST, k=9) == []
    assert index.nearest_messages(NAME, EAST, k=9) == []


def test_batches_beyond_what_one_request_carries_arrive_whole(index: VectorIndex):
    vectors = scattered(1203)
    index.upsert_conclusions([a_conclusion(f"c{n}", vector) for n, vector in enumerate(vectors)])
    index.upsert_messages([a_piece(f"m{n}", 0, vector) for n, vector in enumerate(vectors)])
    everything = [f"c{n}" for n in range(1203)]
    assert index.held_conclusions("w", [*everything, "other"]) == set(everything)
    assert len(index.conclusion_vectors("w", everything)) == 1203
    assert len(index.nearest_conclusions(ADA, [vectors[600]], k=1203)[0]) == 1203
    assert ids(index.nearest_conclusions(ADA, [vectors[600]], k=1)[0]) == ["c600"]
    assert len(index.nearest_messages("w", vectors[5], k=1203)) == 1203
    index.delete_conclusions("w", everything[:1200])
    assert sorted(ids(index.nearest_conclusions(ADA, [EAST], k=9)[0])) == ["c1200", "c1201", "c1202"]


def test_space_of_more_than_two_thousand_dimensions_answers_alike(store: Store):
    index = store.open(EmbeddingSpace("large", 3072))
    there, here, between = [0.0] * 3071 + [1.0], [1.0] + [0.0] * 3071, [1.0] + [0.0] * 3070 + [1.0]
    index.upsert_conclusions([a_conclusion("there", there), a_conclusion("here", here)])
    [hits] = index.nearest_conclusions(ADA, [between], k=2)
    assert [hit.distance for hit in hits] == pytest.approx([1 - math.sqrt(0.5)] * 2, abs=1e-3)
    assert list(index.conclusion_vectors("w", ["here"])["here"]) == here


def test_what_is_stored_is_given_out_whole(index: VectorIndex):
    one = a_conclusion("c", (0.5, -0.25, 2.0), session=None, level="inductive", observed="bob")
    pieces = [a_piece("m", 0, EAST), a_piece("m", 1, NORTH)]
    index.upsert_conclusions([one])
    index.upsert_messages([*pieces, a_piece("other")])
    [stored] = index.stored_conclusions("w", ["c", "unknown"])
    assert (stored.session, stored.level, stored.observed) == (None, "inductive", "bob")
    assert list(stored.vector) == [0.5, -0.25, 2.0]
    assert list(index.conclusion_vectors("w", ["c"])["c"]) == [0.5, -0.25, 2.0]
    found = sorted(index.stored_messages("w", ["m"]), key=lambda piece: piece.piece)
    assert [(piece.piece, tuple(piece.vector)) for piece in found] == [(0, EAST), (1, NORTH)]
    assert index.held_messages("w", ["m", "unknown"]) == {"m"}


def test_listings_together_name_everything_once(index: VectorIndex):
    index.upsert_conclusions([a_conclusion(f"c{n}") for n in range(25)])
    index.upsert_conclusions([a_conclusion("theirs", workspace="other")])
    index.upsert_messages([a_piece(f"m{n}", piece) for n in range(10) for piece in range(3)])

    def listed(listing: object) -> list[str]:
        found, after = list[str](), ""
        while after is not None:
            some = listing("w", after=after, most=7)  # pyright: ignore
            found += some.ids
            after = some.after
        return found

    assert sorted(listed(index.listed_conclusions)) == sorted(f"c{n}" for n in range(25))
    assert set(listed(index.listed_messages)) == {f"m{n}" for n in range(10)}
    assert index.listed_conclusions("empty", after="", most=7).ids == []


def test_clear_empties_one_space_and_at_leads_to_another(store: Store):
    one, two = EmbeddingSpace("clear/one", 3), EmbeddingSpace("clear/two", 3)
    former, index = store.open(one), store.open(two)
    for each in (former, index):
        each.upsert_conclusions([a_conclusion("c1"), a_conclusion("c2")])
        each.upsert_messages([a_piece("m1"), a_piece("m1", 1)])
    former.upsert_conclusions([a_conclusion("c3", workspace="v")])
    while index.at(one).clear("w", most=1):
        pass
    assert former.held_conclusions("w", ["c1", "c2"]) == former.held_messages("w", ["m1"]) == set()
    assert former.held_conclusions("v", ["c3"]) == {"c3"}
    assert former.at(two).held_conclusions("w", ["c1", "c2"]) == {"c1", "c2"}
    assert index.held_messages("w", ["m1"]) == {"m1"}
