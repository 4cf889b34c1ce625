"""Vectors of many dimensions: searched by their signs, told apart by themselves."""

import random
import re
from dataclasses import replace
from math import cos
from typing import LiteralString

import psycopg
import pytest

from shared.domain.vector import EmbeddingSpace
from shared.settings.sections import DbSettings
from shared.store.database import open_database
from shared.vectors import pg_queries, spaces
from tests.support.vector_tables import Look, VectorPlace, a_piece


@pytest.fixture(scope="module")
def place(database_dsn: str, owner_dsn: str) -> VectorPlace:
    return VectorPlace(open_database(DbSettings.model_validate({"connection_uri": database_dsn})), owner_dsn)


def _sizes(place: VectorPlace, space: EmbeddingSpace) -> tuple[int, int]:
    """The bytes of a space's messages, and of what lies out of line."""
    with psycopg.connect(place.owner_dsn) as conn:
        sizes = "SELECT pg_relation_size(oid), pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = %s"
        row = conn.execute(sizes, (spaces.table_names(space).messages,)).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize(("dimensions", "pages", "pages_aside"), [(1023, 5, 0), (1024, 1, 3), (1536, 1, 4)])
def test_vectors_lie_in_their_rows_or_aside_of_their_signs(
    place: VectorPlace, dimensions: int, pages: int, pages_aside: int
):
    space = EmbeddingSpace("stored", dimensions)
    index = place.index(space)
    rng = random.Random(1)
    index.upsert_messages([a_piece(f"m{n}", 0, [rng.random() for _ in range(dimensions)]) for n in range(5)])
    in_rows, aside = _sizes(place, space)
    assert in_rows == pages * 8192
    assert aside <= pages_aside * 8192
    assert bool(aside) == bool(pages_aside)


WIDE = EmbeddingSpace("wide crowd", 1024)
FILL_WIDE: LiteralString = """
INSERT INTO {table} (workspace, message_id, piece, session, peer, vector)
SELECT CASE WHEN n % 100 = 0 THEN 'narrow' ELSE 'w' END, 'm' || n, 0, 's', 'ada',
       (SELECT array_agg(cos(n % 60 * d) + cos(n % 77 * d) + cos(n % 91 * d) + 0.5 * sin(n * d))
          FROM generate_series(1, 1024) AS d)::halfvec(1024)
  FROM generate_series(1, 7000) AS n
"""


@pytest.fixture(scope="module")
def wide_crowd(place: VectorPlace) -> Look:
    """7,000 messages of 1,024 dimensions of which many have a part in common, and a look for three such parts."""
    place.index(WIDE)
    table = spaces.table_names(WIDE).messages
    with psycopg.connect(place.owner_dsn, autocommit=True) as conn:
        conn.execute(FILL_WIDE.format(table=table))
        conn.execute(f"VACUUM ANALYZE {table}")
    with place.db.transaction() as conn:
        assert spaces.build_graphs(conn) == 1
    return Look(place, WIDE, [cos(7 * d) + cos(11 * d) + cos(13 * d) for d in range(1, 1025)], bound=5000)


def test_many_dimensions_are_scanned_by_their_signs_and_few_vectors_fetched(wide_crowd: Look):
    plan = wide_crowd.plan(pg_queries.MESSAGES.exact, pg_queries.in_workspace("narrow", None, None), 5)
    assert "_nearest" not in plan
    assert "Seq Scan" not in plan
    # Signs are all that is read of the rows that are not among the nearest 20.
    assert re.search(r"Sort Key: .*signs <~>", plan)
    assert re.search(r"top-N heapsort", plan)


def test_many_dimensions_over_the_bound_are_counted_and_not_scanned(wide_crowd: Look):
    plan = wide_crowd.plan(pg_queries.MESSAGES.exact, pg_queries.in_workspace("w", None, None), 5)
    assert "rows=5001.00" in plan
    assert "(never executed)" in plan


def test_many_dimensions_are_searched_by_the_graph_of_their_signs(wide_crowd: Look):
    plan = wide_crowd.plan(pg_queries.MESSAGES.by_graph, pg_queries.in_workspace("w", None, None), 5)
    assert "Index Scan using " + spaces.table_names(WIDE).messages + "_nearest" in plan
    assert re.search(r"Order By: \(.*signs <~> ", plan)


@pytest.mark.parametrize("by_graph", [False, True])
def test_signs_find_what_the_vectors_say_is_nearest(wide_crowd: Look, by_graph: bool):
    statement = pg_queries.MESSAGES.by_graph if by_graph else pg_queries.MESSAGES.exact
    look = replace(wide_crowd, bound=7000)
    found = [row[2] for row in look.rows(statement, pg_queries.in_workspace("w", None, None), 20)]
    table = spaces.table_names(WIDE).messages
    with look.place.db.reading() as conn:
        exact = conn.execute(
            f"SELECT message_id FROM {table} WHERE workspace = 'w' ORDER BY (vector <=> %s::halfvec) + 0 LIMIT 20",
            (str(look.vector),),
        ).fetchall()
    assert len(found) == 20
    assert len({row[0] for row in exact} & set(found)) >= 18


def test_tuning_of_one_walk_is_not_left_behind(wide_crowd: Look):
    wide_crowd.rows(pg_queries.MESSAGES.by_graph, pg_queries.in_workspace("w", None, None), 5)
    with wide_crowd.place.db.reading() as conn:
        assert conn.execute("SELECT current_setting('hnsw.iterative_scan')").fetchone() == ("off",)
