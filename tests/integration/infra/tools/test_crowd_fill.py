"""What `bench search` writes straight into the tables is what the API and its workers would have left there."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest

from infra.bootstrap import ROOT
from infra.tools.crowd import fill
from infra.tools.crowd.meaning import Meaning
from infra.tools.crowd.talk import BIG, Talk
from shared.domain.message import MessageDraft
from shared.domain.vector import EmbeddingSpace, Vector
from shared.memory.record import record_messages
from shared.vectors import spaces
from shared.vectors.pg import PgIndex
from tests.support.searching import Searching, open_searching

SPACE = EmbeddingSpace("crowd", 64)
VECTORS = spaces.table_names(SPACE).messages
TALK = Talk(300)


class MeaningEmbedder:
    """The crowd's meaning as an embedding model."""

    space = SPACE

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return Meaning(SPACE.dimensions).of(texts).tolist()


@pytest.fixture(scope="module", autouse=True)
def words() -> None:
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(ROOT / "layers" / "models" / "encodings"))


@pytest.fixture(scope="module")
def filled(database_dsn: str, owner_dsn: str) -> Iterator[Searching]:
    """The crowd as the measurement writes it, and beside it the same talk as the product does."""
    with psycopg.connect(owner_dsn, autocommit=True) as conn:
        spaces.create(conn, SPACE)
        fill.fill(conn, TALK, Meaning(SPACE.dimensions), SPACE, lambda _: None)
    opened = open_searching(database_dsn, "told")
    embedder = MeaningEmbedder()
    told = opened.with_embedder(embedder)  # pyright: ignore
    told.backends = replace(told.backends, vectors=PgIndex(opened.backends.db, lambda: SPACE))
    for session in TALK.sessions():
        lines = TALK.lines(session)
        for start in range(0, len(lines), 100):
            drafts = [
                MessageDraft(line.peer, line.text, metadata=line.metadata, created_at=line.at)
                for line in lines[start : start + 100]
            ]
            record_messages(told.backends, "told", session.name, drafts)
        told.indexes(session.name)
    yield told
    opened.backends.db.close()


ROWS: dict[str, LiteralString] = {
    "peers": "SELECT name, metadata::text, configuration::text, is_active FROM peers WHERE workspace = %s ORDER BY 1",
    "sessions": "SELECT name, is_active, last_seq, metadata::text FROM sessions WHERE workspace = %s ORDER BY 1",
    "members": "SELECT session, peer, observe_me, left_at FROM members WHERE workspace = %s ORDER BY 1, 2",
    "messages": """
        SELECT session, seq, peer, content, token_count, metadata::text, configuration, created_at, internal
          FROM messages WHERE workspace = %s ORDER BY 1, 2""",
    "documents": """
        SELECT m.session, m.seq, replace(s.document::text, '=' || m.workspace, '=')
          FROM message_search AS s JOIN messages AS m ON m.workspace = s.workspace AND m.id = s.message_id
         WHERE s.workspace = %s ORDER BY 1, 2""",
    "counts of words": "SELECT term, df FROM term_stats WHERE workspace = %s ORDER BY 1",
    "sums": "SELECT documents, lexemes FROM search_totals WHERE workspace = %s",
    "index units": """
        SELECT unit, kind, session, observed, is_woken, pending_items, pending_tokens, parked_items, held_session,
               due_at, lease_until, token, window_first, window_last, window_items, answer, done_items
          FROM work_units WHERE workspace = %s AND kind = 'index' ORDER BY 1""",
    "index items": """
        SELECT i.unit, i.seq, i.first_seq, i.tokens, i.observers, i.state, m.seq
          FROM work_items AS i JOIN messages AS m ON m.workspace = i.workspace AND m.id = i.message_id
         WHERE i.workspace = %s AND starts_with(i.unit, 'index:') ORDER BY 1, 2""",
}


@pytest.mark.parametrize("statement", ROWS.values(), ids=ROWS)
def test_filled_rows_are_those_of_the_product(filled: Searching, statement: LiteralString):
    with filled.backends.db.reading() as conn:
        made, told = (conn.execute(statement, (workspace,)).fetchall() for workspace in (BIG, "told"))
    assert made
    assert made == told


def test_filled_vectors_are_those_of_the_product(filled: Searching):
    statement = f"""
        SELECT m.session, m.seq, v.piece, v.session = m.session, v.peer = m.peer, v.vector::real[]
          FROM {VECTORS} AS v JOIN messages AS m ON m.workspace = v.workspace AND m.id = v.message_id
         WHERE v.workspace = %s ORDER BY 1, 2"""
    with filled.backends.db.reading() as conn:
        made, told = (conn.execute(statement, (workspace,)).fetchall() for workspace in (BIG, "told"))
    assert len(made) == 300
    assert [row[:5] for row in made] == [row[:5] for row in told]
    assert all(one[5] == pytest.approx(other[5], abs=1e-6) for one, other in zip(made, told, strict=True))


class BrokenOff(Exception):
    pass


def test_fill_that_was_broken_off_goes_on_and_twice_writes_nothing_more(owner_dsn: str, filled: Searching):
    talk, meaning, heard = Talk(900), Meaning(SPACE.dimensions), list[int]()

    def show(done: int) -> None:
        heard.append(done)
        if len(heard) == 2:
            raise BrokenOff

    with psycopg.connect(owner_dsn, autocommit=True) as conn:
        conn.execute("TRUNCATE workspaces CASCADE")
        with pytest.raises(BrokenOff):
            fill.fill(conn, talk, meaning, SPACE, show, sessions_at_a_time=1)
        first = conn.execute("SELECT id FROM messages ORDER BY id").fetchall()
        for _ in range(2):
            fill.fill(conn, talk, meaning, SPACE, heard.append, sessions_at_a_time=1)
        after = conn.execute("SELECT id FROM messages ORDER BY id").fetchall()
        index = conn.execute("SELECT to_regclass('message_search_document') IS NOT NULL").fetchone()
    assert len(first) == 290
    assert len(after) == 900
    assert set(first) <= set(after)
    assert heard == [90, 290, 490, 690, 890, 900]
    assert index == (True,)
