"""Taking away a whole workspace: whatever table says that a row belongs to it, read from the catalogue."""

from graphlib import TopologicalSorter
from typing import LiteralString

from psycopg import sql

from shared.store.database import Connection

DEACTIVATE: LiteralString = "UPDATE sessions SET is_active = false WHERE workspace = %(workspace)s AND is_active"


def deactivate_sessions(conn: Connection, workspace: str) -> None:
    """Let no work on any session begin: those made after the deletion was accepted go with the others."""
    conn.execute(DEACTIVATE, {"workspace": workspace})


# A table that is added later, by a revision or for another embedding space, needs no mention here. The books stay: they
# hold numbers and nothing that was said, and no budget shall begin anew when a workspace is deleted and made again.
TABLES: LiteralString = """
SELECT c.relname::text,
       coalesce(array_agg(p.relname::text) FILTER (WHERE p.oid <> c.oid), '{}')
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'workspace' AND NOT a.attisdropped
  LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'f'
  LEFT JOIN pg_class AS p ON p.oid = k.confrelid
 WHERE c.relkind = 'r' AND pg_table_is_visible(c.oid)
   AND c.relname NOT IN ('model_calls', 'usage_days', 'budgets', 'spending', 'reservations')
 GROUP BY c.relname
"""


def tables(conn: Connection) -> list[str]:
    """The tables that hold rows of workspaces, those that refer to others before these."""
    referred = {name: set(parents) for name, parents in conn.execute(TABLES)}
    ordered = TopologicalSorter(referred).static_order()
    return [name for name in ordered if name in referred][::-1]


# The unit that forgets the workspace stays to the end: it is what makes the next worker go on.
_OTHERS: LiteralString = "workspace = %(workspace)s AND unit <> %(unit)s"
_CONDITIONS: dict[str, LiteralString] = dict.fromkeys(("work_units", "work_items", "work_windows"), _OTHERS)
_EVERYTHING: LiteralString = "workspace = %(workspace)s"
DELETE_SOME: LiteralString = """
DELETE FROM {table}
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT %(most)s))
"""
ANY_LEFT: LiteralString = "SELECT EXISTS (SELECT FROM {table} WHERE {condition})"
RAISE_FLOOR: LiteralString = """
UPDATE wake_floor
   SET number = greatest(number, (SELECT max(wake_no) FROM work_units WHERE workspace = %(workspace)s))
"""


def some_rows(conn: Connection, workspace: str, unit: str, table: str, *, most: int) -> bool:
    """Delete at most `most` of the workspace's rows from `table`, but for `unit`; True when there may be more."""
    values = {"workspace": workspace, "unit": unit, "most": most}
    if table == "work_units":
        conn.execute(RAISE_FLOOR, values)
    return conn.execute(_on(table, DELETE_SOME), values).rowcount == most


LOCK: LiteralString = "SELECT FROM workspaces WHERE name = %(workspace)s FOR UPDATE"
LAST: tuple[LiteralString, ...] = (
    RAISE_FLOOR,
    "DELETE FROM work_items WHERE workspace = %(workspace)s AND unit = %(unit)s",
    "DELETE FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s",
    "DELETE FROM workspaces WHERE name = %(workspace)s",
)


def workspace(conn: Connection, name: str, unit: str) -> bool:
    """Take the workspace's row away, and with it `unit`, its forgetting; False when something has come after all.

    Whoever is about to refer to the workspace waits meanwhile, and then finds that it is gone.
    """
    values = {"workspace": name, "unit": unit}
    conn.execute(LOCK, values)
    for table in tables(conn):
        row = conn.execute(_on(table, ANY_LEFT), values).fetchone()
        if row is None or row[0]:
            return False
    for statement in LAST:
        conn.execute(statement, values)
    return True


def _on(table: str, statement: LiteralString) -> sql.Composed:
    condition = _CONDITIONS.get(table, _EVERYTHING)
    return sql.SQL(statement).format(table=sql.Identifier(table), condition=sql.SQL(condition))
