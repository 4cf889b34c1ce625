"""The tables of an embedding space: one for conclusions, one for messages, made when a model is first used."""

import hashlib
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from shared.domain.vector import EmbeddingSpace

PREFIXES = ("conclusion_vectors_", "message_vectors_")

# From here on one bit per number tells apart what is near and what is not (measured: of the nearest 40 of 150,000
# sentences 39.9 are among the nearest 320 by 1536 bits, but only 36.6 by 256). So a row holds these bits, and the
# vector, as `halfvec` with 2 bytes a number, lies aside of it and is fetched for what the bits have found. Below,
# vectors stay in their rows: an exact scan must not fetch each one.
_SIGNS_FROM = 1024
MAX_DIMENSIONS = 3900
# A quarter of what is scanned exactly: building a graph of this size holds up its writers for seconds only.
GRAPH_FROM_ROWS = 5000


class TableNames(NamedTuple):
    """Where the vectors of a space are, and of which type they are there."""

    conclusions: str
    messages: str
    vector_type: LiteralString

    @property
    def has_signs(self) -> bool:
        """Whether each row has a column `signs`, the vector in one bit per number."""
        return self.vector_type == "halfvec"


def table_names(space: EmbeddingSpace) -> TableNames:
    """The tables of `space`. Another model or number of dimensions gives others."""
    kind = "vector" if space.dimensions < _SIGNS_FROM else "halfvec"
    return TableNames(PREFIXES[0] + key_of(space), PREFIXES[1] + key_of(space), kind)


def key_of(space: EmbeddingSpace) -> str:
    """What tells the space from all others wherever its vectors are kept: eight hexadecimal digits."""
    return hashlib.sha256(f"{space.model}#{space.dimensions}".encode()).hexdigest()[:8]


_CONCLUSIONS: LiteralString = """
CREATE TABLE IF NOT EXISTS {table} (
    workspace text NOT NULL,
    id        text NOT NULL,
    observer  text NOT NULL,
    observed  text NOT NULL,
    session   text,
    level     text NOT NULL,
    vector    {vector},
    PRIMARY KEY (workspace, id)
)
"""
_MESSAGES: LiteralString = """
CREATE TABLE IF NOT EXISTS {table} (
    workspace  text NOT NULL,
    message_id text NOT NULL,
    piece      integer NOT NULL,
    session    text NOT NULL,
    peer       text NOT NULL,
    vector     {vector},
    PRIMARY KEY (workspace, message_id, piece)
)
"""
_INLINE: LiteralString = "vector({dimensions}) STORAGE PLAIN NOT NULL"
_ASIDE: LiteralString = """halfvec({dimensions}) STORAGE EXTERNAL NOT NULL,
    signs bit({dimensions}) STORAGE PLAIN GENERATED ALWAYS AS (binary_quantize(vector)::bit({dimensions})) STORED"""
_INDEX: LiteralString = "CREATE INDEX IF NOT EXISTS {index} ON {table} ({columns})"
_REGISTER: LiteralString = """
INSERT INTO embedding_spaces (name, model, dimensions)
VALUES (%(name)s, %(model)s, %(dimensions)s)
    ON CONFLICT DO NOTHING
"""
# Two that find no table both create it, and one of them fails on the catalogue's key.
_ONE_AT_A_TIME: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('embedding_spaces'))"
_BUILD_GRAPHS: LiteralString = "SELECT build_vector_graphs(%(least_rows)s)"


def create(conn: psycopg.Connection[TupleRow], space: EmbeddingSpace) -> None:
    """Make the tables and indexes of `space`, unless they are there, as the owner of the tables; commits nothing."""
    if not 0 < space.dimensions <= MAX_DIMENSIONS:
        raise ValueError(f"an embedding space has 1 to {MAX_DIMENSIONS} dimensions, not {space.dimensions}")
    names = table_names(space)
    hold_registry(conn)
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    conn.execute(_table(_CONCLUSIONS, names.conclusions, space))
    conn.execute(_table(_MESSAGES, names.messages, space))
    conn.execute(_index(names.conclusions, "workspace", "observer", "observed"))
    conn.execute(_index(names.conclusions, "workspace", "session"))
    conn.execute(_index(names.messages, "workspace", "session"))
    conn.execute(_index(names.messages, "workspace", "peer"))
    registered = {"name": key_of(space), "model": space.model, "dimensions": space.dimensions}
    conn.execute(_REGISTER, registered)
    build_graphs(conn)


def hold_registry(conn: psycopg.Connection[TupleRow]) -> None:
    """Let nobody else make or remove spaces until the transaction ends."""
    conn.execute(_ONE_AT_A_TIME)


_EVERY: LiteralString = "SELECT name FROM embedding_spaces ORDER BY name"


def every(conn: psycopg.Connection[TupleRow]) -> list[tuple[str, str]]:
    """The tables of conclusions and messages of all spaces that were ever made."""
    return [(PREFIXES[0] + key, PREFIXES[1] + key) for key in keys(conn)]


def keys(conn: psycopg.Connection[TupleRow]) -> list[str]:
    """The keys of all spaces that were ever made."""
    return [str(key) for (key,) in conn.execute(_EVERY)]


def build_graphs(conn: psycopg.Connection[TupleRow]) -> int:
    """Give the tables of any space that have grown to need one their HNSW index; says how many were built.

    Looking costs a millisecond. Any role may ask; the owner's function does it.
    """
    row = conn.execute(_BUILD_GRAPHS, {"least_rows": GRAPH_FROM_ROWS}).fetchone()
    return int(row[0]) if row else 0


def _table(statement: LiteralString, table: str, space: EmbeddingSpace) -> sql.Composed:
    column = _ASIDE if table_names(space).has_signs else _INLINE
    vector = sql.SQL(column).format(dimensions=sql.Literal(space.dimensions))
    return sql.SQL(statement).format(table=sql.Identifier(table), vector=vector)


def _index(table: str, *columns: str) -> sql.Composed:
    return sql.SQL(_INDEX).format(
        index=sql.Identifier(f"{table}_{columns[1]}"),
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
