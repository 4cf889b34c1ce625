"""Ranking messages by what they say, by words and letter by letter, and reading the best of a ranking.

Everything is bounded, however large the workspace; what nothing has asked for is never run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from shared.domain.message import Message
from shared.domain.relevance import Question
from shared.domain.usage import ModelCall
from shared.store import calls
from shared.store.database import Connection
from shared.store.message_search import MAX_INDEXED_SESSIONS, Area, any_of, quoted, spelled
from shared.store.rows import MESSAGE

# A message that says an address or a path letter by letter is what was asked for.
_SAID_LITERALLY = 1.0
_MOST_RARE, _MOST_COMMON = 2000, 500


@dataclass(frozen=True, slots=True)
class Wish:
    """What messages are measured by. `is_literal`: the query may be meant letter by letter.

    `words_share` is what all words of the query are worth together.
    """

    query: str
    is_literal: bool
    words_share: float


# Term frequency and length weigh in as in BM25 with k1 = 1.2: tf * 2.2 / (tf + 1.2 * norm), written so that tf
# appears once. ts_rank of one term sums its places with falling weight; 1.645 makes one place in the text 1.
# A message is never held responsible for more than 2.5 times the usual length (b = 0.3). OFFSET 0 keeps the norm from
# being computed anew wherever it stands, and every number is a float: the `numeric` of bare ones takes ten times as
# long. Together they were half of what a search by words took.
_SCORED: LiteralString = """
SELECT id, {score} AS score
  FROM (SELECT id, document,
               least(0.7::float8 + 0.3::float8 * length(document) / %(mean_length)s::float8, 2.5::float8) AS norm
          FROM ({found}) AS f
        OFFSET 0) AS c
 ORDER BY score DESC, id
 LIMIT %(listed)s
"""
_TERM_SCORE: LiteralString = """
{weight}::float8 * (2.2::float8 - 2.64::float8 * norm
    / (1.645::float8 * ts_rank('{{0.2, 0.2, 0.6, 1}}', document, {term}::tsquery) + 1.2::float8 * norm))
"""
_NO_WORDS: LiteralString = "SELECT NULL::text AS id, NULL::float8 AS score WHERE false"

# Bounded before anything is scored.
_MATCHING: LiteralString = """
(SELECT s.message_id AS id, s.document
   FROM message_search AS s {join}
  WHERE s.workspace = %(in_workspace)s AND s.document @@ {query}::tsquery {condition}
  LIMIT {most})
"""
_JOIN: LiteralString = "JOIN messages AS m ON m.workspace = s.workspace AND m.id = s.message_id"

# What chores has not come to yet: the newest ranges still pending, at most 300 messages. One of them may have been
# indexed after all, and then comes twice.
_WAITING: LiteralString = """
(SELECT * FROM (
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
 LIMIT 300) AS waiting
 WHERE document @@ %(any_term)s::tsquery)
"""

# `said` holds the indexed messages that say the query letter by letter. Only `newest` can find a part of a word,
# because the index holds whole ones; it reads the 2,000 newest messages, indexed or not. Either is skipped where
# words were found and the query is a sentence.
SAYING: LiteralString = """
WITH words AS MATERIALIZED ({words}),
said AS MATERIALIZED (
    SELECT id
      FROM (SELECT m.id, m.content, m.created_at
              FROM message_search AS s
              JOIN messages AS m ON m.workspace = s.workspace AND m.id = s.message_id
             WHERE s.workspace = %(in_workspace)s AND s.document @@ %(said)s::tsquery AND {condition}
               AND (%(is_literal)s OR NOT EXISTS (SELECT FROM words))
             LIMIT 5000) AS f
     WHERE position(%(needle)s IN lower(content)) > 0
     ORDER BY created_at DESC
     LIMIT %(listed)s),
newest AS MATERIALIZED (
    SELECT id
      FROM (SELECT m.id, m.content
              FROM messages AS m
             WHERE {condition}
               AND NOT EXISTS (SELECT FROM said) AND (%(is_one_word)s OR NOT EXISTS (SELECT FROM words))
             ORDER BY m.created_at DESC, m.seq DESC
             LIMIT 2000) AS f
     WHERE position(%(needle)s IN lower(content)) > 0
     LIMIT %(listed)s)
SELECT id, sum(value)
  FROM (SELECT id, max(score) * %(words_share)s AS value FROM words GROUP BY id
         UNION ALL
        SELECT id, %(literally)s::float8 FROM said
         UNION ALL
        SELECT id, %(literally)s::float8 FROM newest) AS parts
 GROUP BY id
"""


def saying(conn: Connection, area: Area, asked: Question, wish: Wish, *, listed: int) -> dict[str, float]:
    """What messages are worth by what they say, by id: `listed` of each way to say it, or fewer."""
    needle, condition = wish.query.lower(), area.condition()
    words, terms = _words(area, asked)
    given: dict[str, object] = {
        "said": spelled(area, asked, needle),
        "needle": needle,
        "is_literal": wish.is_literal,
        "is_one_word": wish.is_literal and " " not in needle,
        "words_share": wish.words_share,
        "literally": _SAID_LITERALLY,
        "listed": listed,
    }
    statement = sql.SQL(SAYING).format(words=words, condition=condition.text)
    rows = conn.execute(statement, {**condition.params, **terms, **given}).fetchall()
    return {str(row[0]): float(row[1]) for row in rows}


# Rows are fetched from the best on, until enough meet the filter: vectors do not know it.
BEST: LiteralString = """
SELECT {columns}, w.total
  FROM (SELECT id, total FROM unnest(%(ids)s::text[], %(totals)s::float8[]) AS w (id, total)
         ORDER BY total DESC, id) AS w
 CROSS JOIN LATERAL (SELECT * FROM messages AS m WHERE {condition} AND m.id = w.id LIMIT 1) AS m
 ORDER BY w.total DESC, w.id
 LIMIT %(most)s
"""


def best(
    conn: Connection, area: Area, worth: Mapping[str, float], made: Sequence[ModelCall] = (), *, most: int
) -> list[tuple[Message, float]]:
    """At most `most` messages of the area with what each is worth, best first.

    Notes the calls of models that were made for it.
    """
    condition = area.condition()
    columns = sql.SQL(", ").join(sql.Identifier("m", name) for name in MESSAGE.split(", "))
    given: dict[str, object] = {
        "workspace": area.workspace,
        "ids": list(worth),
        "totals": list(worth.values()),
        "most": most,
    }
    text, values = calls.riding(BEST, given, made)
    statement = sql.SQL(text).format(condition=condition.text, columns=columns)
    rows = conn.execute(statement, {**condition.params, **values}).fetchall()
    return [(Message(*row[:-1]), float(row[-1])) for row in rows]


def _words(area: Area, asked: Question) -> tuple[sql.Composable, dict[str, object]]:
    """What scores messages by the words of the query: 1 is a message of usual length that has all of them once."""
    if not asked.terms:
        return sql.SQL(_NO_WORDS), {}
    params: dict[str, object] = {"mean_length": asked.mean_length, "any_term": any_of(asked.terms)}
    found = [sql.SQL(_WAITING).format(condition=area.condition().text)]
    rare, common = any_of(asked.rare()), " & ".join(quoted(term.lexeme) for term in asked.common())
    if rare:
        found.append(_branch(area, "rare", _MOST_RARE))
        params["rare"] = f"{area.lexemes()} & ({rare})"
    if common:
        found.append(_branch(area, "common", _MOST_COMMON))
        params["common"] = f"{area.lexemes()} & {common}" + (f" & !({rare})" if rare else "")
    scores: list[sql.Composable] = []
    for number, (term, weight) in enumerate(zip(asked.terms, asked.weights(), strict=True)):
        params[f"term{number}"] = quoted(term.lexeme)
        scores.append(sql.SQL(_TERM_SCORE).format(weight=sql.Literal(weight), term=sql.Placeholder(f"term{number}")))
    return sql.SQL(_SCORED).format(score=sql.SQL(" + ").join(scores), found=sql.SQL(" UNION ALL ").join(found)), params


def _branch(area: Area, query: str, most: int) -> sql.Composed:
    """The documents of the area that match. Rows are looked up only for what the index does not know."""
    narrowed = area.where is not None or len(area.sessions or ()) > MAX_INDEXED_SESSIONS
    return sql.SQL(_MATCHING).format(
        join=sql.SQL(_JOIN if narrowed else ""),
        query=sql.Placeholder(query),
        condition=sql.SQL("AND {}").format(area.condition().text) if narrowed else sql.SQL(""),
        most=sql.Literal(most),
    )
