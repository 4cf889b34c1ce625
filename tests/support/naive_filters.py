"""The filter language as its description reads, over plain rows: slow, simple, and written apart from the product.

Knows nothing of trees or SQL. What the description leaves to Postgres (the text form of JSON) is spelled out here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, cast

Column = Literal["text", "number", "moment", "metadata"]
Row = Mapping[str, Any]
_OPERATORS = {"gte", "lte", "gt", "lt", "ne", "in", "contains", "icontains"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Refused(Exception):
    """The filter is not valid."""


@dataclass(frozen=True)
class Dropped:
    """A condition that says nothing."""


Verdict = bool | None | Dropped
"""True, false, unknown as SQL knows it, or no condition at all."""


def matches(given: Mapping[str, Any], row: Row, columns: Mapping[str, Column]) -> bool:
    """Whether `row` is in the result. Raises `Refused`."""
    verdict = _all_of(given, row, columns, 0)
    return True if isinstance(verdict, Dropped) else verdict is True


def _all_of(given: Mapping[str, Any], row: Row, columns: Mapping[str, Column], depth: int) -> Verdict:
    return _and(
        _logical(key, value, row, columns, depth + 1)
        if key in ("AND", "OR", "NOT")
        else _field(key, value, row, columns)
        for key, value in given.items()
    )


def _logical(word: str, given: Any, row: Row, columns: Mapping[str, Column], depth: int) -> Verdict:
    if depth > 5 or not isinstance(given, list):
        raise Refused
    verdicts: list[Verdict] = []
    for member in cast(list[Any], given):
        if not isinstance(member, dict):
            raise Refused
        verdicts.append(_all_of(cast(dict[str, Any], member), row, columns, depth))
    kept = [verdict for verdict in verdicts if not isinstance(verdict, Dropped)]
    if not kept:
        return Dropped()
    if word == "AND":
        return _and(kept)
    if word == "OR":
        return True if True in kept else None if None in kept else False
    return not any(verdict is True for verdict in kept)


def _and(verdicts: Any) -> Verdict:
    kept: list[Verdict] = [verdict for verdict in verdicts if not isinstance(verdict, Dropped)]
    if not kept:
        return Dropped()
    return False if False in kept else None if None in kept else True


def _field(name: str, given: Any, row: Row, columns: Mapping[str, Column]) -> Verdict:
    kind = columns.get(name)
    if kind is None:
        raise Refused
    if given == "*":
        return Dropped()
    if kind == "metadata":
        return _metadata(given, row[name])
    if isinstance(given, list):
        return _compare("in", given, row[name], kind)
    if not isinstance(given, dict):
        return _compare("eq", given, row[name], kind)
    operands = cast(dict[str, Any], given)
    if not operands.keys() <= _OPERATORS:
        raise Refused
    # Every operand is looked at, even beside one that decides.
    return _and([_compare(operator, operand, row[name], kind) for operator, operand in operands.items()])


def _compare(operator: str, operand: Any, value: Any, kind: Column) -> Verdict:
    if operand == "*":
        return Dropped()
    if operand is None:
        if operator not in ("eq", "ne"):
            raise Refused
        return (value is None) == (operator == "eq")
    if operator == "in":
        if not isinstance(operand, list):
            raise Refused
        items = cast(list[Any], operand)
        if "*" in items:
            return Dropped()
        wanted = [_typed(item, kind) for item in items]
        return None if value is None and wanted else value in wanted
    if operator in ("contains", "icontains"):
        if kind != "text" or not isinstance(operand, str):
            raise Refused
        return None if value is None else operand.lower() in value.lower()
    wanted = _typed(operand, kind)
    if operator == "ne":
        return value != wanted
    return None if value is None else _ordered("eq" if operator == "eq" else operator, value, wanted)


def _typed(operand: Any, kind: Column) -> Any:
    if isinstance(operand, bool):
        raise Refused
    if kind == "text" and isinstance(operand, str):
        return operand
    if kind == "number" and isinstance(operand, int | float | str) and _NUMBER.fullmatch(str(operand).strip()):
        return Decimal(str(operand).strip())
    if kind == "moment" and isinstance(operand, str):
        try:
            moment = datetime.fromisoformat(operand)
        except ValueError:
            raise Refused from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    raise Refused


def _ordered(operator: str, left: Any, right: Any) -> bool:
    return {
        "eq": left == right,
        "ne": left != right,
        "gt": left > right,
        "gte": left >= right,
        "lt": left < right,
        "lte": left <= right,
    }[operator]


def _metadata(given: Any, stored: Mapping[str, Any]) -> Verdict:
    if not isinstance(given, dict):
        raise Refused
    return _and([_key(key, value, stored) for key, value in cast(dict[str, Any], given).items()])


def _key(key: str, given: Any, stored: Mapping[str, Any]) -> Verdict:
    if key in _OPERATORS:
        if key not in ("contains", "icontains") or not isinstance(given, dict):
            raise Refused
        return _within(cast(dict[str, Any], given), stored)
    if given == "*":
        return Dropped()
    if isinstance(given, dict) and given and cast(dict[str, Any], given).keys() <= _OPERATORS:
        operands = cast(dict[str, Any], given)
        return _and([_compare_key(operator, operand, key, stored) for operator, operand in operands.items()])
    return _within({key: given}, stored)


def _compare_key(operator: str, operand: Any, key: str, stored: Mapping[str, Any]) -> Verdict:
    if operand == "*":
        return Dropped()
    value = stored.get(key)
    text = None if value is None else _text(value)
    if operator == "in":
        if not isinstance(operand, list):
            raise Refused
        items = cast(list[Any], operand)
        if "*" in items:
            return Dropped()
        wanted = [_scalar_text(item) for item in items]
        return None if text is None and wanted else text in wanted
    wanted_text = _scalar_text(operand)
    if text is None:
        return None
    if operator in ("contains", "icontains"):
        return wanted_text.lower() in text.lower()
    if isinstance(operand, bool) or not _NUMBER.fullmatch(wanted_text.strip()):
        return _ordered(operator, text.encode(), wanted_text.encode())
    if not _NUMBER.fullmatch(text):
        return None
    return _ordered(operator, Decimal(text), Decimal(wanted_text.strip()))


def _scalar_text(operand: Any) -> str:
    if operand is None or isinstance(operand, dict | list):
        raise Refused
    return _text(operand)


def _text(value: Any) -> str:
    """A stored value as text, as Postgres writes JSON: a space after each comma and colon."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + ", ".join(_quoted(item) for item in cast(list[Any], value)) + "]"
    if isinstance(value, dict):
        # Postgres keeps the keys of an object by length, then by bytes.
        pairs = sorted(cast(dict[str, Any], value).items(), key=lambda pair: (len(pair[0].encode()), pair[0].encode()))
        return "{" + ", ".join(f'"{key}": {_quoted(item)}' for key, item in pairs) + "}"
    return format(Decimal(str(value)), "f")


def _quoted(value: Any) -> str:
    return "null" if value is None else f'"{value}"' if isinstance(value, str) else _text(value)


def _within(part: Any, whole: Any) -> bool:
    """Whether `whole` includes `part`, types and all: objects key by key, lists as sets, an item for its list."""
    if isinstance(part, dict):
        wanted = cast(dict[str, Any], part)
        return isinstance(whole, dict) and all(
            key in whole and _within(item, cast(dict[str, Any], whole)[key]) for key, item in wanted.items()
        )
    if isinstance(part, list):
        items = cast(list[Any], part)
        return isinstance(whole, list) and all(
            any(_within(item, other) for other in cast(list[Any], whole)) for item in items
        )
    if isinstance(part, bool) or isinstance(whole, bool):
        return part is whole
    if isinstance(part, int | float) and isinstance(whole, int | float):
        return part == whole
    return isinstance(part, str | None) and type(part) is type(whole) and part == whole
