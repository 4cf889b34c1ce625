"""The smallest object a JSON Schema accepts, filled with what is known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.json import Json, JsonObject
from shared.llm.offline_english import stem

_MAX_DEPTH = 20
_TEXT = re.compile(r"answer|content|response|text|message|reply|summary|query|result|explanation|reason")
_WORD = re.compile(r"[a-zA-Z]+")


@dataclass(frozen=True, slots=True)
class _Known:
    facts: Sequence[str]
    text: str
    root: JsonObject


def filled(schema: JsonObject, facts: Sequence[str], text: str) -> JsonObject:
    """An object valid for `schema`: strings from `facts` that fit their names, or `text`; else the least allowed."""
    value = _value(schema, "", _Known(facts, text, schema), 0)
    return value if isinstance(value, dict) else {}


def _value(schema: Json, name: str, known: _Known, depth: int) -> Json:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    schema = _followed(schema, known.root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return _option(options, known)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list) and choices:
        return _value(_choice(choices, known), name, known, depth + 1)
    return _typed(schema, name, known, depth)


def _typed(schema: JsonObject, name: str, known: _Known, depth: int) -> Json:
    match _kind(schema):
        case "object":
            return _object(schema, known, depth)
        case "array":
            return _array(schema, name, known, depth)
        case "string":
            return _string(schema, name, known)
        case "integer":
            return int(_number(schema, name, known))
        case "number":
            return _number(schema, name, known)
        case "boolean":
            return bool(known.facts)
        case _:
            return None


def _followed(schema: JsonObject, root: JsonObject) -> JsonObject:
    for _ in range(_MAX_DEPTH):
        target = schema.get("$ref")
        if not isinstance(target, str) or not target.startswith("#/"):
            return schema
        found: Json = root
        for step in target[2:].split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        schema = found if isinstance(found, dict) else {}
    return {}


def _kind(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((item for item in kind if isinstance(item, str) and item != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _choice(choices: list[Json], known: _Known) -> Json:
    nothing = [choice for choice in choices if isinstance(choice, dict) and choice.get("type") == "null"]
    something = [choice for choice in choices if choice not in nothing]
    return nothing[0] if nothing and (not known.facts or not something) else something[0]


def _option(options: list[Json], known: _Known) -> Json:
    said = " ".join(known.facts).lower()
    return next((option for option in options if isinstance(option, str) and option.lower() in said), options[0])


def _object(schema: JsonObject, known: _Known, depth: int) -> JsonObject:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = schema.get("required")
    names = required if isinstance(required, list) else list(properties)
    return {name: _value(properties.get(name), name, known, depth + 1) for name in names if isinstance(name, str)}


def _array(schema: JsonObject, name: str, known: _Known, depth: int) -> list[Json]:
    least, most = schema.get("minItems"), schema.get("maxItems")
    items = schema.get("items")
    wanted = least if isinstance(least, int) else 0
    strings = isinstance(items, dict) and _kind(_followed(items, known.root)) == "string" and "enum" not in items
    found: list[Json] = list[Json](known.facts) if strings else []
    if isinstance(most, int):
        found = found[:most]
    while len(found) < wanted:
        found.append(_value(items, name, known, depth + 1))
    return found


def _string(schema: JsonObject, name: str, known: _Known) -> str:
    asked = f"{name} {schema.get('description') or ''}".lower()
    if _TEXT.search(name.lower()) or not known.facts:
        chosen = known.text
    else:
        chosen = max(known.facts, key=lambda fact: len(_stems(asked) & _stems(fact)))
    most = schema.get("maxLength")
    return chosen[:most] if isinstance(most, int) else chosen


def _number(schema: JsonObject, name: str, known: _Known) -> int | float:
    said = next((fact for fact in known.facts if _stems(name) & _stems(fact) and re.search(r"\d", fact)), "")
    number = re.search(r"-?\d+(?:\.\d+)?", said)
    value = float(number.group()) if number else 0.0
    least, most = schema.get("minimum"), schema.get("maximum")
    if isinstance(least, int | float):
        value = max(value, float(least))
    if isinstance(most, int | float):
        value = min(value, float(most))
    return int(value) if value.is_integer() else value


def _stems(text: str) -> set[str]:
    words: list[str] = _WORD.findall(text.replace("_", " "))
    return {stem(word.lower()) for word in words}
