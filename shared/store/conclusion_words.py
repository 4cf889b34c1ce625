"""Conclusions by their words, for when their meaning cannot be looked up."""

from collections.abc import Sequence
from typing import LiteralString

from shared.domain.conclusion import Collection, Conclusion, Level
from shared.store.database import Connection
from shared.store.rows import CONCLUSION, conclusion_row

# No index of words is kept for a time when the other index is away: so many of the newest are read instead, at
# about 0.04 ms each.
_MOST_READ: LiteralString = "2000"
_MOST_CHARACTERS = 1000

# Any of the words will do, and more of them are better. Without an observer all peers' views count, and scopes'
# copies do not; Postgres knows the values when it plans.
BY_WORDS: LiteralString = f"""
WITH asked AS (
    SELECT string_agg(quote_literal(w.lexeme), ' | ')::tsquery AS words
      FROM unnest(to_tsvector('pg_catalog.english', search_words(%(query)s))) AS w),
newest AS MATERIALIZED (
    SELECT {CONCLUSION}
      FROM conclusions
     WHERE workspace = %(workspace)s AND deleted_at IS NULL
       AND (%(observer)s::text IS NULL OR (observer = %(observer)s AND observed = %(of)s))
       AND (%(observer)s::text IS NOT NULL OR NOT starts_with(observer, 'scope.'))
       AND (%(levels)s::text[] IS NULL OR level = ANY(%(levels)s))
       AND (%(sessions)s::text[] IS NULL OR session = ANY(%(sessions)s))
       AND (%(among)s::text[] IS NULL OR id = ANY(%(among)s))
     ORDER BY created_at DESC, id
     LIMIT {_MOST_READ}),
matching AS (
    SELECT n.*, ts_rank(to_tsvector('pg_catalog.english', search_words(n.content)), asked.words) AS worth
      FROM newest AS n, asked
     WHERE n.workspace = %(workspace)s
       AND to_tsvector('pg_catalog.english', search_words(n.content)) @@ asked.words)
SELECT {CONCLUSION} FROM matching
 WHERE workspace = %(workspace)s
 ORDER BY worth DESC, created_at DESC, id
 LIMIT %(k)s
"""


def by_words(
    conn: Connection,
    whose: Collection | str,
    query: str,
    *,
    k: int,
    levels: Sequence[Level] | None = None,
    sessions: Sequence[str] | None = None,
    among: Sequence[str] | None = None,
) -> list[Conclusion]:
    """The `k` conclusions that share most words with `query`, of a collection or of a workspace's peers.

    Looks at the newest 2,000 of them; None does not restrict, an empty list matches nothing.
    """
    of_collection = isinstance(whose, Collection)
    given = {
        "workspace": whose.workspace if of_collection else whose,
        "observer": whose.observer if of_collection else None,
        "of": whose.observed if of_collection else None,
        "levels": None if levels is None else list(levels),
        "sessions": None if sessions is None else list(sessions),
        "among": None if among is None else list(among),
    }
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(BY_WORDS, {**given, "query": query[:_MOST_CHARACTERS], "k": k}).fetchall()
