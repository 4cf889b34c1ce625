"""Filters as trees: what they say, and what is refused."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.domain import filters
from shared.domain.errors import FilterError
from shared.domain.filter_tree import All, AnyOf, Compare, CompareKey, Includes, NoneOf, SeenBy


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ({}, None),
        ({"peer_id": "*"}, None),
        ({"peer_id": {"in": ["bob", "*"]}}, None),
        ({"peer_id": {"ne": "*"}}, None),
        ({"AND": []}, None),
        ({"OR": [{"AND": []}]}, None),
        ({"NOT": [{"peer_id": "*"}]}, None),
        ({"metadata": {}}, None),
        ({"metadata": {"k": "*"}}, None),
        ({"peer_id": "a"}, Compare("peer_id", "eq", "a")),
        ({"peer_id": ["a", "b"]}, Compare("peer_id", "in", ("a", "b"))),
        ({"peer_id": {"in": []}}, Compare("peer_id", "in", ())),
        ({"peer_id": None}, Compare("peer_id", "eq", None)),
        ({"peer_id": {"ne": None}}, Compare("peer_id", "ne", None)),
        ({"peer_id": {"icontains": "A%"}}, Compare("peer_id", "contains", "A%")),
        ({"token_count": {"gt": "0"}}, Compare("token_count", "gt", Decimal(0))),
        ({"token_count": 1.5}, Compare("token_count", "eq", Decimal("1.5"))),
        ({"created_at": {"gte": "2026-01-02"}}, Compare("created_at", "gte", datetime(2026, 1, 2, tzinfo=UTC))),
        (
            {"created_at": {"lt": "2026-01-02T01:00:00+01:00"}},
            Compare("created_at", "lt", datetime(2026, 1, 2, tzinfo=UTC)),
        ),
        ({"peer_perspective": "a"}, SeenBy("a")),
        (
            {"peer_id": "a", "session_id": "s"},
            All((Compare("peer_id", "eq", "a"), Compare("session_id", "eq", "s"))),
        ),
        (
            {"token_count": {"gt": 1, "lt": 3}},
            All((Compare("token_count", "gt", Decimal(1)), Compare("token_count", "lt", Decimal(3)))),
        ),
        ({"OR": [{"peer_id": "*"}, {"peer_id": "bob"}]}, Compare("peer_id", "eq", "bob")),
        (
            {"OR": [{"peer_id": "a"}, {"peer_id": "b"}], "session_id": "s"},
            All(
                (
                    AnyOf((Compare("peer_id", "eq", "a"), Compare("peer_id", "eq", "b"))),
                    Compare("session_id", "eq", "s"),
                )
            ),
        ),
        ({"NOT": [{"peer_id": "a"}]}, NoneOf((Compare("peer_id", "eq", "a"),))),
        ({"metadata": {"k": {"sub": 1}}}, Includes({"k": {"sub": 1}})),
        ({"metadata": {"k": {"sub": {"gt": 1}}}}, Includes({"k": {"sub": {"gt": 1}}})),
        ({"metadata": {"k": None}}, Includes({"k": None})),
        ({"metadata": {"contains": {"k": 1}}}, Includes({"k": 1})),
        ({"metadata": {"k": {"gte": 5}}}, CompareKey("k", "gte", Decimal(5))),
        ({"metadata": {"k": {"gte": "7"}}}, CompareKey("k", "gte", Decimal(7))),
        ({"metadata": {"k": {"gte": "s"}}}, CompareKey("k", "gte", "s")),
        ({"metadata": {"k": {"ne": True}}}, CompareKey("k", "ne", "true")),
        ({"metadata": {"k": {"in": [1, 10, "x"]}}}, CompareKey("k", "in", ("1", "10", "x"))),
        ({"metadata": {"k": {"in": ["x", "*"]}}}, None),
        ({"metadata": {"k": {"contains": 7}}}, CompareKey("k", "contains", "7")),
    ],
)
def test_parse_of_a_filter_gives_its_tree(given: Any, expected: object):
    assert filters.parse(given, filters.SEARCHED_MESSAGES) == expected


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"and": []}, "filters.and"),
        ({"content": "m1"}, "filters.content"),
        ({"id": "x"}, "filters.id"),
        ({"configuration": {}}, "filters.configuration"),
        ({"peer_perspective": "a"}, "filters.peer_perspective"),
        ({"AND": {}}, "filters.AND"),
        ({"AND": "x"}, "filters.AND"),
        ({"NOT": None}, "filters.NOT"),
        ({"OR": ["x"]}, "filters.OR[0]"),
        ({"OR": [{}, {"nope": 1}]}, "filters.OR[1].nope"),
        ({"peer_id": 5}, "filters.peer_id"),
        ({"peer_id": {"like": "a"}}, "filters.peer_id.like"),
        ({"peer_id": {"in": "alice"}}, "filters.peer_id.in"),
        ({"peer_id": {"in": [None]}}, "filters.peer_id.in"),
        ({"peer_id": {"gt": None}}, "filters.peer_id.gt"),
        ({"created_at": {"gte": "yesterday"}}, "filters.created_at.gte"),
        ({"created_at": 5}, "filters.created_at"),
        ({"created_at": "0001-01-01T00:00:00+23:00"}, "filters.created_at"),
        ({"created_at": {"contains": "2026"}}, "filters.created_at.contains"),
        ({"token_count": "abc"}, "filters.token_count"),
        ({"token_count": "nan"}, "filters.token_count"),
        ({"token_count": "1e9999"}, "filters.token_count"),
        ({"token_count": True}, "filters.token_count"),
        ({"metadata": "x"}, "filters.metadata"),
        ({"metadata": ["x"]}, "filters.metadata"),
        ({"metadata": {"ne": {}}}, "filters.metadata.ne"),
        ({"metadata": {"contains": "x"}}, "filters.metadata.contains"),
        ({"metadata": {"k": {"gte": [1]}}}, "filters.metadata.k.gte"),
        ({"metadata": {"k": {"in": "x"}}}, "filters.metadata.k.in"),
        ({"metadata": {"k": {"ne": None}}}, "filters.metadata.k.ne"),
    ],
)
def test_parse_of_what_is_not_understood_names_the_place(given: Any, place: str):
    with pytest.raises(FilterError) as refused:
        filters.parse(given, filters.MESSAGES)
    assert str(refused.value).startswith((f"{place} ", f"{place}: "))


def _nested(depth: int) -> dict[str, Any]:
    given: dict[str, Any] = {"peer_id": "a"}
    for _ in range(depth):
        given = {"NOT": [given]}
    return given


def test_parse_takes_a_thousand_conditions_and_no_more():
    peers = [{"peer_id": f"p{number}"} for number in range(998)]
    whole: dict[str, Any] = {"OR": [*peers, {"NOT": [{"token_count": 1}]}], "metadata": {"a": 1}}
    assert filters.parse(whole, filters.MESSAGES) is not None
    with pytest.raises(FilterError, match="1000 conditions"):
        filters.parse({**whole, "created_at": "2026-01-01"}, filters.MESSAGES)


def test_parse_takes_a_list_of_any_length_for_one_condition():
    names = [f"p{number}" for number in range(5000)]
    assert filters.parse({"peer_id": names}, filters.MESSAGES) == Compare("peer_id", "in", tuple(names))


def test_parse_goes_five_levels_deep_and_no_further():
    assert filters.parse(_nested(5), filters.MESSAGES) is not None
    with pytest.raises(FilterError):
        filters.parse(_nested(6), filters.MESSAGES)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"source_ids": {"contains": "x"}}, Compare("source_ids", "contains", ("x",))),
        ({"source_ids": {"contains": ["x", "y"]}}, Compare("source_ids", "contains", ("x", "y"))),
        ({"source_ids": ["x"]}, Compare("source_ids", "eq", ("x",))),
        ({"source_ids": None}, Compare("source_ids", "eq", None)),
        ({"level": ["explicit", "inductive"]}, Compare("level", "in", ("explicit", "inductive"))),
        ({"observer": "a"}, Compare("observer", "eq", "a")),
        ({"id": {"in": ["a"]}}, Compare("id", "in", ("a",))),
    ],
)
def test_parse_for_conclusions_knows_their_columns(given: Any, expected: object):
    assert filters.parse(given, filters.CONCLUSIONS) == expected


@pytest.mark.parametrize(
    "given", [{"level": "wild"}, {"source_ids": {"gt": "x"}}, {"source_ids": {"contains": 5}}, {"message_ids": []}]
)
def test_parse_for_conclusions_refuses_what_they_do_not_have(given: Any):
    with pytest.raises(FilterError):
        filters.parse(given, filters.CONCLUSIONS)


def test_parse_for_sessions_takes_a_flag_for_a_flag():
    assert filters.parse({"is_active": False}, filters.SESSIONS) == Compare("is_active", "eq", False)
    with pytest.raises(FilterError):
        filters.parse({"is_active": "true"}, filters.SESSIONS)
