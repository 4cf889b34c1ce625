"""Messages around places: the right ones, by the key alone."""

from collections.abc import Generator

import psycopg
import pytest

from shared.store import members, snippets
from shared.store.database import Connection
from shared.store.snippets import Stretch

FILL = """
INSERT INTO workspaces (name, uid) VALUES ('w', 'u1'), ('v', 'u2');
INSERT INTO peers (workspace, name, uid) VALUES ('w', 'ada', 'u'), ('v', 'ada', 'u');
INSERT INTO sessions (workspace, name, uid, is_active)
SELECT 'w', 's' || n, 'u', n <> 3 FROM generate_series(1, 20) AS n;
INSERT INTO sessions (workspace, name, uid) VALUES ('v', 's1', 'u');
INSERT INTO members (workspace, session, peer, left_at)
SELECT 'w', 's' || n, 'ada', CASE WHEN n = 2 THEN now() END FROM generate_series(1, 3) AS n;
INSERT INTO messages (workspace, session, seq, id, peer, content, token_count, is_reasoned)
SELECT 'w', 's' || s, n, s || '-' || n, 'ada', 'text', 1, true
  FROM generate_series(1, 20) AS s, generate_series(1, 500) AS n;
INSERT INTO messages (workspace, session, seq, id, peer, content, token_count, is_reasoned)
VALUES ('v', 's1', 5, 'foreign', 'ada', 'text', 1, true);
ANALYZE;
"""


@pytest.fixture(scope="module")
def conn(database_dsn: str, owner_dsn: str) -> Generator[Connection]:
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        owner.execute(FILL)
    with psycopg.connect(database_dsn, autocommit=True) as mine:
        yield mine


def test_read_gives_each_stretch_its_messages_in_order(conn: Connection):
    asked = [Stretch("s2", 499, 503), Stretch("s1", 4, 6), Stretch("s2", 1, 2), Stretch("none", 1, 9)]
    found = [[message.id for message in read] for read in snippets.read(conn, "w", asked)]
    assert found == [["2-499", "2-500"], ["1-4", "1-5", "1-6"], ["2-1", "2-2"], []]


def test_read_of_no_stretches_is_empty(conn: Connection):
    assert snippets.read(conn, "w", []) == []


def test_read_scans_nothing_but_the_stretches(conn: Connection):
    values = {"workspace": "w", "sessions": ["s1", "s2"], "firsts": [4, 8], "lasts": [9, 12]}
    plan = "\n".join(str(row[0]) for row in conn.execute(f"EXPLAIN {snippets.READ}", values))
    assert "messages_pkey" in plan
    assert "Seq Scan on messages" not in plan


def test_sessions_of_a_peer_are_those_it_is_or_was_in_and_that_are_active(conn: Connection):
    assert members.sessions_of(conn, "w", "ada") == ["s1", "s2"]
    assert members.sessions_of(conn, "v", "ada") == []
