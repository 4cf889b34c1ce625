"""JSON values as types."""

from typing import TypeAlias

Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]


def without_nul(value: Json) -> Json:
    """`value` with NUL characters taken out of every string: Postgres stores none."""
    match value:
        case str():
            return value.replace("\x00", "")
        case list():
            return [without_nul(item) for item in value]
        case dict():
            return {key.replace("\x00", ""): without_nul(item) for key, item in value.items()}
        case _:
            return value
