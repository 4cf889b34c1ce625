"""The JSON Schemas a caller may ask an answer to follow, and answers made to follow them."""

from typing import TypeGuard

from shared.domain.errors import Invalid
from shared.domain.json import Json, JsonObject

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_REFUSED = ("allOf", "not", "if", "then", "else", "patternProperties")
_DEFINITIONS = ("$defs", "definitions")
_MOST_NODES = 500
_MAX_DEPTH = 20


class Mismatch(Exception):
    """An answer does not follow its schema; the text says where, in words for who wrote the answer."""


def compiled(schema: JsonObject) -> JsonObject:
    """`schema` with its references replaced by what they mean. Raises `Invalid` for what is not supported."""
    whole = _Compiler(schema).node({k: v for k, v in schema.items() if k not in (*_DEFINITIONS, "$schema")}, (), 0)
    if whole.get("type") != "object":
        raise Invalid("response_format: the root must be of type object")
    return whole


class _Compiler:
    """One pass over a schema; counts what it visits, because references can make a small schema huge."""

    def __init__(self, root: JsonObject) -> None:
        self._definitions: JsonObject = {}
        for place in _DEFINITIONS:
            found = root.get(place)
            if isinstance(found, dict):
                self._definitions |= {f"#/{place}/{name}": definition for name, definition in found.items()}
        self._nodes = 0

    def node(self, schema: Json, inside: tuple[str, ...], depth: int) -> JsonObject:
        self._nodes += 1
        if self._nodes > _MOST_NODES or depth > _MAX_DEPTH:
            raise Invalid(f"response_format: more than {_MOST_NODES} parts or deeper than {_MAX_DEPTH}")
        if not isinstance(schema, dict):
            raise Invalid("response_format: every schema must be an object")
        if "$ref" in schema:
            return self._referenced(schema, inside, depth)
        _check_keywords(schema)
        flat = dict(schema)
        properties, items = schema.get("properties"), schema.get("items")
        if isinstance(properties, dict):
            flat["properties"] = {name: self.node(part, inside, depth + 1) for name, part in properties.items()}
        if items is not None:
            flat["items"] = self.node(items, inside, depth + 1)
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if isinstance(options, list):
                flat[key] = [self.node(option, inside, depth + 1) for option in options]
        return flat

    def _referenced(self, schema: JsonObject, inside: tuple[str, ...], depth: int) -> JsonObject:
        reference = str(schema["$ref"])
        target = self._definitions.get(reference)
        if not isinstance(target, dict):
            raise Invalid("response_format: a $ref must lead to the root's $defs or definitions")
        if reference in inside:
            raise Invalid("response_format: recursive schemas are not supported")
        siblings: JsonObject = {key: value for key, value in schema.items() if key != "$ref"}
        return self.node({**target, **siblings}, (*inside, reference), depth)


def _check_keywords(schema: JsonObject) -> None:
    for key in (*_REFUSED, *_DEFINITIONS):
        if key in schema:
            raise Invalid(f"response_format: {key} is not supported here")
    if not isinstance(schema.get("additionalProperties", False), bool):
        raise Invalid("response_format: additionalProperties must be true or false")
    members = schema.get("enum")
    if members is not None and not _is_plain_enum(members):
        raise Invalid("response_format: enum must list strings, integers, booleans or null")
    if not (set(_types(schema)) & set(_TYPES) or members is not None or "anyOf" in schema or "oneOf" in schema):
        raise Invalid("response_format: a schema needs a type, an enum, anyOf or oneOf")


def _is_plain_enum(members: Json) -> TypeGuard[list[Json]]:
    return isinstance(members, list) and all(one is None or isinstance(one, str | int) for one in members)


def _types(schema: JsonObject) -> list[str]:
    given = schema.get("type")
    return [str(one) for one in given] if isinstance(given, list) else [given] if isinstance(given, str) else []


def conform(value: Json, schema: JsonObject, at: str = "answer") -> Json:
    """`value` as the compiled `schema` has it: keys it does not name dropped, optional ones filled in.

    A property that is missing gets its default, else null. Raises `Mismatch`.
    """
    if value is None and schema.get("nullable") is True:
        return None
    for key in ("anyOf", "oneOf"):
        options = schema.get(key)
        if isinstance(options, list):
            return _first_fit(value, [option for option in options if isinstance(option, dict)], at)
    members = schema.get("enum")
    if isinstance(members, list):
        if not any(type(one) is type(value) and one == value for one in members):
            raise Mismatch(f"{at} must be one of {members}.")
        return value
    types = _types(schema)
    for name in types:
        if _is_of(value, name):
            return _filled(value, schema, name, at)
    raise Mismatch(f"{at} must be of type {' or '.join(types)}.")


def _first_fit(value: Json, options: list[JsonObject], at: str) -> Json:
    problems: list[str] = []
    for option in options:
        try:
            return conform(value, option, at)
        except Mismatch as problem:
            problems.append(str(problem))
    raise Mismatch(" Or: ".join(problems) or f"{at} fits nothing.")


def _filled(value: Json, schema: JsonObject, name: str, at: str) -> Json:
    match name, value:
        case "object", dict():
            return _object(value, schema, at)
        case "array", list() if isinstance(items := schema.get("items"), dict):
            return [conform(item, items, f"{at}[{place}]") for place, item in enumerate(value)]
        case "integer", float():
            return int(value)
        case _:
            return value


def _object(value: JsonObject, schema: JsonObject, at: str) -> JsonObject:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return value
    required = schema.get("required")
    made: JsonObject = {}
    for name, part in properties.items():
        if not isinstance(part, dict):
            continue
        if name in value:
            made[name] = conform(value[name], part, f"{at}.{name}")
        elif isinstance(required, list) and name in required:
            raise Mismatch(f"{at}.{name} is missing.")
        else:
            made[name] = part.get("default")
    return made


def _is_of(value: Json, name: str) -> bool:
    match value:
        case None:
            return name == "null"
        case bool():
            return name == "boolean"
        case str():
            return name == "string"
        case int():
            return name in ("integer", "number")
        case float():
            return name == "number" or (name == "integer" and value.is_integer())
        case list():
            return name == "array"
        case dict():
            return name == "object"
