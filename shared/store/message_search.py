"""Finding messages by their words, letter by letter, and by age. Everything is bounded, however large the workspace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from shared.domain.message import Message
from shared.domain.relevance import MAX_SCORED_TERMS, Question, Term
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.rows import MESSAGE, message_row

# More names than this are cheaper to look up on the rows than to walk in the index.
_MAX_INDEXED_SESSIONS = 50
_MAX_QUERY_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Area:
    """Which messages may be found. `where` is over alias `m` of messages; its parameters keep clear of ours."""

    workspace: str
    sessions: tuple[str, ...] | None = None
    peer: str | None = None
    where: Condition | None = None

    def condition(self) -> Condition:
        """All of it, over alias `m`."""
        whole = Condition(sql.SQL("m.workspace = %(in_workspace)s"), {"in_workspace": self.workspace})
        if self.sessions is not None:
            names = {"in_sessions": list(self.sessions)}
            whole = whole.and_(Condition(sql.SQL("m.session = ANY(%(in_sessions)s)"), names))
        if self.peer is not None:
            whole = whole.and_(Condition(sql.SQL("m.peer = %(in_peer)s"), {"in_peer": self.peer}))
        return whole.and_(self.where)

    def lexemes(self) -> str:
        """As much of it as the index of documents knows, as a tsquery."""
        within = [_quoted(f"w={self.workspace}")]
        if self.sessions is not None and len(self.sessions) <= _MAX_INDEXED_SESSIONS:
            within = ["(" + " | ".join(_quoted(f"s={self.workspace}/{name}") for name in self.sessions) + ")"]
        if self.peer is not None:
            within.append(_quoted(f"p={self.workspace}/{self.peer}"))
        return " & ".join(within)


QUESTION: LiteralString = """
SELECT w.lexeme, coalesce(s.df, 0), coalesce(t.documents, 0), coalesce(t.lexemes, 0)
  FROM unnest(to_tsvector('pg_catalog.english', search_words(%(query)s))) AS w
  LEFT JOIN term_stats AS s ON s.workspace = %(workspace)s AND s.term = w.lexeme
  LEFT JOIN search_totals AS t ON t.workspace = %(workspace)s
 ORDER BY s.df IS NULL, s.df, w.lexeme
 LIMIT %(most)s
"""


def question(conn: Connection, workspace: str, query: str) -> Question:
    """The words of `query` that are worth looking for. None are left of a query of stop words or marks."""
    params = {"workspace": workspace, "query": query[:_MAX_QUERY_CHARACTERS], "most": MAX_SCORED_TERMS}
    rows = conn.execute(QUESTION, params).fetchall()
    _, _, documents, lexemes = rows[0] if rows else ("", 0, 0, 0)
    terms = tuple(Term(lexeme, df) for lexeme, df, *_ in rows)
    return Question(terms, documents, float(lexemes) / documents if documents else 1.0)


# Term frequency and length weigh in as in BM25 with k1 = 1.2: tf * 2.2 / (tf + 1.2 * norm), written so that tf
# appears once. ts_rank of one term sums its places with falling weight; 1.645 makes one place in the text 1.
# A message is never held responsible for more than 2.5 times the usual length (b = 0.3).
_SCORED: LiteralString = """
SELECT id, {score} AS score
  FROM (SELECT id, document, least(0.7 + 0.3 * length(document) / %(mean_length)s, 2.5) AS norm
          FROM ({found}) AS f) AS c
 WHERE document @@ %(any_term)s::tsquery
 ORDER BY score DESC, id
 LIMIT %(limit)s
"""
_TERM_SCORE: LiteralString = """
{weight} * (2.2 - 2.64 * norm / (1.645 * ts_rank('{{0.2, 0.2, 0.6, 1}}', document, {term}::tsquery) + 1.2 * norm))
"""

# Bounded before anything is scored.
_MATCHING: LiteralString = """
(SELECT s.message_id AS id, s.document
   FROM message_search AS s {join}
  WHERE s.workspace = %(in_workspace)s AND s.document @@ {query}::tsquery {condition}
  LIMIT {most})
"""
_JOIN: LiteralString = "JOIN messages AS m ON m.workspace = s.workspace AND m.id = s.message_id"
_MOST_RARE, _MOST_COMMON = 2000, 500

# What chores has not come to yet: the newest ranges still pending.
_WAITING: LiteralString = """
SELECT m.id, search_document(m.peer, m.content, '') AS document
  FROM (SELECT split_part(unit, ':', 2) AS session, first_seq, seq
          FROM work_items
         WHERE workspace = %(in_workspace)s AND state = 'pending' AND starts_with(unit, 'index:')
         ORDER BY created_at DESC
         LIMIT 50) AS w
 CROSS JOIN LATERAL (
       SELECT * FROM messages AS m
        WHERE m.workspace = %(in_workspace)s AND m.session = w.session AND m.seq BETWEEN w.first_seq AND w.seq
        ORDER BY m.seq DESC
        LIMIT 100) AS m
 WHERE {condition}
 LIMIT 300
"""


def by_words(conn: Connection, area: Area, asked: Question, *, limit: int) -> dict[str, float]:
    """Scores by message id, best first: 1 is a message of usual length that has all the words once."""
    rare, common = _words(" | ", asked.rare()), _words(" & ", asked.common())
    found: list[sql.Composable] = []
    params: dict[str, object] = {}
    if rare:
        found.append(_branch(area, "rare", _MOST_RARE))
        params["rare"] = f"{area.lexemes()} & ({rare})"
    if common:
        found.append(_branch(area, "common", _MOST_COMMON))
        params["common"] = f"{area.lexemes()} & {common}" + (f" & !({rare})" if rare else "")
    return _scored(conn, area, asked, sql.SQL(" UNION ALL ").join(found), params, limit) if found else {}


def by_words_waiting(conn: Connection, area: Area, asked: Question, *, limit: int) -> dict[str, float]:
    """The same for messages that are not indexed yet, at most 300 of the newest."""
    if not asked.terms:
        return {}
    return _scored(conn, area, asked, sql.SQL(_WAITING).format(condition=area.condition().text), {}, limit)


def _branch(area: Area, query: str, most: int) -> sql.Composed:
    """The documents of the area that match. Rows are looked up only for what the index does not know."""
    narrowed = area.where is not None or len(area.sessions or ()) > _MAX_INDEXED_SESSIONS
    return sql.SQL(_MATCHING).format(
        join=sql.SQL(_JOIN if narrowed else ""),
        query=sql.Placeholder(query),
        condition=sql.SQL("AND {}").format(area.condition().text) if narrowed else sql.SQL(""),
        most=sql.Literal(most),
    )


def _scored(
    conn: Connection, area: Area, asked: Question, found: sql.Composable, params: Mapping[str, object], limit: int
) -> dict[str, float]:
    scores: list[sql.Composable] = []
    terms: dict[str, object] = {}
    for number, (term, weight) in enumerate(zip(asked.terms, asked.weights(), strict=True)):
        name = f"term{number}"
        terms[name] = _quoted(term.lexeme)
        scores.append(sql.SQL(_TERM_SCORE).format(weight=sql.Literal(weight), term=sql.Placeholder(name)))
    statement = sql.SQL(_SCORED).format(score=sql.SQL(" + ").join(scores), found=found)
    known = {"mean_length": asked.mean_length, "any_term": _words(" | ", asked.terms), "limit": limit}
    rows = conn.execute(statement, {**area.condition().params, **params, **terms, **known}).fetchall()
    return dict(rows)


LITERAL: LiteralString = """
SELECT id
  FROM (SELECT m.id, m.content, m.created_at
          FROM message_search AS s
          JOIN messages AS m ON m.workspace = s.workspace AND m.id = s.message_id
         WHERE s.workspace = %(in_workspace)s AND s.document @@ %(words)s::tsquery AND {condition}
         LIMIT 5000) AS f
 WHERE position(%(needle)s IN lower(content)) > 0
 ORDER BY created_at DESC
 LIMIT %(limit)s
"""


def literally(conn: Connection, area: Area, asked: Question, needle: str, *, limit: int) -> list[str]:
    """Ids of indexed messages that hold `needle` letter by letter but for case, newest first."""
    if not asked.terms:
        return []
    # The needle may end inside a word, so the word it ends with may begin a longer one.
    last = _last_word(needle)
    words = " & ".join(_quoted(t.lexeme) + (":*" if last.startswith(t.lexeme) else "") for t in asked.terms)
    params = {"words": f"{area.lexemes()} & {words}", "needle": needle.lower(), "limit": limit}
    return _ids(conn, LITERAL, area, params)


NEWEST_LITERAL: LiteralString = """
SELECT id
  FROM (SELECT m.id, m.content
          FROM messages AS m
         WHERE {condition}
         ORDER BY m.created_at DESC, m.seq DESC
         LIMIT 2000) AS f
 WHERE position(%(needle)s IN lower(content)) > 0
 LIMIT %(limit)s
"""


def literally_among_newest(conn: Connection, area: Area, needle: str, *, limit: int) -> list[str]:
    """The same among the 2,000 newest messages, indexed or not: for what no word of the index stands for."""
    return _ids(conn, NEWEST_LITERAL, area, {"needle": needle.lower(), "limit": limit})


_NEWEST: LiteralString = """
SELECT {columns}
  FROM messages AS m
 WHERE {condition}
 ORDER BY m.created_at DESC, m.seq DESC
 LIMIT %(limit)s
"""
_WITHIN: LiteralString = """
SELECT {columns}
  FROM messages AS m
 WHERE {condition} AND m.id = ANY(%(ids)s)
"""


def newest(conn: Connection, area: Area, *, limit: int) -> list[Message]:
    """The newest messages of the area, newest first."""
    return _messages(conn, _NEWEST, area, {"limit": limit})


def within(conn: Connection, area: Area, ids: Sequence[str]) -> list[Message]:
    """The messages of the area among `ids`, in no order."""
    return _messages(conn, _WITHIN, area, {"ids": list(ids)}) if ids else []


def _messages(conn: Connection, statement: LiteralString, area: Area, params: Mapping[str, object]) -> list[Message]:
    condition = area.condition()
    columns = sql.SQL(", ").join(sql.Identifier("m", name) for name in MESSAGE.split(", "))
    with conn.cursor(row_factory=message_row) as cursor:
        cursor.execute(
            sql.SQL(statement).format(columns=columns, condition=condition.text), {**condition.params, **params}
        )
        return cursor.fetchall()


def _ids(conn: Connection, statement: LiteralString, area: Area, params: Mapping[str, object]) -> list[str]:
    condition = area.condition()
    rows = conn.execute(sql.SQL(statement).format(condition=condition.text), {**condition.params, **params})
    return [row[0] for row in rows.fetchall()]


def _last_word(text: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    return words[-1] if words else ""


def _words(joiner: str, terms: Sequence[Term]) -> str:
    return joiner.join(_quoted(term.lexeme) for term in terms)


def _quoted(lexeme: str) -> str:
    """`lexeme` inside a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
