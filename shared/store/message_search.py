"""Where messages are searched, what a query asks there, and finding them letter by letter and by age. All bounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from shared.domain.message import Message
from shared.domain.period import Period
from shared.domain.relevance import MAX_SCORED_TERMS, Question, Term
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.rows import MESSAGE, message_row

# More names than this are cheaper to look up on the rows than to walk in the index.
MAX_INDEXED_SESSIONS = 50
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
        within = [quoted(f"w={self.workspace}")]
        if self.sessions is not None and len(self.sessions) <= MAX_INDEXED_SESSIONS:
            within = ["(" + " | ".join(quoted(f"s={self.workspace}/{name}") for name in self.sessions) + ")"]
        if self.peer is not None:
            within.append(quoted(f"p={self.workspace}/{self.peer}"))
        return " & ".join(within)


def said_in(period: Period) -> Condition | None:
    """That a message is of this time; None when both ends are open."""
    if period.is_open:
        return None
    return Condition(
        sql.SQL(
            "m.created_at >= coalesce(%(said_since)s::timestamptz, '-infinity')"
            " AND m.created_at < coalesce(%(said_until)s::timestamptz, 'infinity')"
        ),
        {"said_since": period.since, "said_until": period.until},
    )


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
    params = {"words": spelled(area, asked, needle), "needle": needle.lower(), "limit": limit}
    return _ids(conn, LITERAL, area, params)


def spelled(area: Area, asked: Question, needle: str) -> str | None:
    """The documents that may hold the needle, as a tsquery; None when no word of it is in the index."""
    if not asked.terms:
        return None
    # The needle may end inside a word, so the word it ends with may begin a longer one.
    last = _last_word(needle)
    words = " & ".join(quoted(t.lexeme) + (":*" if last.startswith(t.lexeme) else "") for t in asked.terms)
    return f"{area.lexemes()} & {words}"


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
_OLDEST: LiteralString = """
SELECT {columns}
  FROM messages AS m
 WHERE {condition}
 ORDER BY m.created_at, m.seq
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


def newest_ids(conn: Connection, area: Area, *, limit: int) -> list[str]:
    """The ids of the same."""
    condition = area.condition()
    statement = sql.SQL(_NEWEST).format(columns=sql.SQL("m.id"), condition=condition.text)
    return [row[0] for row in conn.execute(statement, {**condition.params, "limit": limit})]


def oldest(conn: Connection, area: Area, *, limit: int) -> list[Message]:
    """The oldest messages of the area, oldest first."""
    return _messages(conn, _OLDEST, area, {"limit": limit})


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


def any_of(terms: Sequence[Term]) -> str:
    """What a document with one of them matches, as a tsquery; empty for none."""
    return " | ".join(quoted(term.lexeme) for term in terms)


def quoted(lexeme: str) -> str:
    """`lexeme` inside a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
