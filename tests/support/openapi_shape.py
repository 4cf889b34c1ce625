"""An OpenAPI document as plain facts: operations, parameters, fields, types and bounds; no texts.

`python -m tests.support.openapi_shape < document.json` writes the facts as JSON: so was made what the comparison in
`tests/contract/test_openapi.py` reads.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any, cast

Schema = dict[str, Any]
_BOUNDS = (
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "pattern",
    "format",
    "enum",
    "default",
)
_METHODS = ("get", "put", "post", "delete", "patch")


def facts(document: Schema) -> dict[str, str]:
    """What the document says, as `place: what is there`. A place names its operation first."""
    return dict(_Reader(document).facts())


class _Reader:
    def __init__(self, document: Schema) -> None:
        self._document = document

    def facts(self) -> Iterator[tuple[str, str]]:
        for path, item in cast(dict[str, Schema], self._document["paths"]).items():
            for method in _METHODS:
                if method in item:
                    yield from self._operation(f"{method.upper()} {path}", item[method])

    def _operation(self, name: str, operation: Schema) -> Iterator[tuple[str, str]]:
        yield name, "operation"
        for parameter in cast(list[Schema], operation.get("parameters", [])):
            place = f"{name} {parameter['in']} {parameter['name']}"
            yield from self._schema(place, parameter.get("schema", {}), is_required=parameter.get("required", False))
        body: Schema | None = operation.get("requestBody")
        if body is not None:
            for media, content in cast(dict[str, Schema], body["content"]).items():
                place = f"{name} body {media}"
                yield from self._schema(place, content.get("schema", {}), is_required=body.get("required", False))
        for status, response in cast(dict[str, Schema], operation["responses"]).items():
            yield f"{name} answer {status}", "answer"
            for media, content in cast(dict[str, Schema], response.get("content", {})).items():
                yield from self._schema(f"{name} answer {status} {media}", content.get("schema", {}), is_required=True)

    def _schema(self, place: str, schema: Schema, *, is_required: bool) -> Iterator[tuple[str, str]]:
        options = self._options(schema)
        bounds = {key: value for option in [schema, *options] for key, value in option.items() if key in _BOUNDS}
        types = sorted({_type(option) for option in options})
        shown = [" or ".join(types), *(f"{key}={_number(bounds[key])}" for key in _BOUNDS if key in bounds)]
        yield place, ", ".join([*shown, *(["required"] if is_required else [])])
        for option in options:
            yield from self._inside(place, option)

    def _inside(self, place: str, option: Schema) -> Iterator[tuple[str, str]]:
        required = cast(list[str], option.get("required", []))
        for field, inner in cast(dict[str, Schema], option.get("properties", {})).items():
            yield from self._schema(f"{place}.{field}", inner, is_required=field in required)
        if "items" in option:
            yield from self._schema(f"{place}[]", option["items"], is_required=True)
        extra = option.get("additionalProperties")
        if isinstance(extra, dict) and extra:
            yield from self._schema(f"{place}.*", cast(Schema, extra), is_required=True)

    def _options(self, schema: Schema) -> list[Schema]:
        """The schema without references, one for each alternative."""
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            return self._options(self._document["components"]["schemas"][name])
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return [option for inner in cast(list[Schema], schema[word]) for option in self._options(inner)]
        return [schema]


def _type(option: Schema) -> str:
    return str(option.get("type", "constant" if "const" in option else "anything"))


def _number(value: object) -> object:
    """Whole numbers are written alike whether or not they came with a point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


if __name__ == "__main__":
    json.dump(facts(json.load(sys.stdin)), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
