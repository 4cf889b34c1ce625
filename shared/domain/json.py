"""JSON values as types."""

from collections.abc import Callable
from typing import TypeAlias

Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]


def each_text(value: Json, change: Callable[[str], str]) -> Json:
    """`value` with every string in it, keys too, changed."""
    match value:
        case str():
            return change(value)
        case list():
            return [each_text(item, change) for item in value]
        case dict():
            return {change(key): each_text(item, change) for key, item in value.items()}
        case _:
            return value


def without_nul(value: Json) -> Json:
    """`value` with NUL characters taken out of every string: Postgres stores none."""
    return each_text(value, lambda text: text.replace("\x00", ""))


def encodable(text: str) -> str:
    """`text` with the halves of surrogate pairs joined, and one that is alone replaced: no encoding can write it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
