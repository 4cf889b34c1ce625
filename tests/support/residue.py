"""Looking for traces: which rows of which tables still say something that should be forgotten."""

from collections.abc import Sequence
from typing import Final, LiteralString

import psycopg
from psycopg import sql

TABLES: LiteralString = """
SELECT c.relname::text FROM pg_class AS c
 WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND has_table_privilege(c.oid, 'SELECT')
 ORDER BY 1
"""
# The index of words keeps their stems. Ids are no words: what begins like a number falls into pieces.
STEMS: LiteralString = """
SELECT DISTINCT stem
  FROM unnest(%(traces)s::text[]) AS t (trace),
       unnest(tsvector_to_array(to_tsvector('pg_catalog.english', search_words(trace)))) AS stem
 WHERE trace ~ '^[[:alpha:]][[:alnum:]]{4,}$' AND char_length(stem) > 3
"""
# A row as text shows every column, whatever it is called.
SAYING: LiteralString = "SELECT count(*) FROM {table} AS t WHERE strpos(t::text, %(trace)s) > 0"
# The books outlive a workspace under its name; nothing else of it may be in them.
BOOKS: Final = ("model_calls", "usage_days", "budgets", "spending", "reservations")
IN_A_BOOK: LiteralString = """
SELECT count(*) FROM {table} AS t WHERE strpos((to_jsonb(t) - 'workspace')::text, %(trace)s) > 0
"""
# What is to be taken out of the index once more is known by ids, for minutes. Those of tests may be words.
IDS: Final = ("vector_removals",)
BESIDE_IDS: LiteralString = """
SELECT count(*) FROM {table} AS t WHERE strpos((to_jsonb(t) - 'conclusion')::text, %(trace)s) > 0
"""


def residue(dsn: str, *traces: str) -> dict[str, int]:
    """How many rows of each table say one of `traces`, or the stem of one; tables without any are left out."""
    with psycopg.connect(dsn) as conn:
        tables = [str(row[0]) for row in conn.execute(TABLES)]
        stems = [str(row[0]) for row in conn.execute(STEMS, {"traces": list(traces)})]
        traces = tuple(dict.fromkeys([*traces, *stems]))
        counts = {table: sum(_saying(conn, table, traces)) for table in tables}
    return {table: count for table, count in counts.items() if count}


def _saying(conn: psycopg.Connection[tuple[object, ...]], table: str, traces: Sequence[str]) -> list[int]:
    looked_up = IN_A_BOOK if table in BOOKS else BESIDE_IDS if table in IDS else SAYING
    statement = sql.SQL(looked_up).format(table=sql.Identifier(table))
    rows = [conn.execute(statement, {"trace": trace}).fetchone() for trace in traces]
    return [int(str(row[0])) for row in rows if row]
