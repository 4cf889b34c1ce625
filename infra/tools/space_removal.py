"""Removing the tables of embedding spaces that nobody uses any more."""

from typing import LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow

from shared.domain.vector import EmbeddingSpace
from shared.vectors import spaces

_UNUSED: LiteralString = """
SELECT model, dimensions FROM embedding_spaces AS e
 WHERE (model, dimensions) <> (%(model)s, %(dimensions)s)
   AND NOT EXISTS (SELECT FROM workspace_spaces AS s
                    WHERE (e.model, e.dimensions) IN ((s.model, s.dimensions), (s.second_model, s.second_dimensions)))
 ORDER BY model, dimensions
"""
_HOLDS: LiteralString = "SELECT EXISTS (SELECT FROM {conclusions}) OR EXISTS (SELECT FROM {messages})"
_LOCK: LiteralString = "LOCK TABLE {conclusions}, {messages} IN ACCESS EXCLUSIVE MODE"
_DROP: LiteralString = "DROP TABLE {conclusions}, {messages}"
_FORGET: LiteralString = "DELETE FROM embedding_spaces WHERE model = %(model)s AND dimensions = %(dimensions)s"


def unused(conn: psycopg.Connection[TupleRow], usual: EmbeddingSpace) -> list[EmbeddingSpace]:
    """Spaces that no workspace has chosen, but for that of the settings."""
    rows = conn.execute(_UNUSED, {"model": usual.model, "dimensions": usual.dimensions}).fetchall()
    conn.commit()
    return [EmbeddingSpace(*row) for row in rows]


def remove(conn: psycopg.Connection[TupleRow], space: EmbeddingSpace, usual: EmbeddingSpace) -> bool:
    """Drop the space's tables when they are empty and still unused; False when they are not, or are in use."""
    names = spaces.table_names(space)
    tables = {"conclusions": sql.Identifier(names.conclusions), "messages": sql.Identifier(names.messages)}
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '5s'")
        # Nobody makes the same space meanwhile.
        spaces.hold_registry(conn)
        try:
            conn.execute(sql.SQL(_LOCK).format(**tables))
        except errors.LockNotAvailable:
            raise psycopg.Rollback from None
        row = conn.execute(sql.SQL(_HOLDS).format(**tables)).fetchone()
        if row is None or row[0] or space not in _still_unused(conn, usual):
            return False
        conn.execute(sql.SQL(_DROP).format(**tables))
        conn.execute(_FORGET, {"model": space.model, "dimensions": space.dimensions})
        return True
    return False


def _still_unused(conn: psycopg.Connection[TupleRow], usual: EmbeddingSpace) -> list[EmbeddingSpace]:
    rows = conn.execute(_UNUSED, {"model": usual.model, "dimensions": usual.dimensions}).fetchall()
    return [EmbeddingSpace(*row) for row in rows]
