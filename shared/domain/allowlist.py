"""The sessions that an answer may rest on, as the caller lists them."""

from collections.abc import Mapping
from typing import Final

from shared.domain.errors import FilterError, Invalid
from shared.domain.json import Json

MAX_SESSIONS: Final = 1000


def allowlist(filters: Mapping[str, Json] | None, session: str | None) -> tuple[str, ...] | None:
    """The sessions named by `filters` and `session`; None when nothing is narrowed.

    `filters` knows only the key `session_id`: a string, a list, or `{"in": [...]}`. A `session` given beside
    it must be among them. Raises `FilterError` or `Invalid`.
    """
    if filters is None:
        return None if session is None else (session,)
    listed = _listed(filters)
    if session is None:
        return listed
    if session not in listed:
        raise Invalid("session_id must be among the sessions of filters.session_id")
    return (session,)


def _listed(filters: Mapping[str, Json]) -> tuple[str, ...]:
    for key in filters:
        if key != "session_id":
            raise FilterError(f"filters.{key[:80]}: only session_id narrows what an answer may rest on")
    if not filters:
        raise FilterError("filters must have the key session_id")
    value = filters["session_id"]
    if isinstance(value, dict):
        if set(value) != {"in"}:
            raise FilterError("filters.session_id knows the operator in and no other")
        value = value["in"]
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > MAX_SESSIONS:
        raise FilterError(f"filters.session_id must be a session id or a list of at most {MAX_SESSIONS}")
    sessions = [item for item in items if isinstance(item, str) and item != "*"]
    if len(sessions) < len(items):
        raise FilterError("filters.session_id must list session ids, and no wildcard")
    return tuple(dict.fromkeys(sessions))
