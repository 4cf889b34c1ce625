"""Whether a change of the tables leaves the code of the release before in peace: it may add, and take nothing away."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

_COLUMNS: LiteralString = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.atthasdef OR a.attidentity <> '' AS is_filled
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
   AND a.attnum > 0 AND NOT a.attisdropped
"""
# What a writer may run into: constraints, and unique indexes that are none. NOT NULL is seen with the columns.
_RULES: LiteralString = """
SELECT c.conrelid::regclass::text, c.conname::text,
       array(SELECT attname::text FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = ANY(c.conkey))
  FROM pg_constraint AS c
 WHERE c.connamespace = 'public'::regnamespace AND c.conrelid <> 0 AND c.contype <> 'n'
UNION ALL
SELECT x.indrelid::regclass::text, x.indexrelid::regclass::text,
       array(SELECT attname::text FROM pg_attribute WHERE attrelid = x.indrelid AND attnum = ANY(x.indkey::smallint[]))
  FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
 WHERE x.indisunique AND i.relnamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.indexrelid)
"""
_TRIGGERS: LiteralString = """
SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE NOT tgisinternal
"""
_FUNCTIONS: LiteralString = """
SELECT p.oid::regprocedure::text, pg_get_function_result(p.oid)
  FROM pg_proc AS p
 WHERE p.pronamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class Column:
    """What code that reads or writes a column relies on."""

    kind: str
    is_required: bool
    is_filled: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables, rules and functions of a database at one moment."""

    columns: dict[tuple[str, str], Column]
    rules: dict[tuple[str, str], frozenset[str]]
    triggers: frozenset[tuple[str, str]]
    functions: dict[str, str]

    @property
    def tables(self) -> set[str]:
        return {table for table, _ in self.columns}


def look(conn: psycopg.Connection[TupleRow]) -> Schema:
    """The schema as it is now."""
    return Schema(
        {(table, name): Column(*rest) for table, name, *rest in conn.execute(_COLUMNS).fetchall()},
        {(table, name): frozenset(columns) for table, name, columns in conn.execute(_RULES).fetchall()},
        frozenset((str(table), str(name)) for table, name in conn.execute(_TRIGGERS).fetchall()),
        {str(signature): str(result) for signature, result in conn.execute(_FUNCTIONS).fetchall()},
    )


def breaches(before: Schema, after: Schema) -> list[str]:
    """What the code of `before` could run into with the tables of `after`, one line each."""
    gone = [f"column {table}.{name} is gone" for table, name in before.columns.keys() - after.columns.keys()]
    changed = [
        f"column {table}.{name} {what}"
        for (table, name), old in before.columns.items()
        if (new := after.columns.get((table, name))) is not None
        for what in _changes(old, new)
    ]
    demanded = [
        f"column {table}.{name} is new and must be given"
        for (table, name), new in after.columns.items()
        if table in before.tables and (table, name) not in before.columns and new.is_required and not new.is_filled
    ]
    calls = [
        f"function {name} is gone or gives another type" for name in before.functions if _is_lost(name, before, after)
    ]
    return sorted([*gone, *changed, *demanded, *_new_rules(before, after), *calls])


def _changes(old: Column, new: Column) -> list[str]:
    return [
        *([f"was {old.kind} and is {new.kind}"] if old.kind != new.kind else []),
        *(["must not be null any more"] if new.is_required and not old.is_required else []),
        *(["has no default any more"] if new.is_required and old.is_filled and not new.is_filled else []),
    ]


def _new_rules(before: Schema, after: Schema) -> list[str]:
    """Rules for what the code before writes already; one about a new column is met by its default."""
    rules = [
        f"rule {name} is new for what {table} holds"
        for (table, name), columns in after.rules.items()
        if table in before.tables
        and (table, name) not in before.rules
        and all((table, column) in before.columns for column in columns)
    ]
    triggers = [f"trigger {name} is new on {table}" for table, name in after.triggers - before.triggers]
    return rules + [line for line in triggers if line.rpartition(" ")[2] in before.tables]


def _is_lost(name: str, before: Schema, after: Schema) -> bool:
    return before.functions[name] != after.functions.get(name)
