"""Tables of vectors of a test's own, and looking into them by one statement."""

from dataclasses import dataclass, replace
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from shared.domain.vector import ConclusionVector, EmbeddingSpace, MessageVector, Vector
from shared.store.conditions import Condition
from shared.store.database import Database
from shared.vectors import pg_queries, spaces
from shared.vectors.packing import Packed, PackedDumper, pack_all
from shared.vectors.pg import PgIndex


@dataclass(frozen=True)
class VectorPlace:
    """An index over a fresh database."""

    db: Database
    owner_dsn: str

    def index(self, space: EmbeddingSpace) -> PgIndex:
        with psycopg.connect(self.owner_dsn) as conn:
            spaces.create(conn, space)
        return PgIndex(self.db, lambda: space)


@dataclass(frozen=True)
class Look:
    """A search of a space by one of its statements alone."""

    place: VectorPlace
    space: EmbeddingSpace
    vector: Vector
    bound: int

    def plan(self, statement: LiteralString, condition: Condition | None, k: int) -> str:
        return "\n".join(row[0] for row in self.rows("EXPLAIN (ANALYZE, BUFFERS) " + statement, condition, k))

    def rows(self, statement: LiteralString, condition: Condition | None, k: int) -> list[TupleRow]:
        names = spaces.table_names(self.space)
        assert condition is not None
        with self.place.db.reading() as conn:
            oid = conn.execute(pg_queries.TYPE_OID, {"name": names.vector_type}).fetchone()
            assert oid is not None
            cursor = conn.cursor()
            cursor.adapters.register_dumper(Packed, PackedDumper)
            vectors = pack_all([self.vector], names.vector_type, oid[0])
            given = {"vectors": vectors, "k": k, "taken": 4 * k, "bound": self.bound, "breadth": "80"}
            composed = sql.SQL(statement).format(
                conclusions=sql.Identifier(names.conclusions),
                messages=sql.Identifier(names.messages),
                vector_type=sql.SQL(names.vector_type),
                condition=condition.text,
                **pg_queries.nearness(names, self.space.dimensions),
            )
            return cursor.execute(composed, {**given, **condition.params, "counted_from": 0}).fetchall()


def a_conclusion(identifier: str, vector: Vector, **more: str) -> ConclusionVector:
    return replace(ConclusionVector("w", identifier, "ada", "ada", "s", "explicit", vector), **more)


def a_piece(message_id: str, piece: int, vector: Vector, **more: str) -> MessageVector:
    return replace(MessageVector("w", message_id, piece, "s", "ada", vector), **more)
