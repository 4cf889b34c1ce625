"""The filter language of the API: JSON in; a typed tree out, or a `FilterError` that names the place.

Conditions that say nothing (`"*"`, an empty object, an empty list of alternatives) leave no trace in the tree.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Final, TypeAlias, cast

from shared.domain.clock import as_utc
from shared.domain.conclusion import LEVELS
from shared.domain.errors import FilterError
from shared.domain.filter_tree import (
    All,
    AnyOf,
    Compare,
    CompareKey,
    Filter,
    Includes,
    NoneOf,
    Operator,
    Scalar,
    SeenBy,
)
from shared.domain.json import Json

MAX_DEPTH: Final = 5
# Each is a part of one statement: tens of thousands would be more than Postgres takes, or seconds of its time.
MAX_CONDITIONS: Final = 1000
_WILDCARD: Final = "*"
_LOGICAL: Final = ("AND", "OR", "NOT")
_OPERATORS: Final[Mapping[str, Operator]] = {
    "ne": "ne",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "in": "in",
    "contains": "contains",
    "icontains": "contains",
}
_NUMERIC: Final = re.compile(r"[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?", re.ASCII)


class Kind(Enum):
    """What a column holds, and so which operands it takes."""

    TEXT = "a string"
    FLAG = "true or false"
    NUMBER = "a number"
    MOMENT = "an ISO 8601 date or time"
    LEVEL = "one of " + ", ".join(LEVELS)
    LIST = "a string or a list of strings"
    METADATA = "an object"
    PERSPECTIVE = "a peer id"


Columns: TypeAlias = Mapping[str, Kind]

_ROW: Final[Columns] = {"id": Kind.TEXT, "created_at": Kind.MOMENT, "metadata": Kind.METADATA}
WORKSPACES: Final[Columns] = _ROW
PEERS: Final[Columns] = {**_ROW, "workspace_id": Kind.TEXT}
SESSIONS: Final[Columns] = {**PEERS, "is_active": Kind.FLAG}
MESSAGES: Final[Columns] = {
    "workspace_id": Kind.TEXT,
    "session_id": Kind.TEXT,
    "peer_id": Kind.TEXT,
    "token_count": Kind.NUMBER,
    "created_at": Kind.MOMENT,
    "metadata": Kind.METADATA,
}
SEARCHED_MESSAGES: Final[Columns] = {**MESSAGES, "peer_perspective": Kind.PERSPECTIVE}
CONCLUSIONS: Final[Columns] = {
    **dict.fromkeys(
        ("id", "workspace_id", "session_id", "session_name", "observer_id", "observer", "observed_id", "observed"),
        Kind.TEXT,
    ),
    "content": Kind.TEXT,
    "sync_state": Kind.TEXT,
    "level": Kind.LEVEL,
    "times_derived": Kind.NUMBER,
    "created_at": Kind.MOMENT,
    "deleted_at": Kind.MOMENT,
    "source_ids": Kind.LIST,
    "metadata": Kind.METADATA,
}


def parse(given: Mapping[str, Json] | None, columns: Columns) -> Filter | None:
    """The tree of `given` over `columns`; None when it sets no condition. Raises `FilterError`."""
    tree = _Parser(columns).members_of(given or {}, "filters", 0)
    if tree is not None and _conditions(tree) > MAX_CONDITIONS:
        raise FilterError(f"filters: at most {MAX_CONDITIONS} conditions may be set; an 'in' is one, whatever its list")
    return tree


def _conditions(tree: Filter) -> int:
    match tree:
        case All(members) | AnyOf(members) | NoneOf(members):
            return sum(map(_conditions, members))
        case _:
            return 1


class _Parser:
    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def members_of(self, given: Mapping[str, Json], path: str, depth: int) -> Filter | None:
        return _all(
            self._logical(key, value, f"{path}.{key}", depth + 1)
            if key in _LOGICAL
            else self._field(key, value, f"{path}.{key[:80]}")
            for key, value in given.items()
        )

    def _logical(self, word: str, given: Json, path: str, depth: int) -> Filter | None:
        if depth > MAX_DEPTH:
            raise FilterError(f"{path}: AND, OR and NOT may be nested {MAX_DEPTH} deep")
        if not isinstance(given, list):
            raise FilterError(f"{path} must be a list of objects")
        members: list[Filter] = []
        for place, item in enumerate(given):
            if not isinstance(item, dict):
                raise FilterError(f"{path}[{place}] must be an object")
            member = self.members_of(item, f"{path}[{place}]", depth)
            if member is not None:
                members.append(member)
        if word == "NOT":
            return NoneOf(tuple(members)) if members else None
        if word == "OR":
            return (members[0] if len(members) == 1 else AnyOf(tuple(members))) if members else None
        return _all(members)

    def _field(self, column: str, value: Json, path: str) -> Filter | None:
        kind = self._columns.get(column)
        if kind is None:
            raise FilterError(f"{path}: there is no such column to filter by")
        if value == _WILDCARD:
            return None
        match kind:
            case Kind.METADATA:
                return _metadata(value, path)
            case Kind.PERSPECTIVE:
                return SeenBy(cast(str, _operand(kind, value, path)))
            case _:
                return _column(column, kind, value, path)


def _column(column: str, kind: Kind, value: Json, path: str) -> Filter | None:
    if not isinstance(value, dict):
        operator: Operator = "in" if isinstance(value, list) and kind is not Kind.LIST else "eq"
        return _condition(column, kind, operator, value, path)
    conditions: list[Filter | None] = []
    for name, operand in value.items():
        place = f"{path}.{name[:80]}"
        if name not in _OPERATORS:
            raise FilterError(f"{place}: there is no such operator")
        conditions.append(_condition(column, kind, _OPERATORS[name], operand, place))
    return _all(conditions)


def _condition(column: str, kind: Kind, operator: Operator, value: Json, path: str) -> Filter | None:
    if value == _WILDCARD:
        return None
    if value is None:
        if operator in ("eq", "ne"):
            return Compare(column, operator, None)
        raise FilterError(f"{path} cannot be null")
    if kind is Kind.LIST:
        return _list_condition(column, operator, value, path)
    match operator:
        case "in":
            items = _listed(value, path)
            return None if items is None else Compare(column, "in", tuple(_operand(kind, i, path) for i in items))
        case "contains" if kind not in (Kind.TEXT, Kind.LEVEL):
            raise FilterError(f"{path}: only text can be searched for a part")
        case _:
            return Compare(column, operator, _operand(kind, value, path))


def _list_condition(column: str, operator: Operator, value: Json, path: str) -> Filter:
    """A list column knows two questions: whether it holds certain strings, and whether it is exactly these."""
    strings = [value] if isinstance(value, str) else value
    if operator not in ("contains", "eq") or not isinstance(strings, list):
        raise FilterError(f"{path} must be {{'contains': {Kind.LIST.value}}}")
    operand = tuple(cast(str, _operand(Kind.TEXT, item, path)) for item in strings)
    return Compare(column, operator, operand)


def _listed(value: Json, path: str) -> list[Json] | None:
    """The list of an `in`; None when a wildcard in it makes the condition void."""
    if not isinstance(value, list):
        raise FilterError(f"{path} must be a list")
    return None if _WILDCARD in value else value


def _operand(kind: Kind, value: Json, path: str) -> Scalar:
    match kind, value:
        case Kind.FLAG, bool():
            return value
        case Kind.NUMBER, int() | float() | str() if not isinstance(value, bool):
            number = _number(str(value))
            if number is not None:
                return number
        case Kind.MOMENT, str():
            return _moment(value, path)
        case Kind.LEVEL, str() if value not in LEVELS:
            pass
        case Kind.TEXT | Kind.LEVEL | Kind.PERSPECTIVE, str():
            return value
        case _:
            pass
    raise FilterError(f"{path} must be {kind.value}")


def _number(text: str) -> Decimal | None:
    return Decimal(text.strip()) if _NUMERIC.fullmatch(text.strip()) else None


def _moment(text: str, path: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise FilterError(f"{path} must be {Kind.MOMENT.value}") from None


def _metadata(value: Json, path: str) -> Filter | None:
    if not isinstance(value, dict):
        raise FilterError(f"{path} must be {Kind.METADATA.value}")
    return _all(_key(key, item, f"{path}.{key[:80]}") for key, item in value.items())


def _key(key: str, value: Json, path: str) -> Filter | None:
    if key in _OPERATORS:
        if _OPERATORS[key] == "contains" and isinstance(value, dict):
            return Includes(value)
        raise FilterError(f"{path}: metadata as a whole can only be asked whether it contains an object")
    if value == _WILDCARD:
        return None
    if isinstance(value, dict) and value and value.keys() <= _OPERATORS.keys():
        return _all(_key_condition(key, _OPERATORS[name], item, f"{path}.{name}") for name, item in value.items())
    return Includes({key: value})


def _key_condition(key: str, operator: Operator, value: Json, path: str) -> Filter | None:
    if value == _WILDCARD:
        return None
    if operator == "in":
        items = _listed(value, path)
        return None if items is None else CompareKey(key, "in", tuple(_text_form(item, path) for item in items))
    text = _text_form(value, path)
    number = None if operator == "contains" or isinstance(value, bool) else _number(text)
    return CompareKey(key, operator, text if number is None else number)


def _text_form(value: Json, path: str) -> str:
    """A scalar as Postgres writes it when it takes a JSON value as text."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            # Python writes 1e+20 where Postgres writes all the digits.
            return format(Decimal(str(value)), "f")
        case str():
            return value
        case _:
            raise FilterError(f"{path} must be a string, a number or a boolean")


def _all(members: Iterable[Filter | None]) -> Filter | None:
    kept = tuple(member for member in members if member is not None)
    return kept[0] if len(kept) == 1 else All(kept) if kept else None
