"""Reading what others wrote: in their JSON, what has the wrong type counts as absent."""

import json
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import cast

from shared.domain.errors import ModelUnavailable
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


def as_answer(found: object, name: str) -> JsonObject:
    """The answer of the model `name` as an SDK gives it. Raises `ModelUnavailable` when it is no JSON object."""
    # A server that forgets the content type gets its text back from the SDK.
    answer = cast(object, json.loads(found)) if isinstance(found, str) else found
    if not isinstance(answer, dict):
        raise ModelUnavailable(f"{name} answered with something else than a JSON object")
    return cast(JsonObject, answer)


def in_time(events: Iterable[object], name: str, *, ends: float) -> Iterator[object]:
    """The events of a stream. Raises `ModelUnavailable` when they go on after the moment `ends`."""
    for event in events:
        # The SDKs' timeout is for each read: a trickle could go on for ever.
        if monotonic() > ends:
            raise ModelUnavailable(f"{name} did not finish in time")
        yield event
