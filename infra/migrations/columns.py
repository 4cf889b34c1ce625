"""The words that the tables are told in."""

from typing import TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

T = TypeVar("T")
METADATA = MetaData()


def column(name: str, kind: TypeEngine[T], comment: str | None = None) -> SchemaItem:
    """A column that must not be null."""
    return Column(name, kind, nullable=False, comment=comment)


def texts(*names: str) -> list[SchemaItem]:
    return [column(name, Text()) for name in names]


def numbers(*names: str) -> list[SchemaItem]:
    return [column(name, BigInteger()) for name in names]


def integers(*names: str) -> list[SchemaItem]:
    return [column(name, Integer()) for name in names]


def flags(*names: str) -> list[SchemaItem]:
    return [column(name, Boolean()) for name in names]


def objects(*names: str) -> list[SchemaItem]:
    return [column(name, JSONB()) for name in names]


def lists(*names: str) -> list[SchemaItem]:
    return [column(name, ARRAY(Text())) for name in names]


def times(*names: str) -> list[SchemaItem]:
    return [column(name, TIMESTAMP(timezone=True)) for name in names]


def maybe(kind: TypeEngine[T], *names: str) -> list[SchemaItem]:
    """Columns that may be null."""
    return [Column(name, kind) for name in names]


def key(*columns: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*columns)


def to(table: str, columns: str, theirs: str, on_delete: str | None = None) -> ForeignKeyConstraint:
    """A foreign key; columns as a list with commas."""
    targets = [f"{table}.{column}" for column in theirs.split(", ")]
    return ForeignKeyConstraint(columns.split(", "), targets, ondelete=on_delete)


MAYBE_TIME = TIMESTAMP(timezone=True)
LIVE = text("deleted_at IS NULL")
