"""The vector index in Postgres, with pgvector: exact where that is fast, HNSW where it is not."""

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow

from shared.domain.conclusion import Collection, Level
from shared.domain.errors import DatabaseUnavailable, IndexUnavailable
from shared.domain.vector import ConclusionVector, EmbeddingSpace, Hit, MessageVector, Vector
from shared.store.conditions import Condition
from shared.store.database import Connection, Database
from shared.vectors import pg_listing, pg_queries
from shared.vectors.index import Listing, VectorIndex
from shared.vectors.packing import Packed, PackedDumper, pack_all
from shared.vectors.spaces import every, table_names

Rows = list[TupleRow]

# Measured: an exact scan takes 1.6 ms per 1,000 vectors of 1536 dimensions, and 0.2 ms per 1,000 of their signs; the
# walk through a graph takes 5 to 20 ms, and the longer the fewer rows meet the condition.
EXACT_UP_TO, EXACT_UP_TO_BY_SIGNS = 20_000, 50_000
# Signs only tell roughly, and pieces of one message count once: so many more rows than are asked for are taken, and
# their vectors choose.
_TAKEN_BEYOND = 160
_BREADTH_PER_ROW, _MOST_BREADTH = 2, 1000
_NO_BOUND = 2**31 - 1
# Where so many were pieces of few messages that too few messages are left, the next look takes this many times more.
_WIDENED = 8
_PAGE_BYTES, _OTHER_COLUMNS_BYTES = 8192, 120
_ALL = sql.SQL("true")


class PgIndex(VectorIndex):
    """Two tables per embedding space, made by the migrate function; see `spaces`."""

    def __init__(self, db: Database, space: Callable[[], EmbeddingSpace]) -> None:
        self._db = db
        self._space = space
        self._type_oids: dict[str, int] = {}

    def at(self, space: EmbeddingSpace) -> "PgIndex":
        other = copy(self)
        other._space = lambda: space
        return other

    def upsert_conclusions(self, records: Sequence[ConclusionVector]) -> None:
        # Sorted and each once: two workers with the same rows must not wait for each other in a circle.
        rows = [row for _, row in sorted({(row.workspace, row.id): row for row in records}.items())]
        if not rows:
            return
        columns = {
            "workspaces": [row.workspace for row in rows],
            "ids": [row.id for row in rows],
            "observers": [row.observer for row in rows],
            "observed": [row.observed for row in rows],
            "sessions": [row.session for row in rows],
            "levels": [row.level for row in rows],
        }
        with self._connection() as conn:
            vectors = self._pack(conn, [row.vector for row in rows])
            self._execute(conn, pg_queries.UPSERT_CONCLUSIONS, {**columns, "vectors": vectors})

    def upsert_messages(self, records: Sequence[MessageVector]) -> None:
        rows = [row for _, row in sorted({(row.workspace, row.message_id, row.piece): row for row in records}.items())]
        if not rows:
            return
        columns = {
            "workspaces": [row.workspace for row in rows],
            "ids": [row.message_id for row in rows],
            "pieces": [row.piece for row in rows],
            "sessions": [row.session for row in rows],
            "peers": [row.peer for row in rows],
        }
        with self._connection() as conn:
            vectors = self._pack(conn, [row.vector for row in rows])
            self._execute(conn, pg_queries.UPSERT_MESSAGES, {**columns, "vectors": vectors})

    def copy_conclusions(self, workspace: str, copies: Mapping[str, str], *, observer: str) -> list[str]:
        if not copies:
            return []
        given = {"workspace": workspace, "observer": observer, "ids": list(copies), "originals": list(copies.values())}
        with self._connection() as conn:
            return [row[0] for row in self._execute(conn, pg_queries.COPY_CONCLUSIONS, given).fetchall()]

    def conclusion_vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, Vector]:
        given = {"workspace": workspace, "ids": list(ids)}
        with self._connection() as conn:
            return dict(self._execute(conn, pg_queries.CONCLUSION_VECTORS, given, binary=True).fetchall())

    def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None:
        if ids:
            self._delete(pg_queries.DELETE_CONCLUSIONS, {"workspace": workspace, "ids": list(ids)})

    def delete_messages(self, workspace: str, ids: Sequence[str]) -> None:
        if ids:
            self._delete(pg_queries.DELETE_MESSAGES, {"workspace": workspace, "ids": list(ids)})

    def delete_workspace(self, workspace: str, *, most: int) -> bool:
        values = {"workspace": workspace, "most": most}
        return any(self._delete(statement, values) for statement in pg_queries.DELETE_WORKSPACE)

    def clear(self, workspace: str, *, most: int) -> bool:
        values = {"workspace": workspace, "most": most}
        with self._connection() as conn:
            return any(self._execute(conn, statement, values).rowcount > 0 for statement in pg_queries.DELETE_WORKSPACE)

    def nearest_conclusions(
        self,
        collection: Collection,
        vectors: Sequence[Vector],
        *,
        k: int,
        max_distance: float | None = None,
        levels: Sequence[Level] | None = None,
        sessions: Sequence[str] | None = None,
        among: Sequence[str] | None = None,
    ) -> list[list[Hit]]:
        found = [list[Hit]() for _ in vectors]
        condition = pg_queries.in_collection(collection, levels, sessions, among)
        if not vectors or k <= 0 or condition is None:
            return found
        rows = self._search(pg_queries.CONCLUSIONS, condition, vectors, k=k)
        for place, identifier, distance in rows:
            if max_distance is None or distance <= max_distance:
                found[int(place) - 1].append(Hit(identifier, distance))
        return found

    def nearest_in_workspace(
        self,
        workspace: str,
        vector: Vector,
        *,
        k: int,
        levels: Sequence[Level] | None = None,
        sessions: Sequence[str] | None = None,
    ) -> list[Hit]:
        condition = pg_queries.of_all_peers(workspace, levels, sessions)
        if k <= 0 or condition is None:
            return []
        rows = self._search(pg_queries.CONCLUSIONS, condition, [vector], k=k)
        return [Hit(identifier, distance) for _, identifier, distance in rows]

    def nearest_messages(
        self,
        workspace: str,
        vector: Vector,
        *,
        k: int,
        sessions: Sequence[str] | None = None,
        peer: str | None = None,
        among: Sequence[str] | None = None,
    ) -> list[Hit]:
        condition = pg_queries.in_workspace(workspace, sessions, peer, among)
        if k <= 0 or condition is None:
            return []
        rows = self._search(pg_queries.MESSAGES, condition, [vector], k=k)
        return [Hit(identifier, distance) for _, identifier, distance in rows]

    def stored_conclusions(self, workspace: str, ids: Sequence[str]) -> list[ConclusionVector]:
        return [ConclusionVector(*row) for row in self._of(pg_listing.STORED_CONCLUSIONS, workspace, ids)]

    def stored_messages(self, workspace: str, ids: Sequence[str]) -> list[MessageVector]:
        return [MessageVector(*row) for row in self._of(pg_listing.STORED_MESSAGES, workspace, ids)]

    def held_conclusions(self, workspace: str, ids: Sequence[str]) -> set[str]:
        return {row[0] for row in self._of(pg_listing.HELD_CONCLUSIONS, workspace, ids)}

    def held_messages(self, workspace: str, ids: Sequence[str]) -> set[str]:
        return {row[0] for row in self._of(pg_listing.HELD_MESSAGES, workspace, ids)}

    def listed_conclusions(self, workspace: str, *, after: str, most: int) -> Listing:
        return self._listed(pg_listing.LISTED_CONCLUSIONS, workspace, after, most)

    def listed_messages(self, workspace: str, *, after: str, most: int) -> Listing:
        return self._listed(pg_listing.LISTED_MESSAGES, workspace, after, most)

    def _of(self, statement: LiteralString, workspace: str, ids: Sequence[str]) -> Rows:
        if not ids:
            return []
        with self._connection() as conn:
            return self._execute(conn, statement, {"workspace": workspace, "ids": list(ids)}, binary=True).fetchall()

    def _listed(self, statement: LiteralString, workspace: str, after: str, most: int) -> Listing:
        given = {"workspace": workspace, "after": after, "most": most}
        with self._connection() as conn:
            ids = [str(row[0]) for row in self._execute(conn, statement, given).fetchall()]
        return Listing(ids, ids[-1] if len(ids) == most else None)

    def _search(self, queries: pg_queries.Queries, condition: Condition, vectors: Sequence[Vector], *, k: int) -> Rows:
        """Rows of place (from 1), id and distance, by place and nearest first."""
        has_signs = table_names(self._space()).has_signs
        taken = k + _TAKEN_BEYOND
        bound = EXACT_UP_TO_BY_SIGNS if has_signs else EXACT_UP_TO
        with self._connection() as conn:
            given = {**condition.params, "vectors": self._pack(conn, vectors), "k": k}
            bounded = {**given, "bound": bound, "counted_from": self._small_bytes(bound), "taken": taken}
            unbounded = {**given, "bound": _NO_BOUND, "counted_from": 2**62}
            rows = self._execute(conn, queries.exact, bounded, condition.text).fetchall()
            if rows and rows[0][0] > bound:
                walk = {**given, "taken": taken, "breadth": str(min(_BREADTH_PER_ROW * taken, _MOST_BREADTH))}
                rows = self._execute(conn, queries.by_graph, walk, condition.text).fetchall()
                if len(rows) < k * len(vectors):
                    # Under a narrow condition the graph gives up before it has seen k that meet it.
                    rows = self._execute(conn, queries.exact, {**unbounded, "taken": taken}, condition.text).fetchall()
            while _is_cut_short(rows, k, taken):
                taken *= _WIDENED
                rows = self._execute(conn, queries.exact, {**unbounded, "taken": taken}, condition.text).fetchall()
        return [row[1:4] for row in rows if row[2] is not None]

    def _delete(self, statement: LiteralString, params: Mapping[str, object]) -> bool:
        """Delete from every space, those of earlier models too; True when anything was there."""
        with self._connection() as conn:
            counts = [
                conn.execute(
                    sql.SQL(statement).format(
                        conclusions=sql.Identifier(conclusions), messages=sql.Identifier(messages)
                    ),
                    params,
                ).rowcount
                for conclusions, messages in every(conn)
            ]
        return sum(counts) > 0

    @contextmanager
    def _connection(self) -> Generator[Connection]:
        try:
            with self._db.reading() as conn:
                yield conn
        except errors.UndefinedTable as error:
            space = self._space()
            raise IndexUnavailable(
                f"embedding space {space.model} with {space.dimensions} dimensions does not exist: run migrate"
            ) from error
        except (psycopg.Error, DatabaseUnavailable) as error:
            raise IndexUnavailable(f"Postgres: {type(error).__name__}") from error

    def _execute(
        self,
        conn: Connection,
        statement: LiteralString,
        params: Mapping[str, object],
        condition: sql.Composable = _ALL,
        *,
        binary: bool = False,
    ) -> psycopg.Cursor[TupleRow]:
        space = self._space()
        names = table_names(space)
        composed = sql.SQL(statement).format(
            conclusions=sql.Identifier(names.conclusions),
            messages=sql.Identifier(names.messages),
            vector_type=sql.SQL(names.vector_type),
            condition=condition,
            **pg_queries.nearness(names, space.dimensions),
        )
        cursor = conn.cursor(binary=binary)
        cursor.adapters.register_dumper(Packed, PackedDumper)
        return cursor.execute(composed, params)

    def _small_bytes(self, bound: int) -> int:
        """A table that takes no more holds at most about `bound` rows."""
        space = self._space()
        vector_bytes = space.dimensions // 8 if table_names(space).has_signs else 4 * space.dimensions
        return bound * _PAGE_BYTES // max(1, _PAGE_BYTES // (vector_bytes + _OTHER_COLUMNS_BYTES))

    def _pack(self, conn: Connection, vectors: Sequence[Vector]) -> Packed:
        vector_type = table_names(self._space()).vector_type
        if vector_type not in self._type_oids:
            row = conn.execute(pg_queries.TYPE_OID, {"name": vector_type}).fetchone()
            if row is None or row[0] is None:
                raise IndexUnavailable("the extension vector is not installed: run migrate")
            self._type_oids[vector_type] = row[0]
        return pack_all(vectors, vector_type, self._type_oids[vector_type])


def _is_cut_short(rows: Rows, k: int, taken: int) -> bool:
    """Whether any vector has fewer than k hits although there was more to look at."""
    hits = Counter(row[1] for row in rows)
    return any(row[4] is not None and row[4] >= taken and hits[row[1]] < k for row in rows)
