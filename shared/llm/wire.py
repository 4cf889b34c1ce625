"""Reading JSON that others wrote: what has the wrong type counts as absent."""

import json
from typing import cast

from shared.domain.json import Json, JsonObject


def as_object(value: object) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def as_int(value: Json) -> int:
    return int(value) if isinstance(value, int | float) else 0


def as_text(content: Json) -> str:
    """Text, or the text parts of a list of parts."""
    if isinstance(content, list):
        return "".join(as_text(as_object(part).get("text")) for part in content)
    return content if isinstance(content, str) else ""


def as_arguments(written: Json) -> JsonObject | None:
    """The arguments of a tool call: an object, or one written as text; None for anything else."""
    try:
        value = cast(Json, json.loads(written)) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
