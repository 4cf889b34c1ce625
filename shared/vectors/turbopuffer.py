"""Vectors in Turbopuffer, through its own SDK; its errors become ours here."""

import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar, cast

from shared.domain.errors import IndexRefused, IndexUnavailable
from shared.domain.vector import Vector
from shared.vectors.shelf import Attribute, Kind, Near, Place, Row, Shelf, Where

if TYPE_CHECKING:
    from turbopuffer import Turbopuffer
    from turbopuffer.lib.namespace import Namespace
    from turbopuffer.types import AttributeSchemaParam
    from turbopuffer.types import Row as FoundRow
    from turbopuffer.types.custom import Filter
    from turbopuffer.types.namespace_multi_query_params import Query

T = TypeVar("T")

_URL: Final = "https://{region}.turbopuffer.com"
# Somebody waits for what is read, and has words to fall back on; workers wait for what is written.
_CONNECT_S, _READ_S, _WRITE_S = 2.0, 5.0, 30.0
# After a silence nobody else waits for it as long: one request may look things up many times.
_PAUSE_AFTER_SILENCE_S = 5.0
# Queries in one request, rows in one answer without and with their vectors: https://turbopuffer.com/docs/limits
_MOST_QUERIES, _MOST_ROWS, _MOST_VECTORS = 16, 10_000, 500
_LONGEST_QUERY = 1024
# Conditions of the request, not of the moment.
_REFUSALS: Final = frozenset({400, 413, 422})


class TurbopufferShelf(Shelf):
    """One account in one region. Its client is made by the first call and serves every thread."""

    def __init__(self, api_key: str, region: str | None, base_url: str | None = None) -> None:
        self._api_key = api_key
        self._region = region
        self._base_url = base_url
        self._silent_until = 0.0

    @cached_property
    def _client(self) -> "Turbopuffer":
        # The import takes half a second; a process that needs no vector never pays it.
        from turbopuffer import Timeout, Turbopuffer, TurbopufferError

        timeout = Timeout(_READ_S, connect=_CONNECT_S)
        try:
            # Its own retries would wait as long as the server says, with somebody at the door.
            return Turbopuffer(
                api_key=self._api_key,
                region=None if self._base_url else self._region,
                base_url=self._base_url or _URL,
                timeout=timeout,
                max_retries=0,
                compression=True,
                telemetry=False,
            )
        except TurbopufferError as error:
            raise IndexUnavailable("Turbopuffer: VECTOR_STORE_TURBOPUFFER_REGION is not set, or set twice") from error

    def put(self, place: Place, rows: Sequence[Row]) -> None:
        if not rows:
            return
        columns: dict[str, list[object]] = {
            "id": [row.id for row in rows],
            "vector": [_packed(row.vector) for row in rows],
            **{name: [row.attributes[name] for row in rows] for name in place.kind.attributes},
        }
        self._ask(
            lambda: self._namespace(place).write(
                upsert_columns=columns,  # pyright: ignore[reportArgumentType]  # any attribute, by the SDK's own words
                distance_metric="cosine_distance",
                schema=_schema(place.kind, len(rows[0].vector)),
                timeout=_WRITE_S,
            )
        )

    def nearest(self, place: Place, vectors: Sequence[Vector], where: Where, *, k: int) -> list[list[Near]]:
        found: list[list[Near]] = []
        for start in range(0, len(vectors), _MOST_QUERIES):
            queries = [_query(place.kind, vector, where, k) for vector in vectors[start : start + _MOST_QUERIES]]
            answer = self._ask(lambda queries=queries: self._namespace(place).multi_query(queries=queries))
            found += [[_near(row) for row in result.rows or ()] for result in answer.results] if answer else []
        return found or [[] for _ in vectors]

    def by_words(self, place: Place, query: str, where: Where, *, k: int) -> list[Near]:
        if not place.kind.words or not query.strip():
            return []
        narrowed: list[Filter] = [*_conditions(where), ("id", "Gt", "")]
        answer = self._ask(
            lambda: self._namespace(place).query(
                rank_by=(place.kind.words[0], "BM25", query[:_LONGEST_QUERY]),
                filters=_conjunction(narrowed),
                limit=k,
                include_attributes=["message_id"],
            )
        )
        return [_near(row) for row in answer.rows or ()] if answer else []

    def rows(self, place: Place, where: Where, *, with_vectors: bool) -> Iterator[Row]:
        most, after = _MOST_VECTORS if with_vectors else _MOST_ROWS, ""
        while page := self._page(place, where, after=after, most=most, with_vectors=with_vectors):
            yield from page
            if len(page) < most:
                return
            after = page[-1].id

    def listed(self, place: Place, *, after: str, most: int) -> list[Row]:
        return self._page(place, {}, after=after, most=min(most, _MOST_ROWS), with_vectors=False)

    def take(self, place: Place, where: Where) -> None:
        doomed, is_more = _conjunction(_conditions(where)), True
        while is_more:
            written = self._ask(
                lambda: self._namespace(place).write(
                    delete_by_filter=doomed, delete_by_filter_allow_partial=True, timeout=_WRITE_S
                )
            )
            is_more = written is not None and bool(written.rows_remaining)

    def drop(self, place: Place) -> None:
        self._ask(lambda: self._namespace(place).delete_all(timeout=_WRITE_S))

    def _page(self, place: Place, where: Where, *, after: str, most: int, with_vectors: bool) -> list[Row]:
        attributes = [*place.kind.attributes, *(["vector"] if with_vectors else [])]
        answer = self._ask(
            lambda: self._namespace(place).query(
                rank_by=("id", "asc"),
                filters=_conjunction([*_conditions(where), ("id", "Gt", after)]),
                limit=most,
                include_attributes=attributes,
                vector_encoding="base64",
            )
        )
        return [_row(row, place.kind) for row in answer.rows or ()] if answer else []

    def _namespace(self, place: Place) -> "Namespace":
        return self._client.namespace(place.name)

    def _ask(self, call: Callable[[], T]) -> T | None:
        """None where the namespace is not there."""
        from turbopuffer import APIConnectionError, APITimeoutError, NotFoundError

        if monotonic() < self._silent_until:
            raise IndexUnavailable("Turbopuffer did not answer a moment ago")
        with _translated():
            try:
                return call()
            except NotFoundError:
                return None
            except APITimeoutError:
                self._silent_until = monotonic() + _PAUSE_AFTER_SILENCE_S
                raise
            except APIConnectionError:
                # Functions are frozen for minutes, and their connections end meanwhile.
                return call()


@contextmanager
def _translated() -> Generator[None]:
    import turbopuffer

    try:
        yield
    except turbopuffer.APITimeoutError as error:
        raise IndexUnavailable("Turbopuffer did not answer in time") from error
    except turbopuffer.APIConnectionError as error:
        raise IndexUnavailable("Turbopuffer cannot be reached") from error
    except (turbopuffer.AuthenticationError, turbopuffer.PermissionDeniedError) as error:
        raise IndexUnavailable(
            f"Turbopuffer refuses the key (HTTP {error.status_code}): look at VECTOR_STORE_TURBOPUFFER_API_KEY"
        ) from error
    except turbopuffer.APIStatusError as error:
        raise _failure(error.status_code, error.response.headers.get("retry-after")) from error
    except turbopuffer.APIError as error:
        raise IndexUnavailable("Turbopuffer answered with something that cannot be read") from error


def _failure(status: int, retry_after: str | None) -> IndexUnavailable:
    # What the server says may quote the request, so it is never passed on.
    if status in _REFUSALS:
        return IndexRefused(f"Turbopuffer refused the request (HTTP {status})")
    pause_s = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdecimal() else None
    return IndexUnavailable(f"Turbopuffer is not available (HTTP {status})", retry_after_s=pause_s)


def _schema(kind: Kind, dimensions: int) -> "dict[str, AttributeSchemaParam]":
    types = [
        *((name, "string") for name in kind.texts),
        *((name, "int") for name in kind.numbers),
        *((name, "bool") for name in kind.flags),
    ]
    vector: AttributeSchemaParam = {"type": f"[{dimensions}]f32", "ann": True}
    words: dict[str, AttributeSchemaParam] = {name: {"type": "string", "full_text_search": True} for name in kind.words}
    compared: dict[str, AttributeSchemaParam] = {name: {"type": of, "filterable": True} for name, of in types}
    return {"id": "string", "vector": vector, **compared, **words}


def _query(kind: Kind, vector: Vector, where: Where, k: int) -> "Query":
    query: Query = {
        "rank_by": ("vector", "ANN", _packed(vector)),
        "limit": k,
        "include_attributes": [name for name in kind.texts if name == "message_id"],
    }
    return {**query, "filters": _conjunction(_conditions(where))} if where else query


def _conditions(where: Where) -> "list[Filter]":
    return [
        (name, "Eq", values[0]) if len(values) == 1 else (name, "In", list(values)) for name, values in where.items()
    ]


def _conjunction(conditions: "Sequence[Filter]") -> "Filter":
    return conditions[0] if len(conditions) == 1 else ("And", list(conditions))


def _packed(vector: Vector) -> str:
    """As the SDK's documentation has it: little-endian single precision in base64, a third of the digits."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _unpacked(value: object) -> Vector:
    if isinstance(value, str):
        data = b64decode(value)
        return struct.unpack(f"<{len(data) // 4}f", data)
    return cast("list[float]", value or [])


def _near(row: "FoundRow") -> Near:
    message_id = row.model_extra.get("message_id") if row.model_extra else None
    return Near(str(row.id), row["$dist"], None if message_id is None else str(message_id))


def _row(row: "FoundRow", kind: Kind) -> Row:
    extra = cast("dict[str, Attribute]", row.model_extra or {})
    return Row(str(row.id), _unpacked(row.vector), {name: extra.get(name) for name in kind.attributes})
