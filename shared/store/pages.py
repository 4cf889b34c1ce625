"""One page of an ordered query, with its total."""

from collections.abc import Mapping
from typing import LiteralString, TypeAlias, TypeVar

from psycopg import sql
from psycopg.rows import RowFactory

from shared.domain.page import Page, PageRequest
from shared.store.conditions import Condition
from shared.store.database import Connection

T = TypeVar("T")
Order: TypeAlias = Mapping[LiteralString, bool]
"""Columns to sort by, in order; True for ascending."""


def select_page(
    conn: Connection,
    columns: LiteralString,
    source: LiteralString,
    where: Condition,
    order: Order,
    request: PageRequest,
    rows: RowFactory[T],
) -> Page[T]:
    """The rows of `source` that meet `where`, one page of them."""
    counted = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.SQL(source), where.text)
    chosen = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT %(page_size)s OFFSET %(page_offset)s").format(
        sql.SQL(columns), sql.SQL(source), where.text, _ordering(order, request.is_reversed)
    )
    total = conn.execute(counted, where.params)
    with conn.cursor(row_factory=rows) as cursor:
        cursor.execute(chosen, {**where.params, "page_size": request.size, "page_offset": request.offset})
        items = cursor.fetchall()
    row = total.fetchone()
    return Page(items, int(row[0]) if row else 0)


def _ordering(order: Order, is_reversed: bool) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.SQL(column), sql.SQL("ASC" if ascending != is_reversed else "DESC"))
        for column, ascending in order.items()
    )
