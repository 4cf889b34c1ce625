"""A small workspace among very many vectors: where a filtered graph starves."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest

from shared.domain.conclusion import Collection
from shared.domain.vector import EmbeddingSpace
from shared.settings.sections import DbSettings
from shared.store.database import open_database
from shared.vectors import spaces
from shared.vectors.pg import PgIndex
from tests.support.vectors import ids

SPACE = EmbeddingSpace("crowd", 4)
NAMES = spaces.table_names(SPACE)
# 20 rows here and there among 100,000; all of them in directions that others have, too.
FILL: LiteralString = """
INSERT INTO {table} (workspace, id, observer, observed, session, level, vector)
SELECT CASE WHEN n % 5000 = 0 THEN 'small' ELSE 'w' || n % 3 END, 'c' || n, 'ada', 'ada', 's', 'explicit',
       ARRAY[cos(n), sin(n), cos(n * 7), sin(n * 7)]::vector(4)
  FROM generate_series(1, 100000) AS n
"""


@pytest.fixture(scope="module")
def crowd(database_dsn: str, owner_dsn: str) -> Iterator[PgIndex]:
    with psycopg.connect(owner_dsn, autocommit=True) as conn:
        spaces.create(conn, SPACE)
        conn.execute(FILL.format(table=NAMES.conclusions))
        conn.execute(f"VACUUM ANALYZE {NAMES.conclusions}")
        assert spaces.build_graphs(conn) == 1
    db = open_database(DbSettings.model_validate({"connection_uri": database_dsn}))
    yield PgIndex(db, lambda: SPACE)
    db.close()


@pytest.mark.parametrize("k", [1, 10, 20])
@pytest.mark.parametrize("vector", [(1.0, 0.0, 1.0, 0.0), (-0.3, 0.9, 0.1, -0.7)])
def test_twenty_rows_among_a_hundred_thousand_are_all_found(crowd: PgIndex, k: int, vector: tuple[float, ...]):
    conclusions = crowd.nearest_conclusions(Collection("small", "ada", "ada"), [vector], k=k)[0]
    assert len(set(ids(conclusions))) == k
    assert len(set(ids(crowd.nearest_in_workspace("small", vector, k=k)))) == k
    assert [hit.distance for hit in conclusions] == sorted(hit.distance for hit in conclusions)


def test_large_workspace_gives_as_many_as_are_asked_for(crowd: PgIndex):
    hits = crowd.nearest_conclusions(Collection("w1", "ada", "ada"), [(1.0, 0.0, 1.0, 0.0)], k=100)[0]
    assert len(set(ids(hits))) == 100
