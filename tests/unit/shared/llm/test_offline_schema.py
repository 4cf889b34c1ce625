import pytest

from shared.domain.answer_schema import compiled, conform
from shared.domain.json import JsonObject
from shared.llm.offline_schema import filled

FACTS = ["alice lives in Porto", "alice is 34 years old"]
ONE_OF_ALL: JsonObject = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "city": {"type": "string", "description": "where she lives"},
        "age": {"type": ["integer", "null"]},
        "score": {"type": "number", "minimum": 1.5},
        "known": {"type": "boolean"},
        "facts": {"type": "array", "items": {"type": "string"}, "maxItems": 1},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2},
        "mood": {"enum": ["happy", "sad"]},
        "nothing": {"type": "null"},
        "maybe": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Place"}]},
        "nested": {
            "type": "object",
            "properties": {"x": {"type": "integer"}},
            "required": ["x"],
        },
    },
    "required": ["answer", "city", "age", "score", "known", "facts", "tags", "mood", "nothing", "maybe", "nested"],
    "$defs": {"Place": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}


@pytest.mark.parametrize("facts", [FACTS, []])
def test_filled_is_valid_for_what_the_answers_allow(facts: list[str]):
    value = filled(ONE_OF_ALL, facts, "The answer.")
    assert conform(value, compiled(ONE_OF_ALL)) == value


def test_filled_puts_the_facts_where_their_names_fit():
    value = filled(ONE_OF_ALL, FACTS, "The answer.")
    assert value["answer"] == "The answer."
    assert value["city"] == "alice lives in Porto"
    assert value["known"] is True
    assert value["facts"] == ["alice lives in Porto"]
    assert value["nested"] == {"x": 0}


def test_filled_when_nothing_is_known_says_so():
    value = filled(ONE_OF_ALL, [], "Nothing is known.")
    assert value["known"] is False
    assert value["facts"] == []
    assert value["maybe"] is None


def test_filled_of_a_schema_that_refers_to_itself_ends():
    endless: JsonObject = {"properties": {"next": {"$ref": "#"}}, "required": ["next"], "type": "object"}
    assert "next" in filled(endless, [], "")


def test_filled_takes_the_number_a_fact_names():
    schema: JsonObject = {"type": "object", "properties": {"years_old": {"type": "integer"}}}
    assert filled(schema, FACTS, "") == {"years_old": 34}
