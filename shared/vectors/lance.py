"""Vectors in LanceDB: files in a folder or bucket, read by a library that is installed only where it is chosen."""

import importlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any, Final, Protocol, cast

from shared.domain.errors import IndexUnavailable
from shared.domain.vector import Vector
from shared.vectors.shelf import Near, Place, Row, Shelf, Where

NOT_INSTALLED: Final = (
    "VECTOR_STORE_TYPE is lancedb, and the package lancedb is not installed:"
    " pip install -r infra/local/lancedb/requirements.txt"
)
# Each write leaves a small file and a version behind: so many are merged at once, by who wrote the last.
_WRITES_BEFORE_MERGING: Final = 64
_KEEP_VERSIONS: Final = timedelta(hours=1)


# The package is not typed, and not there where it was not chosen: this is what is used of it.
class _Query(Protocol):
    def distance_type(self, name: str) -> "_Query": ...
    def where(self, condition: str, prefilter: bool = True) -> "_Query": ...
    def select(self, columns: list[str]) -> "_Query": ...
    def limit(self, most: int) -> "_Query": ...
    def to_list(self) -> list[dict[str, Any]]: ...


class _Merge(Protocol):
    def when_matched_update_all(self) -> "_Merge": ...
    def when_not_matched_insert_all(self) -> "_Merge": ...
    def execute(self, new_data: object) -> object: ...


class _Table(Protocol):
    def search(self, vector: list[float] | None = None, *, vector_column_name: str | None = None) -> _Query: ...
    def merge_insert(self, on: str) -> _Merge: ...
    def delete(self, where: str) -> object: ...
    def optimize(self, *, cleanup_older_than: timedelta) -> object: ...


class _Database(Protocol):
    def create_table(self, name: str, *, schema: object, exist_ok: bool) -> _Table: ...
    def open_table(self, name: str) -> _Table: ...
    def drop_table(self, name: str, *, ignore_missing: bool) -> None: ...


class LanceShelf(Shelf):
    """A folder, or `s3://bucket/folder`. Every search is exact: it looks at all rows of a namespace."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writes: dict[str, int] = {}

    @cached_property
    def _db(self) -> _Database:
        try:
            lancedb = cast(Any, importlib.import_module("lancedb"))
        except ImportError as error:
            raise IndexUnavailable(NOT_INSTALLED) from error
        # Other processes write, too: every read looks for the newest version.
        return cast(_Database, lancedb.connect(self._path, read_consistency_interval=timedelta(0)))

    def put(self, place: Place, rows: Sequence[Row]) -> None:
        if not rows:
            return
        with _translated():
            db = self._db
            schema = _schema(place, len(rows[0].vector))
            table = db.create_table(place.name, schema=schema, exist_ok=True)
            merging = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            merging.execute(_as_table(place, rows, schema))
            self._tidy(place.name, table)

    def nearest(self, place: Place, vectors: Sequence[Vector], where: Where, *, k: int) -> list[list[Near]]:
        with _translated():
            table = self._table(place)
            return [[] if table is None else _nearest(table, place, vector, where, k) for vector in vectors]

    def by_words(self, place: Place, query: str, where: Where, *, k: int) -> list[Near]:
        # Nothing is sent here to be searched by words.
        return []

    def rows(self, place: Place, where: Where, *, with_vectors: bool) -> Iterator[Row]:
        columns = ["id", *place.kind.attributes, *(["vector"] if with_vectors else [])]
        with _translated():
            table = self._table(place)
            found = [] if table is None else _read(table.search(), where, columns)
        return (
            Row(str(one["id"]), one.get("vector", ()), {name: one[name] for name in place.kind.attributes})
            for one in found
        )

    def listed(self, place: Place, *, after: str, most: int) -> list[Row]:
        # There is no order to ask for, and the ids of a workspace are small.
        found = (row for row in self.rows(place, {}, with_vectors=False) if row.id > after)
        return sorted(found, key=lambda row: row.id)[:most]

    def take(self, place: Place, where: Where) -> None:
        with _translated():
            if (table := self._table(place)) is not None:
                table.delete(_condition(where))
                self._tidy(place.name, table)

    def drop(self, place: Place) -> None:
        with _translated():
            self._db.drop_table(place.name, ignore_missing=True)

    def _table(self, place: Place) -> _Table | None:
        try:
            return self._db.open_table(place.name)
        except ValueError as error:
            if "not found" in str(error):
                return None
            raise

    def _tidy(self, name: str, table: _Table) -> None:
        self._writes[name] = self._writes.get(name, 0) + 1
        if self._writes[name] >= _WRITES_BEFORE_MERGING:
            self._writes[name] = 0
            table.optimize(cleanup_older_than=_KEEP_VERSIONS)


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        # Its text quotes the request.
        raise IndexUnavailable(f"LanceDB: {type(error).__name__}") from error


def _nearest(table: _Table, place: Place, vector: Vector, where: Where, k: int) -> list[Near]:
    columns = ["id", "_distance", *(name for name in place.kind.texts if name == "message_id")]
    nearest = table.search([*vector], vector_column_name="vector").distance_type("cosine").limit(k)
    found = _read(nearest, where, columns)
    return [Near(str(one["id"]), float(one["_distance"]), one.get("message_id")) for one in found]


def _read(query: _Query, where: Where, columns: list[str]) -> list[dict[str, Any]]:
    narrowed = query.where(_condition(where), prefilter=True) if where else query
    return narrowed.select(columns).to_list()


def _condition(where: Where) -> str:
    return " AND ".join(f"{name} IN ({', '.join(map(_literal, values))})" for name, values in where.items())


def _literal(value: str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "'" + value.replace("'", "''") + "'"


def _schema(place: Place, dimensions: int) -> Any:
    arrow = _arrow()
    types = [(place.kind.texts, arrow.string()), (place.kind.numbers, arrow.int64()), (place.kind.flags, arrow.bool_())]
    return arrow.schema(
        [
            arrow.field("id", arrow.string(), nullable=False),
            arrow.field("vector", arrow.list_(arrow.float32(), dimensions)),
            *(arrow.field(name, of) for names, of in types for name in names),
        ]
    )


def _as_table(place: Place, rows: Sequence[Row], schema: Any) -> object:
    columns: dict[str, object] = {"id": [row.id for row in rows], "vector": [[*row.vector] for row in rows]}
    columns |= {name: [row.attributes[name] for row in rows] for name in place.kind.attributes}
    return _arrow().table(columns, schema=schema)


def _arrow() -> Any:
    # As untyped as lancedb, whose dependency it is.
    return importlib.import_module("pyarrow")
