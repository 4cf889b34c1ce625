"""The kinds of fields that requests and answers are made of."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import core_schema

from shared.domain.clock import as_utc, iso_z
from shared.domain.json import Json, JsonObject, without_nul

MAX_METADATA_KEYS: Final = 100
MAX_METADATA_DEPTH: Final = 5
# Deeper than anyone writes by hand, shallower than what recursion or Postgres would choke on.
_MAX_JSON_DEPTH: Final = 100
_ESCAPED_NUL: Final = "\\u0000"


class Wire(BaseModel):
    """A body of the API: unknown fields are ignored, and nothing changes after parsing."""

    # Of eighty models a process needs a few, so each is built when it is first used.
    model_config = ConfigDict(frozen=True, defer_build=True)


def sound(value: object) -> JsonObject:
    """`value` if it is an object that Postgres can store, NUL characters taken out."""
    if not isinstance(value, dict):
        raise ValueError("Input should be a valid dictionary")
    given = cast(JsonObject, value)
    try:
        # One pass in C finds what JSON parsers let through and databases do not: NaN, lone surrogates, NUL.
        text = json.dumps(given, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        raise ValueError("Input should hold finite numbers and valid Unicode text only") from None
    if text.count("[") + text.count("{") > _MAX_JSON_DEPTH and _depth(given, into_lists=True) > _MAX_JSON_DEPTH:
        raise ValueError(f"Input should be nested at most {_MAX_JSON_DEPTH} levels deep")
    return cast(JsonObject, without_nul(given)) if _ESCAPED_NUL in text else given


def _metadata(value: object) -> JsonObject:
    given = sound(value)
    if len(given) > MAX_METADATA_KEYS:
        raise ValueError(f"Metadata should have at most {MAX_METADATA_KEYS} keys")
    if _depth(given, into_lists=False) > MAX_METADATA_DEPTH:
        raise ValueError(f"Metadata should be nested at most {MAX_METADATA_DEPTH} levels deep")
    return given


def _depth(value: Json, *, into_lists: bool) -> int:
    """Levels of nesting; an object without objects inside has one."""
    deepest = 0
    level: list[Json] = [value]
    while level:
        inner: list[Json] = []
        nested = False
        for item in level:
            if isinstance(item, dict):
                nested = True
                inner += item.values()
            elif isinstance(item, list) and into_lists:
                nested = True
                inner += item
        deepest += nested
        level = inner
    return deepest


def _checked_by(check: Any) -> GetPydanticSchema:
    """A schema that is nothing but `check`: pydantic's own for JSON would walk the value once more."""

    def schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(check)

    return GetPydanticSchema(schema)


def _text(text: str) -> str:
    try:
        # JSON can spell half a surrogate pair, which no encoding can write.
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("Input should be valid Unicode text") from None
    return text.replace("\x00", "")


def _utc(moment: datetime) -> datetime:
    try:
        return as_utc(moment)
    except OverflowError:
        raise ValueError("Input should be a moment between the years 1 and 9999") from None


_OBJECT: Final = WithJsonSchema({"type": "object", "additionalProperties": True})

if TYPE_CHECKING:
    Object: TypeAlias = JsonObject
    Metadata: TypeAlias = JsonObject
else:
    # The type of JSON names itself, which pydantic cannot follow at run time; the checks are all it needs.
    Object = Annotated[dict, _checked_by(sound), _OBJECT]
    Metadata = Annotated[dict, _checked_by(_metadata), _OBJECT]

Text = Annotated[str, AfterValidator(_text)]
"""Text to be stored or looked for; Postgres knows no NUL."""


@dataclass(frozen=True, slots=True)
class Letters:
    """How long a `Text` may be. A plain bound, checked behind a validator, would speak of "items" in a text."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        bounded = core_schema.str_schema(min_length=self.least, max_length=self.most)
        return core_schema.chain_schema([handler(source), bounded])

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "minLength": self.least, "maxLength": self.most}


Name = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[a-zA-Z0-9_-]+$")]
"""The id of a workspace, peer or session to be made."""

Known = TypeVar("Known", bound=str)
Open: TypeAlias = Known | str
"""One of the values in an answer that this release knows, or a later one's: its workers may be here before its API is,
and stay after it was rolled back. In a request the closed type stands: what nobody knows is refused there."""

GivenMoment = Annotated[datetime, AfterValidator(_utc)]

Moment = Annotated[
    datetime,
    PlainSerializer(iso_z, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment in an answer: UTC with `Z`, microseconds only when there are any."""
