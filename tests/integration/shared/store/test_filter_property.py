"""Any filter at all selects on Postgres what a naive reading of the filter language selects."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.types.json import Jsonb

from shared.domain import filters
from shared.domain.errors import FilterError
from shared.domain.filters import Kind
from shared.store import filter_sql
from tests.support import naive_filters
from tests.support.naive_filters import Column, Refused

KINDS: Final = {"name": Kind.TEXT, "count": Kind.NUMBER, "at": Kind.MOMENT, "metadata": Kind.METADATA}
NAIVE: Final[dict[str, Column]] = {"name": "text", "count": "number", "at": "moment", "metadata": "metadata"}
MAP: Final[filter_sql.ColumnMap] = {"name": "s.name", "count": "s.count", "at": "s.at", "metadata": "s.metadata"}

NAMES = ("alice", "Bob", "a_b", "Åse", "100%", None)
COUNTS = (0, 1, 7, 10, None)
MOMENTS = (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), None)
VALUES: Final[tuple[Any, ...]] = (
    1, 5, 10, 7.5, 1e20, -3, "7", "7.50", "1e2", "", "billing", "Billing-EU", "ÅL", "%", "true", True, False, None,
    ["a", "b"], ["b"], [], [1, {"x": 1}], {"city": "Rome"}, {"city": "Rome", "zip": "00100"}, {},
)  # fmt: skip
KEYS = ("topic", "prio", "in")


def rows() -> list[dict[str, Any]]:
    """Every value under every key, beside every kind of column, with keys missing and not."""
    places = list(product(NAMES, COUNTS, MOMENTS))
    stored = [{}, *({key: value} for key in KEYS for value in VALUES)]
    stored += [{"topic": a, "prio": b} for a, b in zip(VALUES, VALUES[7:] + VALUES[:7], strict=True)]
    return [
        dict(zip(("name", "count", "at"), places[number % len(places)], strict=True)) | {"metadata": metadata}
        for number, metadata in enumerate(stored * 2)
    ]


ROWS: Final = rows()

WILD = st.just("*")
SCALARS = st.sampled_from([value for value in VALUES if isinstance(value, str | int | float)] + ["b", "O", "R"])
ANY_VALUE = st.one_of(st.sampled_from(VALUES), WILD)
COLUMN_VALUES: Final = {
    "name": st.sampled_from([*filter(None, NAMES), "LIC", "b", "%", "_", "å", "zz"]),
    "count": st.sampled_from([0, 1, 7, 10, "7", "1e1", 0.5]),
    "at": st.sampled_from(["2026-01-02", "2026-01-01T13:00:00+01:00", "2026-01-01T12:00:00Z", "2030-01-01"]),
}
ORDERED: Final = ("gte", "lte", "gt", "lt", "ne")
WRONG: Final[tuple[dict[str, Any], ...]] = (
    {"nope": 1}, {"name": 5}, {"name": {"like": "a"}}, {"name": {"in": "alice"}}, {"name": {"gt": None}},
    {"count": "abc"}, {"count": True}, {"count": "nan"}, {"count": {"contains": "1"}}, {"at": "yesterday"}, {"at": 5},
    {"metadata": "x"}, {"metadata": {"ne": {}}}, {"metadata": {"prio": {"gt": [1]}}}, {"metadata": {"in": 5}},
    {"metadata": {"prio": {"in": "x"}}}, {"and": []}, {"AND": {}}, {"OR": ["x"]}, {"NOT": None},
)  # fmt: skip


def operands(values: st.SearchStrategy[Any], *operators: str) -> st.SearchStrategy[dict[str, Any]]:
    """One to three operators with something to compare with."""
    names = st.sampled_from([*ORDERED, *operators])
    single = st.dictionaries(names, st.one_of(values, values, values, WILD), min_size=1, max_size=2)
    several = st.fixed_dictionaries({"in": st.lists(st.one_of(values, values, values, WILD), max_size=3)})
    return st.one_of(single, single, several, st.tuples(single, several).map(lambda both: {**both[0], **both[1]}))


def column(name: str) -> st.SearchStrategy[dict[str, Any]]:
    values = COLUMN_VALUES[name]
    with_operators = operands(values, *(("contains", "icontains") if name == "name" else ()))
    nulls = st.sampled_from([None, {"ne": None}])
    plain = st.one_of(values, WILD, nulls, st.lists(values, max_size=3), with_operators, with_operators)
    return st.fixed_dictionaries({name: plain})


TESTED = operands(SCALARS, "contains", "icontains")
METADATA = st.one_of(
    st.dictionaries(st.sampled_from(KEYS[:2]), st.one_of(ANY_VALUE, TESTED, TESTED), min_size=1, max_size=2),
    st.fixed_dictionaries({"contains": st.dictionaries(st.sampled_from(KEYS), ANY_VALUE, max_size=2)}),
).map(lambda metadata: {"metadata": metadata})
LEAVES = st.one_of(*(column(name) for name in COLUMN_VALUES), METADATA, METADATA, st.just({}))


def grown(members: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    logical = st.dictionaries(st.sampled_from(["AND", "OR", "NOT"]), st.lists(members, max_size=3), max_size=2)
    return st.tuples(logical, members).map(lambda both: {**both[1], **both[0]})


FILTERS = st.recursive(LEAVES, grown, max_leaves=6)
BROKEN = st.recursive(st.one_of(LEAVES, st.sampled_from(WRONG)), grown, max_leaves=6)
Select = Callable[[dict[str, Any]], list[int]]


@pytest.fixture(scope="module")
def select(owner_dsn: str) -> Iterator[Select]:
    """The places of the rows that Postgres finds."""
    with psycopg.connect(owner_dsn, autocommit=True) as conn:
        conn.execute("CREATE TEMP TABLE s (place int, name text, count int, at timestamptz, metadata jsonb)")
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO s VALUES (%s, %s, %s, %s, %s)",
                [(n, row["name"], row["count"], row["at"], Jsonb(row["metadata"])) for n, row in enumerate(ROWS)],
            )

        def select(given: dict[str, Any]) -> list[int]:
            where = filter_sql.condition(filters.parse(given, KINDS), MAP)
            query = sql.SQL("SELECT place FROM s WHERE {} ORDER BY place")
            chosen = conn.execute(
                query.format(where.text if where else sql.SQL("true")), where.params if where else None
            )
            return [row[0] for row in chosen]

        yield select


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(FILTERS)
@example({"OR": [{"name": "*"}, {"name": "Bob"}]})
@example({"NOT": [{"count": {"gt": 1}}]})
@example({"name": {"contains": "BO"}})
@example({"name": {"icontains": "ÅS"}})
@example({"metadata": {"topic": {"contains": "ål"}}})
@example({"metadata": {"prio": {"in": [1e20, 7.5]}}})
@example({"name": {"ne": "Bob"}, "NOT": [{"metadata": {"topic": {"ne": "billing"}}}]})
def test_filter_selects_what_its_naive_reading_selects(select: Select, given: dict[str, Any]):
    assert select(given) == [n for n, row in enumerate(ROWS) if naive_filters.matches(given, row, NAIVE)]


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(BROKEN)
def test_filter_is_refused_exactly_when_a_part_of_it_is_wrong(select: Select, given: dict[str, Any]):
    try:
        naive_filters.matches(given, ROWS[0], NAIVE)
    except Refused:
        with pytest.raises(FilterError):
            select(given)
    else:
        select(given)


def refusal(select: Select, given: dict[str, Any]) -> str:
    """Why it is refused; a place with nothing wrong when it is not."""
    try:
        select(given)
    except FilterError as refused:
        return str(refused)
    return "filters."


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)), lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*KINDS, "AND", "in", "ne", "*"]), inner, max_size=3)
)))  # fmt: skip
def test_anything_at_all_is_a_filter_or_refused_as_none(select: Select, given: Any):
    if isinstance(given, dict):
        assert refusal(select, given).startswith("filters.")
