"""Message search reads by index however many messages there are."""

import re
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from shared.domain.period import period
from shared.domain.relevance import Question
from shared.settings.sections import DbSettings
from shared.store import message_ranking, message_search
from shared.store.conditions import Condition
from shared.store.database import Connection, open_database
from shared.store.message_ranking import Wish
from shared.store.message_search import Area

FILL: LiteralString = """
INSERT INTO workspaces (name, uid) VALUES ('w', 'u1'), ('v', 'u2');
INSERT INTO peers (workspace, name, uid) SELECT w, 'ada', w FROM unnest('{w,v}'::text[]) AS w;
INSERT INTO sessions (workspace, name, uid)
SELECT w, 's' || n, w || n FROM unnest('{w,v}'::text[]) AS w, generate_series(1, 20) AS n;
INSERT INTO messages (workspace, session, seq, id, peer, content, token_count, is_reasoned, created_at, metadata)
SELECT w, 's' || n % 20 + 1, n, 'm' || n, 'ada', 'common word' || n % 5000 || ' half' || n % 2, 3, true,
       timestamptz '2031-01-01' + n * interval '1 minute',
       CASE WHEN n % 1000 = 0 THEN '{"kind": "rare"}' ELSE '{}' END::jsonb
  FROM unnest('{w,v}'::text[]) AS w, generate_series(1, 20000) AS n;
INSERT INTO message_search (workspace, message_id, document)
SELECT workspace, id, search_document(peer, content, '')
       || array_to_tsvector(ARRAY['w=' || workspace, 's=' || workspace || '/' || session, 'p=' || workspace || '/ada'])
  FROM messages;
INSERT INTO term_stats (workspace, term, df)
SELECT split_part(p.w, '=', 2), t.lexeme, count(*)
  FROM message_search, unnest(document) AS t, LATERAL (SELECT 'w=' || workspace) AS p (w)
 WHERE t.weights IS NOT NULL GROUP BY 1, 2;
INSERT INTO work_units (workspace, unit, kind, session)
SELECT 'w', k || ':s' || n || ':', k, 's' || n FROM unnest('{index,derive}'::text[]) AS k, generate_series(1, 20) AS n;
INSERT INTO work_items (workspace, unit, seq, first_seq, message_id, tokens, state, created_at)
SELECT 'w', unit, n, n, 'm' || n, 3, CASE WHEN kind = 'index' AND n < 19990 THEN 'finished' ELSE 'pending' END, now()
  FROM work_units, generate_series(19000, 20000) AS n
 WHERE session = 's' || n % 20 + 1;
INSERT INTO search_totals SELECT workspace, count(*), sum(length(document)) FROM message_search GROUP BY 1;
"""


class Explaining:
    """A connection that explains each statement before it runs it."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.plans: list[str] = []

    def execute(self, statement: sql.Composed | LiteralString, params: dict[str, object]) -> psycopg.Cursor:
        text = statement if isinstance(statement, sql.Composable) else sql.SQL(statement)
        rows = self._conn.execute(sql.SQL("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {}").format(text), params).fetchall()
        self.plans.append("\n".join(row[0] for row in rows))
        return self._conn.execute(statement, params)


@pytest.fixture(scope="module")
def full(database_dsn: str, owner_dsn: str) -> Iterator[Connection]:
    """Two workspaces of 20,000 messages each, indexed."""
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        owner.execute(FILL)
        owner.execute("VACUUM ANALYZE")
    db = open_database(DbSettings.model_validate({"connection_uri": database_dsn}))
    with db.reading() as conn:
        yield conn


@pytest.fixture
def explaining(full: Connection) -> Explaining:
    return Explaining(full)


AREAS = [Area("w"), Area("w", sessions=("s1", "s2")), Area("w", peer="ada"), Area("w", where=None)]
FILTERED = Area("w", where=Condition(sql.SQL("m.token_count > %(filter0)s"), {"filter0": 1}))


def _asked(explaining: Explaining, query: str) -> Question:
    return message_search.question(explaining, "w", query)


def test_question_reads_its_terms_counts_by_key(explaining: Explaining):
    asked = _asked(explaining, "common word17 half1 unknown")
    assert [(t.lexeme, t.df) for t in asked.terms] == [
        ("word17", 4),
        ("half1", 10_000),
        ("common", 20_000),
        ("unknown", 0),
    ]
    assert asked.documents == 20_000
    assert "term_stats_pkey" in explaining.plans[0]


def _best(explaining: Explaining, area: Area, query: str, *, is_literal: bool = False) -> list[str]:
    """Ids of what says the query, best first; the plan of the statement is the last one then."""
    wish = Wish(query, is_literal, 0.7)
    worth = message_ranking.saying(explaining, area, _asked(explaining, query), wish, listed=40)
    return sorted(worth, key=lambda message_id: (-worth[message_id], message_id))


@pytest.mark.parametrize("area", [*AREAS, FILTERED])
def test_rare_words_are_found_through_the_index_of_documents(explaining: Explaining, area: Area):
    assert _best(explaining, area, "word17")
    assert "message_search_document" in explaining.plans[-1]
    assert not re.search(r"Seq Scan on (messages|message_search|work_items)", explaining.plans[-1])


@pytest.mark.parametrize("query", ["common", "common half1", "common half1 word17"])
def test_common_words_are_scored_for_a_bounded_number_only(explaining: Explaining, query: str):
    assert len(_best(explaining, Area("w"), query)) == 40
    scored = [line for line in explaining.plans[-1].splitlines() if "Append" in line or "Limit" in line]
    assert scored
    assert not any(f"rows={n}." in line for line in scored for n in (10000, 20000))


def test_words_of_both_workspaces_are_told_apart_by_the_index(explaining: Explaining):
    _best(explaining, Area("w"), "word17")
    indexed = explaining.plans[-1].partition("CTE said")[0].partition("Scan on message_search ")[2]
    assert "message_search_document" in indexed
    assert "Removed by Filter" not in indexed


def test_messages_waiting_for_chores_are_found_through_their_own_index(explaining: Explaining):
    assert _best(explaining, Area("w"), "word4999")[0] == "m19999"
    assert "work_items_unindexed" in explaining.plans[-1]


def test_what_a_sentence_does_not_ask_for_is_not_run(explaining: Explaining):
    _best(explaining, Area("w"), "word17")
    for part in ("CTE said", "CTE newest"):
        assert "never executed" in explaining.plans[-1].partition(part)[2].partition("Append")[0]


def test_literal_search_goes_through_the_index_of_documents(explaining: Explaining):
    assert _best(explaining, Area("w"), "word17 half", is_literal=True)
    said = explaining.plans[-1].partition("CTE said")[2].partition("CTE newest")
    assert "message_search_document" in said[0]
    assert "never executed" in said[2].partition("Append")[0]


@pytest.mark.parametrize("area", [Area("w"), FILTERED])
def test_newest_messages_are_read_in_the_order_of_their_index(explaining: Explaining, area: Area):
    assert len(_best(explaining, area, "ord4")) == 40
    newest = explaining.plans[-1].partition("CTE newest")[2].partition("Append")[0]
    assert "messages_by_age" in newest
    assert "Sort" not in newest


@pytest.mark.parametrize("area", [*AREAS, FILTERED])
def test_best_of_a_ranking_are_fetched_by_key_and_only_as_many_as_are_wanted(explaining: Explaining, area: Area):
    worth = {f"m{n}": 0.1 + n / 10_000 for n in range(1, 1001)}
    found = message_ranking.best(explaining, area, worth, most=40)
    wanted = [n for n in range(1000, 0, -1) if area.sessions is None or n % 20 + 1 in (1, 2)][:40]
    assert [message.id for message, _ in found] == [f"m{n}" for n in wanted]
    assert not re.search(r"Seq Scan on messages", explaining.plans[-1])
    fetched = re.findall(r"Index Scan using \w+ on messages m\w* \(actual.*loops=(\d+)\)", explaining.plans[-1])
    assert max(int(loops) for loops in fetched) <= (40 if area.where is None and not area.sessions else 1000)


def test_messages_with_the_metadata_of_a_filter_are_found_by_their_index(explaining: Explaining):
    about = sql.SQL("m.metadata @> %(filter0)s")
    area = Area("w", where=Condition(about, {"filter0": Jsonb({"kind": "rare"})}))
    assert len(message_search.newest_ids(explaining, area, limit=2001)) == 20
    assert "messages_by_metadata" in explaining.plans[-1]


def test_messages_that_meet_a_common_filter_are_read_newest_first_and_no_further(explaining: Explaining):
    assert len(message_search.newest_ids(explaining, FILTERED, limit=2001)) == 2001
    assert "messages_by_age" in explaining.plans[-1]
    assert "Sort" not in explaining.plans[-1]


def test_text_alone_is_looked_for_through_the_index_of_documents(explaining: Explaining):
    asked = _asked(explaining, "word17 half")
    assert message_search.literally(explaining, Area("w"), asked, "word17 half", limit=5)
    assert "message_search_document" in explaining.plans[-1]


@pytest.mark.parametrize("area", [Area("w"), FILTERED])
def test_text_alone_is_looked_for_in_the_newest_messages_by_their_index(explaining: Explaining, area: Area):
    assert message_search.literally_among_newest(explaining, area, "ord4", limit=5)
    assert "messages_by_age" in explaining.plans[-1]
    assert "Sort" not in explaining.plans[-1]


@pytest.mark.parametrize("sessions", [None, ("s1",), tuple(f"s{n}" for n in range(1, 20))])
@pytest.mark.parametrize("statement", [message_search._NEWEST, message_search._OLDEST])
def test_messages_of_a_time_are_read_by_index(
    explaining: Explaining, statement: LiteralString, sessions: tuple[str, ...] | None
):
    area = Area("w", sessions, where=message_search.said_in(period("2031-01-03", "2031-01-04")))
    condition = area.condition()
    columns = sql.SQL("m.id, m.created_at")
    found = explaining.execute(
        sql.SQL(statement).format(columns=columns, condition=condition.text), {**condition.params, "limit": 20}
    ).fetchall()
    assert len(found) == 20
    assert {moment.date().isoformat() for _, moment in found} <= {"2031-01-03", "2031-01-04"}
    assert "messages_by_age" in explaining.plans[-1]
    assert "Seq Scan" not in explaining.plans[-1]
