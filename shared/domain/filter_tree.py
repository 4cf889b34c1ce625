"""Filters as a typed tree, whoever runs them: SQL today, the query language of a vector index as well."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from shared.domain.json import JsonObject

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "contains"]
Scalar: TypeAlias = str | bool | Decimal | datetime


@dataclass(frozen=True, slots=True)
class All:
    """True when every member is."""

    members: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when a member is."""

    members: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """True when no member is; an unknown one counts as not true."""

    members: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A column against an operand; None only with `eq` and `ne`, a tuple only with `in` and for lists."""

    column: str
    operator: Operator
    operand: Scalar | tuple[Scalar, ...] | None


@dataclass(frozen=True, slots=True)
class CompareKey:
    """The text form of a first-level metadata key against an operand; a `Decimal` compares as a number."""

    key: str
    operator: Operator
    operand: str | Decimal | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Includes:
    """The metadata includes `part`, as Postgres' `@>` has it."""

    part: JsonObject


@dataclass(frozen=True, slots=True)
class SeenBy:
    """The message fell into a time in which this peer was a member of its session."""

    peer: str


Filter: TypeAlias = All | AnyOf | NoneOf | Compare | CompareKey | Includes | SeenBy
