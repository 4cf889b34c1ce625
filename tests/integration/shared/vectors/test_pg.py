"""The Postgres index: what is nearest, for whom, and how Postgres finds it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest

from shared.domain.conclusion import Collection, Level
from shared.domain.errors import IndexUnavailable
from shared.domain.vector import EmbeddingSpace
from shared.settings.sections import DbSettings
from shared.store.conditions import Condition
from shared.store.database import open_database
from shared.vectors import pg_queries, spaces
from shared.vectors.pg import PgIndex
from tests.support.vector_tables import Look, VectorPlace, a_conclusion, a_piece

ADA = Collection("w", "ada", "ada")
EAST, NORTH, WEST = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def place(database_dsn: str, owner_dsn: str) -> VectorPlace:
    return VectorPlace(open_database(DbSettings.model_validate({"connection_uri": database_dsn})), owner_dsn)


@pytest.fixture
def index(place: VectorPlace, request: pytest.FixtureRequest) -> PgIndex:
    """Three dimensions, and tables of the test's own."""
    return place.index(EmbeddingSpace(request.node.name, 3))


def ids(found: Sequence[object]) -> list[str]:
    return [hit.id for hit in found]


def test_nearest_conclusions_come_nearest_first_with_their_cosine_distance(index: PgIndex):
    index.upsert_conclusions(
        [a_conclusion("west", WEST), a_conclusion("east", (5.0, 0.0, 0.0)), a_conclusion("n", NORTH)]
    )
    [hits] = index.nearest_conclusions(ADA, [EAST], k=10)
    assert ids(hits) == ["east", "n", "west"]
    assert [hit.distance for hit in hits] == pytest.approx([0.0, 1.0, 2.0])


def test_nearest_conclusions_of_several_vectors_answer_each_in_its_place(index: PgIndex):
    index.upsert_conclusions([a_conclusion("east", EAST), a_conclusion("north", NORTH)])
    found = index.nearest_conclusions(ADA, [NORTH, EAST, NORTH], k=1)
    assert [ids(hits) for hits in found] == [["north"], ["east"], ["north"]]


def test_nearest_conclusions_stay_within_workspace_and_collection(index: PgIndex):
    index.upsert_conclusions(
        [
            a_conclusion("mine", NORTH),
            a_conclusion("other-workspace", EAST, workspace="v"),
            a_conclusion("other-observer", EAST, observer="bob"),
            a_conclusion("other-observed", EAST, observed="bob"),
        ]
    )
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9)[0]) == ["mine"]


def test_nearest_conclusions_by_level_session_and_distance(index: PgIndex):
    levels: list[Level] = ["explicit", "deductive"]
    index.upsert_conclusions([a_conclusion(level, EAST, level=level, session=f"of-{level}") for level in levels])
    index.upsert_conclusions([replace(a_conclusion("nowhere", NORTH), session=None)])
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9, levels=["deductive"])[0]) == ["deductive"]
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9, sessions=["of-explicit", "x"])[0]) == ["explicit"]
    assert index.nearest_conclusions(ADA, [EAST, NORTH], k=9, sessions=[]) == [[], []]
    assert sorted(ids(index.nearest_conclusions(ADA, [EAST], k=9, max_distance=0.5)[0])) == ["deductive", "explicit"]


def test_conclusion_vectors_are_those_that_were_brought(index: PgIndex):
    index.upsert_conclusions([a_conclusion("east", EAST), a_conclusion("north", NORTH)])
    index.upsert_conclusions([a_conclusion("foreign", EAST, workspace="v")])
    found = index.conclusion_vectors("w", ["east", "foreign", "missing"])
    assert {one: list(vector) for one, vector in found.items()} == {"east": list(EAST)}
    assert index.conclusion_vectors("w", []) == {}


def test_nearest_conclusions_of_nothing_are_none(index: PgIndex):
    assert index.nearest_conclusions(ADA, [], k=3) == []
    assert index.nearest_conclusions(ADA, [EAST], k=3) == [[]]
    assert index.nearest_conclusions(ADA, [EAST], k=0) == [[]]
    assert index.nearest_messages("w", EAST, k=3) == []


def test_upsert_of_conclusions_again_replaces_them(index: PgIndex):
    index.upsert_conclusions([])
    index.upsert_conclusions([a_conclusion("c", WEST), a_conclusion("c", NORTH)])
    index.upsert_conclusions([a_conclusion("c", EAST, level="deductive")])
    [[hit]] = index.nearest_conclusions(ADA, [EAST], k=9, levels=["deductive"])
    assert hit.distance == pytest.approx(0.0)


def test_upsert_of_the_same_again_writes_nothing(index: PgIndex, place: VectorPlace):
    rows = [a_conclusion("c", EAST)]
    index.upsert_conclusions(rows)
    table = spaces.table_names(EmbeddingSpace("test_upsert_of_the_same_again_writes_nothing", 3)).conclusions
    with psycopg.connect(place.owner_dsn, autocommit=True) as conn:
        before = conn.execute(f"SELECT ctid, xmin FROM {table}").fetchall()
        index.upsert_conclusions(rows)
        assert conn.execute(f"SELECT ctid, xmin FROM {table}").fetchall() == before


def test_deleted_conclusions_are_found_no_more(index: PgIndex):
    index.upsert_conclusions([a_conclusion("a", EAST), a_conclusion("b", EAST), a_conclusion("b", EAST, workspace="v")])
    index.delete_conclusions("w", ["b", "unknown"])
    index.delete_conclusions("w", [])
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9)[0]) == ["a"]
    assert ids(index.nearest_conclusions(replace(ADA, workspace="v"), [EAST], k=9)[0]) == ["b"]


def test_copied_conclusions_lie_where_their_originals_do(index: PgIndex):
    index.upsert_conclusions([a_conclusion("a", EAST), a_conclusion("b", NORTH, observed="bob", session="t")])
    index.upsert_conclusions([a_conclusion("foreign", EAST, workspace="v")])
    copies = {"c1": "a", "c2": "b", "c3": "unknown", "c4": "foreign"}
    assert sorted(index.copy_conclusions("w", copies, observer="scope.x")) == ["c1", "c2"]
    assert sorted(index.copy_conclusions("w", copies, observer="scope.x")) == ["c1", "c2"]
    assert index.copy_conclusions("w", {}, observer="scope.x") == []
    [[hit]] = index.nearest_conclusions(Collection("w", "scope.x", "bob"), [NORTH], k=9, sessions=["t"])
    assert (hit.id, hit.distance) == ("c2", pytest.approx(0.0))
    assert ids(index.nearest_conclusions(ADA, [EAST], k=9)[0]) == ["a"]


def test_nearest_in_a_workspace_are_of_all_its_peers_but_not_of_scopes(index: PgIndex):
    index.upsert_conclusions(
        [
            a_conclusion("own", EAST),
            a_conclusion("other", NORTH, observer="bob", observed="cleo", session="t"),
            a_conclusion("deep", WEST, level="deductive"),
            a_conclusion("scoped", EAST, observer="scope.x"),
            a_conclusion("foreign", EAST, workspace="v"),
        ]
    )
    assert ids(index.nearest_in_workspace("w", EAST, k=9)) == ["own", "other", "deep"]
    assert ids(index.nearest_in_workspace("w", EAST, k=1)) == ["own"]
    assert ids(index.nearest_in_workspace("w", EAST, k=9, levels=["deductive"])) == ["deep"]
    assert ids(index.nearest_in_workspace("w", EAST, k=9, sessions=["t"])) == ["other"]
    assert index.nearest_in_workspace("w", EAST, k=9, sessions=[]) == []
    assert index.nearest_in_workspace("w", EAST, k=0) == []


def test_nearest_messages_come_once_by_their_nearest_piece(index: PgIndex):
    index.upsert_messages([a_piece("long", 0, WEST), a_piece("long", 1, EAST), a_piece("short", 0, NORTH)])
    hits = index.nearest_messages("w", EAST, k=9)
    assert ids(hits) == ["long", "short"]
    assert hits[0].distance == pytest.approx(0.0)


def test_nearest_messages_by_session_and_peer(index: PgIndex):
    index.upsert_messages(
        [
            a_piece("a", 0, EAST, session="one"),
            a_piece("b", 0, EAST, session="two", peer="bob"),
            a_piece("c", 0, EAST, workspace="v"),
        ]
    )
    assert ids(index.nearest_messages("w", EAST, k=9, sessions=["two", "three"])) == ["b"]
    assert ids(index.nearest_messages("w", EAST, k=9, peer="ada")) == ["a"]
    assert index.nearest_messages("w", EAST, k=9, sessions=["one"], peer="bob") == []
    assert index.nearest_messages("w", EAST, k=9, sessions=[]) == []


def test_index_of_a_space_that_was_never_made_says_what_to_do(place: VectorPlace):
    index = PgIndex(place.db, lambda: EmbeddingSpace("unheard-of", 3))
    for use in (
        lambda: index.nearest_messages("w", EAST, k=1),
        lambda: index.upsert_conclusions([a_conclusion("c", EAST)]),
    ):
        with pytest.raises(IndexUnavailable, match="unheard-of with 3 dimensions does not exist: run migrate"):
            use()


def test_index_without_a_server_is_unavailable():
    db = open_database(DbSettings.model_validate({"connection_uri": "postgresql://app@127.0.0.1:1/honcho"}))
    with pytest.raises(IndexUnavailable):
        PgIndex(db, lambda: EmbeddingSpace("m", 3)).nearest_messages("w", EAST, k=1)


def test_vector_of_the_wrong_length_is_unavailable_and_not_a_wrong_answer(index: PgIndex):
    index.upsert_messages([a_piece("m", 0, EAST)])
    with pytest.raises(IndexUnavailable):
        index.nearest_messages("w", (1.0, 0.0), k=1)


def test_space_of_many_dimensions_is_kept_as_halfvec(place: VectorPlace):
    index = place.index(EmbeddingSpace("large", 3072))
    there, here = [0.0] * 3071 + [1.0], [1.0] + [0.0] * 3071
    index.upsert_conclusions([a_conclusion("there", there), a_conclusion("here", here)])
    assert ids(index.nearest_conclusions(ADA, [here], k=2)[0]) == ["here", "there"]
    assert list(index.conclusion_vectors("w", ["here"])["here"]) == here


FILL: LiteralString = """
INSERT INTO {table}
SELECT CASE WHEN n % 100 = 0 THEN 'narrow' ELSE 'w' END, 'c' || n, 'ada', 'ada', 's', 'explicit',
       ARRAY[cos(n), sin(n), cos(n * 7), sin(n * 7)]::vector(4)
  FROM generate_series(1, {rows}) AS n
"""


@pytest.fixture(scope="module")
def crowd(place: VectorPlace) -> PgIndex:
    """Enough rows for the graph: 24,750 in workspace w and 250 in workspace narrow, which it mixes."""
    index = place.index(EmbeddingSpace("crowd", 4))
    table = spaces.table_names(EmbeddingSpace("crowd", 4)).conclusions
    with psycopg.connect(place.owner_dsn, autocommit=True) as conn:
        conn.execute(FILL.format(table=table, rows=25_000))
        conn.execute(f"VACUUM ANALYZE {table}")
    with place.db.transaction() as conn:
        # Asked as the functions' role, which may not build it itself.
        assert spaces.build_graphs(conn) == 1
    return index


def _plan(place: VectorPlace, statement: LiteralString, collection: Collection, k: int) -> str:
    return _plan_under(place, statement, pg_queries.in_collection(collection, None, None), k)


def _plan_under(place: VectorPlace, statement: LiteralString, condition: Condition | None, k: int) -> str:
    look = Look(place, EmbeddingSpace("crowd", 4), [1.0, 0.0, 1.0, 0.0], bound=20_000)
    return look.plan(statement, condition, k)


def test_small_collection_in_a_large_table_is_scanned_by_its_index_alone(crowd: PgIndex, place: VectorPlace):
    plan = _plan(place, pg_queries.CONCLUSIONS.exact, Collection("narrow", "ada", "ada"), 20)
    assert "_nearest" not in plan
    assert "Seq Scan" not in plan
    assert "workspace = 'narrow'" in plan


def test_large_collection_is_counted_up_to_the_bound_and_not_scanned(crowd: PgIndex, place: VectorPlace):
    plan = _plan(place, pg_queries.CONCLUSIONS.exact, Collection("w", "ada", "ada"), 20)
    assert "rows=20001.00" in plan
    assert "One-Time Filter" in plan
    assert "(never executed)" in plan


def test_large_collection_is_searched_by_the_graph(crowd: PgIndex, place: VectorPlace):
    plan = _plan(place, pg_queries.CONCLUSIONS.by_graph, Collection("w", "ada", "ada"), 20)
    assert "_nearest" in plan


def test_small_workspace_in_a_large_table_is_scanned_by_an_index_alone(crowd: PgIndex, place: VectorPlace):
    plan = _plan_under(place, pg_queries.CONCLUSIONS.exact, pg_queries.of_all_peers("narrow", None, None), 20)
    assert "_nearest" not in plan
    assert "Seq Scan" not in plan


def test_few_sessions_of_a_large_workspace_are_found_by_their_index(crowd: PgIndex, place: VectorPlace):
    plan = _plan_under(place, pg_queries.CONCLUSIONS.exact, pg_queries.of_all_peers("w", None, ["few"]), 20)
    assert "_session" in plan
    assert "Seq Scan" not in plan


def test_large_workspace_is_searched_by_the_graph(crowd: PgIndex, place: VectorPlace):
    plan = _plan_under(place, pg_queries.CONCLUSIONS.by_graph, pg_queries.of_all_peers("w", None, None), 20)
    assert "_nearest" in plan
    assert len(crowd.nearest_in_workspace("w", [1.0, 0.0, 1.0, 0.0], k=20)) == 20


def test_graph_finds_what_an_exact_scan_finds(crowd: PgIndex, place: VectorPlace):
    rng = random.Random(5)
    queries = [[rng.uniform(-1, 1) for _ in range(4)] for _ in range(10)]
    table = spaces.table_names(EmbeddingSpace("crowd", 4)).conclusions
    found = crowd.nearest_conclusions(Collection("w", "ada", "ada"), queries, k=20)
    hits = 0
    with place.db.reading() as conn:
        for query, near in zip(queries, found, strict=True):
            exact = conn.execute(
                f"SELECT id FROM {table} WHERE workspace = 'w' ORDER BY (vector <=> %s::vector) + 0 LIMIT 20",
                (str(query),),
            ).fetchall()
            hits += len({row[0] for row in exact} & set(ids(near)))
            assert [hit.distance for hit in near] == sorted(hit.distance for hit in near)
    assert hits >= 190


def test_graph_that_gives_too_few_is_followed_by_an_exact_scan(crowd: PgIndex, place: VectorPlace):
    # More than there are: no graph walk ends with 24,800 rows.
    [hits] = crowd.nearest_conclusions(Collection("w", "ada", "ada"), [[1.0, 0.0, 1.0, 0.0]], k=24_800)
    assert len(hits) == 24_750


def test_building_graphs_again_builds_none(crowd: PgIndex, place: VectorPlace):
    with place.db.transaction() as conn:
        assert spaces.build_graphs(conn) == 0


def test_small_tables_have_no_graph(place: VectorPlace):
    place.index(EmbeddingSpace("tiny", 3)).upsert_conclusions([a_conclusion("c", EAST)])
    table = spaces.table_names(EmbeddingSpace("tiny", 3)).conclusions
    with place.db.reading() as conn:
        assert conn.execute("SELECT to_regclass(%s)", (f"{table}_nearest",)).fetchone() == (None,)


def test_messages_are_found_however_many_pieces_of_another_are_nearer(place: VectorPlace):
    index = place.index(EmbeddingSpace("pieces", 3))
    index.upsert_messages([a_piece("long", n, EAST) for n in range(100)])
    index.upsert_messages([a_piece("other", 0, NORTH), a_piece("far", 0, WEST)])
    assert ids(index.nearest_messages("w", EAST, k=3)) == ["long", "other", "far"]
