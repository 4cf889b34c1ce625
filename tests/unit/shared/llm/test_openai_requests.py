"""Which answer forms are asked for in OpenAI's strict mode."""

import pytest

from shared.domain.json import JsonObject
from shared.llm.openai_requests import request_body
from shared.llm.types import Answer, Completion, Tool, UserTurn

TEXT: JsonObject = {"type": "string"}


def closed(**properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": {**properties}, "required": [*properties], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (closed(a=TEXT), True),
        (closed(a={"anyOf": [TEXT, {"type": "null"}]}), True),
        (closed(a={"type": "array", "items": closed(b={"enum": ["x", "y"]})}), True),
        ({**closed(a={"$ref": "#/$defs/B"}), "$defs": {"B": closed(b=TEXT)}}, True),
        ({"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, False),
        ({**closed(a=TEXT), "required": []}, False),
        (closed(a={"type": "string", "default": ""}), False),
        (closed(a={"type": "string", "maxLength": 9}), False),
        (closed(a={}), False),
        (closed(a={"type": "array", "items": {"type": "object", "properties": {"b": TEXT}}}), False),
        ({**closed(a={"$ref": "#/$defs/B", "description": "b"}), "$defs": {"B": closed(b=TEXT)}}, False),
        ({**closed(a={"$ref": "#/$defs/B"}), "$defs": {"B": {"type": "object", "properties": {"b": TEXT}}}}, False),
    ],
)
def test_request_body_with_an_answer_form_is_strict_only_where_openai_takes_it(
    schema: JsonObject, strict: bool
) -> None:
    body = request_body(Completion((UserTurn("hi"),), "derive", 9, answer=Answer("form", schema)), model="m", name="n")
    assert body["response_format"]["json_schema"]["strict"] is strict


@pytest.mark.parametrize(("tools", "form"), [((), {"type": "json_object"}), ((Tool("t", "T.", closed()),), None)])
def test_request_body_without_schema_support_instructs_and_leaves_the_mode_out_with_tools(
    tools: tuple[Tool, ...], form: JsonObject | None
) -> None:
    request = Completion((UserTurn("hi"),), "derive", 9, tools=tools, answer=Answer("form", closed(a=TEXT)))
    body = request_body(request, model="m", name="n", without=["json_schema"])
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body.get("response_format") == form
