"""Writing what message search reads: a document per message, and the counts of its terms."""

from collections.abc import Sequence
from typing import LiteralString

from shared.store.database import Connection

# The lexemes with '=' stand for whole workspaces, sessions and authors, so that the index itself narrows a
# query to them. Rows and terms are written in order: two workers must not wait for each other in a circle.
# The counts follow what was in fact inserted, so that a window delivered twice counts once.
_SAID: LiteralString = """
WITH said AS (
    SELECT m.id,
           search_document(m.peer, m.content, coalesce(left(p.content, %(most_preceding)s), ''))
           || array_to_tsvector(ARRAY['w=' || m.workspace,
                                      's=' || m.workspace || '/' || m.session,
                                      'p=' || m.workspace || '/' || m.peer]) AS document
      FROM messages AS m
      LEFT JOIN messages AS p ON p.workspace = m.workspace AND p.session = m.session AND p.seq = m.seq - 1
     WHERE m.workspace = %(workspace)s AND m.session = %(session)s AND """
_DOCUMENTED: LiteralString = """
       AND NOT EXISTS (SELECT FROM message_search AS s WHERE s.workspace = m.workspace AND s.message_id = m.id)),
fresh AS (
    INSERT INTO message_search (workspace, message_id, document)
    SELECT %(workspace)s, id, document FROM said ORDER BY id
        ON CONFLICT DO NOTHING
 RETURNING document),
totals AS (
    INSERT INTO search_totals AS t (workspace, documents, lexemes)
    SELECT %(workspace)s, count(*), sum(length(document)) FROM fresh HAVING count(*) > 0
        ON CONFLICT (workspace) DO UPDATE
       SET documents = t.documents + EXCLUDED.documents, lexemes = t.lexemes + EXCLUDED.lexemes)
INSERT INTO term_stats AS s (workspace, term, df)
SELECT %(workspace)s, w.lexeme, count(*)
  FROM fresh, unnest(fresh.document) AS w
 WHERE w.weights && '{A,B}'
 GROUP BY w.lexeme
 ORDER BY w.lexeme
    ON CONFLICT (workspace, term) DO UPDATE SET df = s.df + EXCLUDED.df
"""
INDEX: LiteralString = f"{_SAID} m.seq BETWEEN %(first)s AND %(last)s {_DOCUMENTED}"
INDEX_AGAIN: LiteralString = f"{_SAID} m.id = ANY(%(ids)s) {_DOCUMENTED}"

# Enough of a question to find the answer that follows it; more would drown the answer's own words.
_MOST_PRECEDING = 1000


def index(conn: Connection, workspace: str, session: str, first: int, last: int) -> None:
    """Make the messages from place `first` to place `last` findable by their words; again does no harm.

    Locks the counts of their terms until the transaction ends, so call it late.
    """
    conn.execute(
        INDEX,
        {
            "workspace": workspace,
            "session": session,
            "first": first,
            "last": last,
            "most_preceding": _MOST_PRECEDING,
        },
    )


def index_again(conn: Connection, workspace: str, session: str, ids: Sequence[str]) -> None:
    """Make these messages findable whose documents were taken away."""
    if ids:
        values = {"workspace": workspace, "session": session, "ids": list(ids), "most_preceding": _MOST_PRECEDING}
        conn.execute(INDEX_AGAIN, values)
