"""The statements of the Postgres index. The tables' names come in as identifiers, the rest as parameters."""

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from psycopg import sql

from shared.domain.conclusion import Collection, Level
from shared.store.conditions import Condition
from shared.vectors.spaces import TableNames


class Queries(NamedTuple):
    """The two ways to search one table. Both give size, place, id, distance, and how many rows were looked at.

    `{nearness}` finds `taken` rows, cheaply and perhaps roughly; the vectors themselves put these in order. The size
    is counted up to one over the bound, by an index alone, and not at all while the whole table is small: an index
    alone does not do before the first vacuum. Over the bound nothing else is read.
    """

    exact: LiteralString
    by_graph: LiteralString


TYPE_OID: LiteralString = "SELECT to_regtype(%(name)s)::oid"

UPSERT_CONCLUSIONS: LiteralString = """
INSERT INTO {conclusions} AS c (workspace, id, observer, observed, session, level, vector)
SELECT *
  FROM unnest(%(workspaces)s::text[], %(ids)s::text[], %(observers)s::text[], %(observed)s::text[],
              %(sessions)s::text[], %(levels)s::text[], %(vectors)s::{vector_type}[])
    ON CONFLICT (workspace, id) DO UPDATE
   SET observer = EXCLUDED.observer, observed = EXCLUDED.observed, session = EXCLUDED.session,
       level = EXCLUDED.level, vector = EXCLUDED.vector
 WHERE (c.observer, c.observed, c.session, c.level, c.vector)
       IS DISTINCT FROM (EXCLUDED.observer, EXCLUDED.observed, EXCLUDED.session, EXCLUDED.level, EXCLUDED.vector)
"""

UPSERT_MESSAGES: LiteralString = """
INSERT INTO {messages} AS m (workspace, message_id, piece, session, peer, vector)
SELECT *
  FROM unnest(%(workspaces)s::text[], %(ids)s::text[], %(pieces)s::int[], %(sessions)s::text[],
              %(peers)s::text[], %(vectors)s::{vector_type}[])
    ON CONFLICT (workspace, message_id, piece) DO UPDATE
   SET session = EXCLUDED.session, peer = EXCLUDED.peer, vector = EXCLUDED.vector
 WHERE (m.session, m.peer, m.vector) IS DISTINCT FROM (EXCLUDED.session, EXCLUDED.peer, EXCLUDED.vector)
"""

# Sorted like every upsert: writers of the same rows must not wait for each other in a circle.
COPY_CONCLUSIONS: LiteralString = """
INSERT INTO {conclusions} (workspace, id, observer, observed, session, level, vector)
SELECT o.workspace, n.id, %(observer)s, o.observed, o.session, o.level, o.vector
  FROM unnest(%(ids)s::text[], %(originals)s::text[]) AS n (id, original)
  JOIN {conclusions} AS o ON o.workspace = %(workspace)s AND o.id = n.original
 ORDER BY n.id
    ON CONFLICT (workspace, id) DO UPDATE
   SET vector = EXCLUDED.vector
RETURNING id
"""

CONCLUSION_VECTORS: LiteralString = """
SELECT id, vector::real[] FROM {conclusions}
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
"""

DELETE_CONCLUSIONS: LiteralString = """
DELETE FROM {conclusions}
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
"""

DELETE_MESSAGES: LiteralString = """
DELETE FROM {messages}
 WHERE workspace = %(workspace)s AND message_id = ANY(%(ids)s)
"""

DELETE_WORKSPACE: tuple[LiteralString, ...] = (
    """
DELETE FROM {conclusions}
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM {conclusions} WHERE workspace = %(workspace)s LIMIT %(most)s))
""",
    """
DELETE FROM {messages}
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM {messages} WHERE workspace = %(workspace)s LIMIT %(most)s))
""",
)

_ASKED: LiteralString = """
WITH asked AS MATERIALIZED (
    SELECT place, vector {signs}
      FROM unnest(%(vectors)s::{vector_type}[]) WITH ORDINALITY AS v (vector, place)),
"""
_SIZE: LiteralString = """
size AS MATERIALIZED (
    SELECT CASE WHEN pg_relation_size('{table}') > %(counted_from)s
                THEN (SELECT count(*)
                        FROM (SELECT FROM {table} WHERE {condition} LIMIT %(bound)s::bigint + 1) AS bounded)
                ELSE 0 END AS n)
"""
# In force for this one statement. The condition applies while the graph is walked, and the walk goes on until enough
# rows have met it.
_TUNED: LiteralString = """
tuned AS MATERIALIZED (
    SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true) || set_config('hnsw.ef_search', %(breadth)s, true)
           <> '' AS is_so)
"""
# A long message has several vectors and is found once.
_HIT: LiteralString = """
       SELECT id, min(taken.vector <=> q.vector) AS distance, (sum(count(*)) OVER ())::bigint AS seen
         FROM (SELECT near.{id} AS id, near.vector
                 FROM {table} AS near
                WHERE {gate} AND {condition}
                ORDER BY {order}
                LIMIT %(taken)s) AS taken
        GROUP BY id
        ORDER BY distance
        LIMIT %(k)s
"""
_EXACT: LiteralString = f"""{_ASKED} {_SIZE}
SELECT size.n, q.place, hit.id, hit.distance, hit.seen
  FROM size
 CROSS JOIN asked AS q
  LEFT JOIN LATERAL ({_HIT}) AS hit ON true
 ORDER BY q.place, hit.distance
"""
_BY_GRAPH: LiteralString = f"""{_ASKED} {_TUNED}
SELECT 0, q.place, hit.id, hit.distance, hit.seen
  FROM tuned
 CROSS JOIN asked AS q
  LEFT JOIN LATERAL ({_HIT}) AS hit ON true
 ORDER BY q.place, hit.distance
"""


def _over(table: LiteralString, identifier: LiteralString) -> Queries:
    # Adding 0 keeps the planner from answering the exact query by the graph.
    exact = _EXACT.replace("{gate}", "size.n <= %(bound)s").replace("{order}", "({nearness}) + 0")
    by_graph = _BY_GRAPH.replace("{gate}", "tuned.is_so").replace("{order}", "{nearness}")
    return Queries(
        exact.replace("{table}", table).replace("{id}", identifier),
        by_graph.replace("{table}", table).replace("{id}", identifier),
    )


CONCLUSIONS = _over("{conclusions}", "id")
MESSAGES = _over("{messages}", "message_id")


def nearness(names: TableNames, dimensions: int) -> dict[str, sql.Composable]:
    """The parts of the searching statements that depend on the space: by its bits or, without them, its vectors."""
    if not names.has_signs:
        return {"nearness": sql.SQL("near.vector <=> q.vector"), "signs": sql.SQL("")}
    # Made once per vector that is asked for, not once per row.
    signs = sql.SQL(", binary_quantize(vector)::bit({}) AS signs").format(sql.Literal(dimensions))
    return {"nearness": sql.SQL("near.signs <~> q.signs"), "signs": signs}


def in_collection(
    collection: Collection,
    levels: Sequence[Level] | None,
    sessions: Sequence[str] | None,
    among: Sequence[str] | None = None,
) -> Condition | None:
    """What holds for a collection's conclusions of these levels, sessions and ids; None where nothing can."""
    base = Condition(
        sql.SQL("workspace = %(workspace)s AND observer = %(observer)s AND observed = %(of)s"),
        {"workspace": collection.workspace, "observer": collection.observer, "of": collection.observed},
    )
    return _narrowed(base, {"level": levels, "session": sessions, "id": among})


def of_all_peers(workspace: str, levels: Sequence[Level] | None, sessions: Sequence[str] | None) -> Condition | None:
    """What holds for the conclusions of a workspace's peers, scopes left out; None where nothing can."""
    base = Condition(
        sql.SQL("workspace = %(workspace)s AND NOT starts_with(observer, 'scope.')"), {"workspace": workspace}
    )
    return _narrowed(base, {"level": levels, "session": sessions})


def in_workspace(
    workspace: str, sessions: Sequence[str] | None, peer: str | None, among: Sequence[str] | None = None
) -> Condition | None:
    """What holds for a workspace's messages of these sessions, this peer and these ids; None where nothing can."""
    base = Condition(sql.SQL("workspace = %(workspace)s"), {"workspace": workspace})
    return _narrowed(base, {"session": sessions, "peer": None if peer is None else [peer], "message_id": among})


def _narrowed(base: Condition, allowed: dict[str, Sequence[str] | None]) -> Condition | None:
    for column, values in allowed.items():
        if values is None:
            continue
        if not values:
            return None
        one_of = sql.SQL("{} = ANY({})").format(sql.Identifier(column), sql.Placeholder(f"{column}s"))
        base = base.and_(Condition(one_of, {f"{column}s": list(values)}))
    return base
