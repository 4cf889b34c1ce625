"""The parameters of one request of the JSON protocol, read with the types they must have."""

import json
from collections.abc import Mapping
from typing import cast

from infra.local.sqs_errors import (
    BatchEntryIdsNotDistinct,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    InvalidParameterValue,
    MissingParameter,
    SerializationException,
    TooManyEntriesInBatchRequest,
)

MAX_ENTRIES = 10
_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


class Parameters:
    """A JSON object of a request; reading a member of the wrong type is a SerializationException."""

    def __init__(self, members: Mapping[str, object]) -> None:
        self._members = members

    @classmethod
    def from_body(cls, body: bytes) -> "Parameters":
        try:
            members: object = json.loads(body or b"{}")
        except ValueError as error:
            raise SerializationException from error
        return cls(_object(members))

    def text(self, name: str) -> str:
        """A required text; an empty one counts as missing, as it does for the service."""
        value = self.optional_text(name)
        if not value:
            raise MissingParameter(name)
        return value

    def optional_text(self, name: str) -> str | None:
        value = self._members.get(name)
        if value is not None and not isinstance(value, str):
            raise SerializationException(f"{name} must be a string")
        return value

    def number(self, name: str, *, low: int, high: int) -> int | None:
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise SerializationException(f"{name} must be an integer")
        if not low <= value <= high:
            raise InvalidParameterValue.of(name, value, f"Must be between {low} and {high}, if provided.")
        return value

    def texts(self, name: str) -> list[str]:
        items = self._list(name)
        if not all(isinstance(item, str) for item in items):
            raise SerializationException(f"{name} must be a list of strings")
        return cast("list[str]", items)

    def text_map(self, name: str) -> dict[str, str]:
        members = _object(self._members.get(name) or {})
        if not all(isinstance(value, str) for value in members.values()):
            raise SerializationException(f"{name} must be a map of strings")
        return cast("dict[str, str]", members)

    def object_map(self, name: str) -> dict[str, "Parameters"]:
        members = _object(self._members.get(name) or {})
        return {key: Parameters(_object(value)) for key, value in members.items()}

    def entries(self) -> list[tuple[str, "Parameters"]]:
        """The entries of a batch request by id, refused as a whole when their number or their ids are wrong."""
        entries = [Parameters(_object(entry)) for entry in self._list("Entries")]
        if not entries:
            raise EmptyBatchRequest("There should be at least one entry in the request.")
        if len(entries) > MAX_ENTRIES:
            raise TooManyEntriesInBatchRequest(
                f"Maximum number of entries per request are {MAX_ENTRIES}. You have sent {len(entries)}."
            )
        ids = [entry.text("Id") for entry in entries]
        for entry_id in ids:
            if len(entry_id) > 80 or not _ID_CHARACTERS.issuperset(entry_id):
                raise InvalidBatchEntryId
        if len(set(ids)) < len(ids):
            repeated = next(entry_id for entry_id in ids if ids.count(entry_id) > 1)
            raise BatchEntryIdsNotDistinct(f"Id {repeated} repeated.")
        return list(zip(ids, entries, strict=True))

    def _list(self, name: str) -> list[object]:
        value = self._members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise SerializationException(f"{name} must be a list")
        return cast("list[object]", value)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SerializationException
    return cast("dict[str, object]", value)
