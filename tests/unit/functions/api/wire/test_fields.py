"""The kinds of fields: what they take in, what they change, how they are written."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from functions.api.wire.fields import GivenMoment, Letters, Metadata, Moment, Name, Object, Text, Wire


class Dated(Wire):
    """An answer with a moment."""

    at: Moment


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"k": value}
    return value


def _listed(depth: int) -> dict[str, Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return {"k": value}


@pytest.mark.parametrize("given", [{}, {"a": None}, {str(n): n for n in range(100)}, _nested(5), _listed(50)])
def test_metadata_within_its_limits_is_kept(given: dict[str, Any]):
    assert TypeAdapter(Metadata).validate_python(given) == given


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "x",
        {str(n): n for n in range(101)},
        _nested(6),
        _listed(200),
        _listed(100_000),
        {"a": float("inf")},
        {"a": ["\udfff"]},
        {"\ud800": 1},
    ],
    ids=lambda given: repr(type(given)),
)
def test_metadata_beyond_its_limits_is_refused(given: object):
    with pytest.raises(ValidationError):
        TypeAdapter(Metadata).validate_python(given)


def test_object_loses_its_nul_characters_and_nothing_that_looks_like_them():
    given = {"a\x00": ["b\x00", {"c": "\\u0000"}]}
    assert TypeAdapter(Object).validate_python(given) == {"a": ["b", {"c": "\\u0000"}]}


def test_text_loses_its_nul_characters():
    assert TypeAdapter(Text).validate_python("a\x00b") == "ab"


@pytest.mark.parametrize("given", ["a", "A-z_0", "x" * 512])
def test_name_of_plain_letters_is_taken(given: str):
    assert TypeAdapter(Name).validate_python(given) == given


@pytest.mark.parametrize("given", ["", "a b", "a\n", "é", "scope.x", "x" * 513])
def test_name_of_anything_else_is_refused(given: str):
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(given)


@pytest.mark.parametrize("given", ["2026-01-02T03:04:05", "2026-01-02T05:04:05+02:00", 1767323045])
def test_given_moment_is_utc(given: object):
    assert TypeAdapter(GivenMoment).validate_python(given) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC), "2026-01-02T03:04:05.123456Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05Z"),
    ],
)
def test_moment_is_written_in_utc_with_z(moment: datetime, text: str):
    assert to_json(Dated(at=moment)) == f'{{"at":"{text}"}}'.encode()


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ("", "string_too_short", "String should have at least 1 character"),
        ("\x00", "string_too_short", "String should have at least 1 character"),
        ("five!", "string_too_long", "String should have at most 4 characters"),
    ],
)
def test_text_outside_its_bounds_is_told_so_in_letters(given: str, kind: str, said: str):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[Text, Letters(1, 4)]).validate_python(given)
    [error] = caught.value.errors()
    assert (error["type"], error["msg"]) == (kind, said)


def test_text_within_its_bounds_is_kept_and_described():
    bounded = TypeAdapter(Annotated[Text, Letters(1, 4)])
    assert bounded.validate_python("a\x00bcd") == "abcd"
    assert bounded.json_schema() == {"type": "string", "minLength": 1, "maxLength": 4}
