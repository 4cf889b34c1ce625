"""Indexing messages: once, whatever happens, and cheaply."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import LiteralString

import pytest

from shared.domain.vector import EmbeddingSpace
from shared.memory.indexing import tend_vectors
from shared.store import message_index
from shared.vectors.pg import PgIndex
from shared.vectors.spaces import table_names
from tests.support.searching import AbsentEmbedder, Searching, make_space, open_searching
from tests.support.word_embedder import WordEmbedder

_numbers = count(1)
_SPACE = table_names(WordEmbedder().space)


@pytest.fixture(scope="module")
def indexed_dsn(database_dsn: str, owner_dsn: str) -> str:
    make_space(owner_dsn)
    return database_dsn


@pytest.fixture
def here(indexed_dsn: str) -> Iterator[Searching]:
    opened = open_searching(indexed_dsn, f"w{next(_numbers)}")
    yield opened
    opened.backends.db.close()


def _rows(here: Searching, statement: LiteralString) -> list[tuple[object, ...]]:
    with here.backends.db.reading() as conn:
        return conn.execute(statement, {"workspace": here.workspace}).fetchall()


TERMS: LiteralString = "SELECT term, df FROM term_stats WHERE workspace = %(workspace)s ORDER BY term"
TOTALS: LiteralString = "SELECT documents, lexemes FROM search_totals WHERE workspace = %(workspace)s"
UNITS: LiteralString = """
SELECT session, pending_items, done_items, parked_items FROM work_units
 WHERE workspace = %(workspace)s AND kind = 'index' ORDER BY session
"""


def _vectors(here: Searching) -> list[tuple[object, ...]]:
    return _rows(
        here,
        f"SELECT message_id, piece, session, peer FROM {_SPACE.messages} WHERE workspace = %(workspace)s ORDER BY 1, 2",
    )


def test_index_makes_a_vector_and_counts_each_messages_terms_once(here: Searching):
    said = here.knows("tea, tea and more tea", "coffee and tea")
    assert _rows(here, TERMS) == [("ada", 2), ("coffe", 1), ("tea", 2)]
    assert _vectors(here) == [(m.id, 0, "s", "ada") for m in sorted(said, key=lambda m: m.id)]
    assert _rows(here, UNITS) == [("s", 0, 1, 0)]


def test_index_when_the_same_window_comes_twice_counts_once(here: Searching):
    here.knows("tea", "coffee")
    before = _rows(here, TERMS), _rows(here, TOTALS)
    with here.backends.db.transaction() as conn:
        message_index.index(conn, here.workspace, "s", 1, 2)
    here.indexes()
    assert (_rows(here, TERMS), _rows(here, TOTALS)) == before
    assert before[1][0][0] == 2


def test_index_takes_only_the_messages_of_its_session(here: Searching):
    here.says("tea")
    here.says("coffee", session="t")
    here.indexes("t")
    assert _rows(here, TERMS) == [("ada", 1), ("coffe", 1)]
    assert _rows(here, UNITS) == [("s", 1, 0, 0), ("t", 0, 1, 0)]


def test_index_of_a_session_without_work_does_nothing(here: Searching):
    here.indexes("unknown")
    assert _rows(here, UNITS) == []


def test_blank_messages_have_no_vector_and_harm_nothing(here: Searching):
    [_, said] = here.knows("   \n", "tea")
    assert _vectors(here) == [(said.id, 0, "s", "ada")]


def test_long_messages_have_a_vector_for_each_piece(here: Searching):
    app = here.backends.settings.app.model_copy(update={"max_embedding_tokens": 50})
    settings = here.backends.settings.model_copy(update={"app": app})
    there = replace(here, backends=replace(here.backends, settings=settings))
    [said] = there.knows(" ".join(f"word{n}" for n in range(120)))
    pieces = [row[1] for row in _vectors(here)]
    assert len(pieces) > 3
    assert pieces == list(range(len(pieces)))
    assert {row[0] for row in _vectors(here)} == {said.id}


def test_long_messages_are_split_at_what_the_vendor_reads_of_one_text(here: Searching):
    llm = here.backends.settings.llm.model_copy(update={"embedding_provider": "gemini"})
    settings = here.backends.settings.model_copy(update={"llm": llm})
    there = replace(here, backends=replace(here.backends, settings=settings))
    there.knows("word " * 3000)
    assert [row[1] for row in _vectors(here)] == [0, 1]


def test_embeddings_switched_off_index_the_words_alone(here: Searching):
    here.by_words_only().knows("tea")
    assert _vectors(here) == []
    assert _rows(here, TERMS) == [("ada", 1), ("tea", 1)]
    assert _rows(here, UNITS) == [("s", 0, 1, 0)]


def test_embedder_away_leaves_the_words_findable_and_the_work_for_later(here: Searching):
    absent = here.with_embedder(AbsentEmbedder())
    absent.knows("tea")
    assert _rows(here, TERMS) == [("ada", 1), ("tea", 1)]
    assert _rows(here, UNITS) == [("s", 1, 0, 0)]
    assert absent.finds("tea") == ["tea"]
    here.clock.moment += timedelta(hours=1)
    here.indexes()
    assert _rows(here, UNITS) == [("s", 0, 1, 0)]
    assert _rows(here, TERMS) == [("ada", 1), ("tea", 1)]
    assert len(_vectors(here)) == 1


def test_index_of_a_space_that_was_never_made_keeps_the_work(here: Searching):
    class Elsewhere(WordEmbedder):
        @property
        def space(self) -> EmbeddingSpace:
            return EmbeddingSpace("never made", 64)

    lost = here.with_embedder(Elsewhere())
    vectors = PgIndex(lost.backends.db, lambda: Elsewhere().space)
    replace(lost, backends=replace(lost.backends, vectors=vectors)).knows("tea")
    assert _rows(here, UNITS) == [("s", 1, 0, 0)]


def test_deleting_messages_deletes_their_documents(here: Searching):
    here.by_words_only().knows("tea")
    with here.backends.db.transaction() as conn:
        conn.execute("DELETE FROM messages WHERE workspace = %(workspace)s", {"workspace": here.workspace})
    assert _rows(here, "SELECT 1 FROM message_search WHERE workspace = %(workspace)s") == []


def test_tend_vectors_when_tables_are_small_builds_nothing(here: Searching):
    here.knows("tea")
    assert tend_vectors(here.backends) == 0


def test_sessions_indexed_at_once_count_every_term_and_wait_in_no_circle(here: Searching, indexed_dsn: str):
    words = ["tea", "coffee", "milk", "sugar", "bread", "butter", "honey", "salt"]
    sessions = [f"s{n}" for n in range(4)]
    for place, session in enumerate(sessions):
        for turn in range(10):
            # Each session says the words in an order of its own.
            order = [words[(place * 3 + turn + step * 5) % len(words)] for step in range(len(words))]
            here.says(" ".join(order), session=session)
    failed: list[BaseException] = []

    def index(session: str) -> None:
        place = open_searching(indexed_dsn, here.workspace)
        try:
            for _ in range(10):
                place.indexes(session)
        except BaseException as error:
            failed.append(error)
        finally:
            place.backends.db.close()

    workers = [threading.Thread(target=index, args=(session,)) for session in sessions]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    assert dict(_rows(here, TERMS)) == dict.fromkeys(
        ["ada", "bread", "butter", "coffe", "honey", "milk", "salt", "sugar", "tea"], 40
    )
    assert _rows(here, TOTALS)[0][0] == 40
