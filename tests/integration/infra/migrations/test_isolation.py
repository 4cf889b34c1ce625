"""Tenants are apart by construction: the workspace is part of every key, and of every reference between tables."""

from typing import LiteralString

import psycopg

from infra.migrations.apply import ensure_space
from shared.domain.vector import EmbeddingSpace

# What belongs to no workspace, and why.
SHARED = {
    "alembic_version": "which revision the tables are at",
    "embedding_spaces": "which tables of vectors there are",
    "revoked_keys": "a key is known by its id, and an admin's belongs to no workspace",
    "tick_timer": "one moment: when tick is ordered for, whosever work is due then",
    "wake_floor": "one number that wake-ups of all workspaces count on from",
}

TABLES: LiteralString = """
SELECT table_name FROM information_schema.tables
 WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
"""
# A workspace's own row is keyed by its name.
KEYS: LiteralString = """
SELECT t.relname, i.relname, array_agg(coalesce(a.attname, '') ORDER BY k.place)
  FROM pg_index AS x
  JOIN pg_class AS t ON t.oid = x.indrelid
  JOIN pg_class AS i ON i.oid = x.indexrelid
 CROSS JOIN unnest(x.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
  LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum
 WHERE t.relnamespace = 'public'::regnamespace AND x.indisunique
 GROUP BY t.relname, i.relname
"""
REFERENCES: LiteralString = """
SELECT t.relname, c.conname, p.relname,
       array(SELECT attname FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = ANY(c.conkey)),
       array(SELECT attname FROM pg_attribute WHERE attrelid = c.confrelid AND attnum = ANY(c.confkey))
  FROM pg_constraint AS c
  JOIN pg_class AS t ON t.oid = c.conrelid
  JOIN pg_class AS p ON p.oid = c.confrelid
 WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
"""


def _rows(dsn: str, query: LiteralString) -> list[tuple[object, ...]]:
    ensure_space(dsn, EmbeddingSpace("some-model", 8))
    with psycopg.connect(dsn) as conn:
        return conn.execute(query).fetchall()


def test_every_table_but_the_shared_ones_has_a_workspace(owner_dsn: str):
    columns: LiteralString = (
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'workspace'"
    )
    with_one = {row[0] for row in _rows(owner_dsn, columns)}
    assert {row[0] for row in _rows(owner_dsn, TABLES)} - with_one - {"workspaces"} == set(SHARED)


def test_every_key_begins_with_the_workspace(owner_dsn: str):
    keys = [row for row in _rows(owner_dsn, KEYS) if row[0] not in SHARED]
    assert len(keys) > 15
    first = [(table, index, columns[0]) for table, index, columns in keys if isinstance(columns, list)]
    assert [one for one in first if one[2] != ("name" if one[0] == "workspaces" else "workspace")] == []


def test_every_reference_stays_within_the_workspace(owner_dsn: str):
    found = _rows(owner_dsn, REFERENCES)
    assert len(found) > 15
    loose = [
        (table, name)
        for table, name, parent, theirs, ours in found
        if isinstance(theirs, list) and isinstance(ours, list)
        if "workspace" not in theirs or ("name" if parent == "workspaces" else "workspace") not in ours
    ]
    assert loose == []
