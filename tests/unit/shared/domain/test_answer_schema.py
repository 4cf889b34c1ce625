"""Schemas of answers: which are supported, and what becomes of answers."""

import pytest

from shared.domain.answer_schema import Mismatch, compiled, conform
from shared.domain.errors import Invalid
from shared.domain.json import Json, JsonObject

CITY: JsonObject = {
    "type": "object",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "properties": {
        "city": {"type": "string", "minLength": 900},
        "size": {"$ref": "#/$defs/Size", "description": "how big"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "since": {"type": ["integer", "null"]},
        "mood": {"type": "string", "default": "calm"},
    },
    "required": ["city"],
    "$defs": {"Size": {"enum": ["small", "large", 3, None], "description": "size"}},
}


def in_object(part: Json) -> JsonObject:
    return {"type": "object", "properties": {"x": part}}


def test_compiled_replaces_references_and_lets_their_siblings_win():
    schema = compiled(CITY)
    assert "$defs" not in schema
    assert "$schema" not in schema
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["size"] == {"enum": ["small", "large", 3, None], "description": "how big"}


def test_conform_drops_foreign_keys_and_fills_in_what_is_optional():
    answer: Json = {"city": "Turin", "size": 3, "extra": 1}
    assert conform(answer, compiled(CITY)) == {
        "city": "Turin",
        "size": 3,
        "tags": None,
        "since": None,
        "mood": "calm",
    }


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({}, "answer.city is missing."),
        ({"city": 1}, "answer.city must be of type string."),
        ({"city": None}, "answer.city must be of type string."),
        ({"city": "T", "tags": ["a", 2]}, "answer.tags[1] must be of type string."),
        ({"city": "T", "size": "huge"}, "answer.size must be one of"),
        ({"city": "T", "since": True}, "answer.since must be of type integer or null."),
        ([], "answer must be of type object."),
    ],
)
def test_conform_when_the_answer_does_not_fit_says_where(answer: Json, problem: str):
    with pytest.raises(Mismatch) as raised:
        conform(answer, compiled(CITY))
    assert str(raised.value).startswith(problem)


@pytest.mark.parametrize("value", ["y", None])
def test_conform_takes_null_beside_its_type_where_that_is_said_as_openapi_does(value: Json):
    assert conform({"x": value}, compiled(in_object({"type": "string", "nullable": True}))) == {"x": value}


def test_conform_takes_the_first_option_that_fits():
    schema = compiled(in_object({"anyOf": [{"type": "integer"}, in_object({"type": "string"}), {"type": "null"}]}))
    assert conform({"x": {"x": "y", "z": 1}}, schema) == {"x": {"x": "y"}}
    assert conform({"x": 4.0}, schema) == {"x": 4}
    with pytest.raises(Mismatch, match="Or: "):
        conform({"x": "y"}, schema)


def test_conform_when_an_object_names_no_properties_keeps_it_whole():
    assert conform({"x": {"any": [1]}}, compiled(in_object({"type": "object"}))) == {"x": {"any": [1]}}


def test_conform_does_not_take_true_for_one():
    with pytest.raises(Mismatch):
        conform({"x": True}, compiled(in_object({"enum": [1]})))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array"},
        {"type": ["object"]},
        {"properties": {}},
        in_object({}),
        in_object({"const": 1}),
        in_object(True),
        in_object({"type": "string", "not": {"type": "null"}}),
        in_object({"allOf": [{"type": "string"}]}),
        in_object({"type": "object", "patternProperties": {}}),
        in_object({"type": "object", "additionalProperties": {"type": "string"}}),
        in_object({"enum": [1.5]}),
        in_object({"$ref": "#/$defs/Missing"}),
        in_object({"$ref": "https://example.org/schema"}),
        in_object({"type": "object", "$defs": {}}),
        {**in_object({"$ref": "#/$defs/Loop"}), "$defs": {"Loop": in_object({"$ref": "#/$defs/Loop"})}},
        {"type": "object", "properties": {str(number): {"type": "null"} for number in range(501)}},
    ],
)
def test_compiled_when_a_schema_is_not_supported_is_invalid(schema: JsonObject):
    with pytest.raises(Invalid, match="response_format"):
        compiled(schema)


def test_compiled_when_references_multiply_stops_counting_early():
    doubling: JsonObject = {
        f"D{level}": {
            "type": "object",
            "properties": {side: {"$ref": f"#/$defs/D{level + 1}"} for side in ("left", "right")},
        }
        for level in range(18)
    }
    doubling["D18"] = {"type": "null"}
    with pytest.raises(Invalid, match="more than 500"):
        compiled({"type": "object", "properties": {"top": {"$ref": "#/$defs/D0"}}, "$defs": doubling})


def test_compiled_when_a_schema_is_very_deep_is_invalid():
    deep: JsonObject = {"type": "string"}
    for _ in range(21):
        deep = in_object(deep)
    with pytest.raises(Invalid, match="deeper than 20"):
        compiled(deep)
