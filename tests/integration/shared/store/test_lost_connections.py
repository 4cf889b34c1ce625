"""Connections cut at every moment of a write: it happens once, and whoever asked never notices."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.memory import peers, sessions
from shared.memory.conclude import GivenConclusion, create_conclusions
from tests.support.database_proxy import DatabaseProxy, Moment
from tests.support.workplace import Workplace

SAID = (("ada", "one"), ("bob", "two"), ("ada", "three"))
MADE = """
SELECT p.metadata AS p, s.metadata AS s FROM peers AS p JOIN sessions AS s USING (workspace, name)
 WHERE workspace = %(workspace)s AND name = 'new'
"""
MOMENTS: tuple[Moment, ...] = ("before", "answer")


@pytest.fixture
def behind(place: Workplace, app_dsn: str) -> Iterator[tuple[DatabaseProxy, Workplace]]:
    """The place behind a line that can be cut, on a connection that is warm."""
    with DatabaseProxy(app_dsn) as proxy:
        mine = replace(place, backends=place.backends_at(proxy.dsn))
        mine.says("warm", ("ada", "up"))
        yield proxy, mine
        mine.backends.db.close()


def stored(place: Workplace) -> list[tuple[str, int, str]]:
    rows = place.rows("SELECT id, seq, content FROM messages WHERE workspace = %(workspace)s AND session = 's'")
    return sorted((row["id"], row["seq"], row["content"]) for row in rows)


def answered(messages) -> list[tuple[str, int, str]]:
    return sorted((message.id, message.seq, message.content) for message in messages)


@pytest.mark.parametrize("words", [b"BEGIN", b"UPDATE sessions", b"work_items", b"COMMIT"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_record_when_the_line_is_cut_at_any_statement_stores_what_it_answers_once(place, behind, moment, words):
    proxy, mine = behind
    mine.says("s", ("ada", "zero"))
    proxy.cut_at(moment, words)
    said = mine.says("s", *SAID)
    assert proxy.is_sprung
    assert [message.seq for message in said] == [2, 3, 4]
    assert answered(said) == [row for row in stored(place) if row[2] != "zero"]
    assert len(stored(place)) == 4
    assert sorted(row["seq"] for peer in ("ada", "bob") for row in place.items(place.unit("s", peer))) == [1, 2, 3, 4]


def test_record_when_the_line_rested_and_was_cut_notices_nothing(place, behind):
    proxy, mine = behind
    proxy.cut()
    assert answered(mine.says("s", *SAID)) == stored(place)


def test_connection_lost_while_it_was_being_made_is_made_again(place, behind):
    proxy, mine = behind
    proxy.cut()
    proxy.cut_at("before", b"honcho-serverless")
    assert answered(mine.says("s", *SAID)) == stored(place)
    assert proxy.is_sprung


def test_record_when_the_commit_arrives_late_answers_what_it_stored(place, behind):
    """The first look finds nothing, because COMMIT is still on its way; the repetition runs into its rows."""
    proxy, mine = behind
    proxy.cut_at("late")
    said = []
    writer = threading.Thread(target=lambda: said.extend(mine.says("s", *SAID)))
    writer.start()
    deadline = time.monotonic() + 20
    while not place.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < deadline
    proxy.release()
    writer.join(20)
    assert answered(said) == stored(place)
    assert [message.seq for message in said] == [1, 2, 3]


def test_record_when_the_line_is_cut_twice_is_an_outage_and_stores_nothing(place, behind):
    proxy, mine = behind
    proxy.cut_at("before", times=2)
    with pytest.raises(DatabaseUnavailable):
        mine.says("s", *SAID)
    assert stored(place) == []


@pytest.mark.parametrize(("moment", "count"), [("before", 0), ("answer", 3)])
def test_record_when_the_database_is_gone_after_commit_is_an_outage_and_never_half(place, behind, moment, count):
    proxy, mine = behind
    proxy.cut_at(moment)
    proxy.refuse()
    with pytest.raises(DatabaseUnavailable) as caught:
        mine.says("s", *SAID)
    assert caught.value.retry_after_s == 2.0
    assert len(stored(place)) == count


@pytest.mark.parametrize("moment", MOMENTS)
def test_conclusions_when_the_line_is_cut_at_commit_are_saved_once(place, behind, moment):
    proxy, mine = behind
    given = [GivenConclusion("ada", "ada", None, "Ada sails"), GivenConclusion("ada", "ada", None, "Ada sails")]
    proxy.cut_at(moment)
    made = create_conclusions(mine.backends, mine.workspace, given)
    assert proxy.is_sprung
    assert sorted(one.id for one in made) == sorted(row["id"] for row in place.conclusions())
    assert len(made) == 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_get_or_create_when_the_line_is_cut_at_commit_makes_one(place, behind, moment):
    proxy, mine = behind
    proxy.cut_at(moment)
    peers.get_or_create(mine.backends, mine.workspace, "new", metadata={"a": 1}, configuration=None)
    proxy.cut_at(moment)
    sessions.get_or_create(mine.backends, mine.workspace, "new", metadata={"b": 1})
    assert proxy.is_sprung
    assert place.rows(MADE) == [{"p": {"a": 1}, "s": {"b": 1}}]


def test_run_when_the_server_ends_the_session_goes_on_with_another(place, behind):
    """What an administrator, a restart and an idle timeout do: the server says farewell and hangs up."""
    _, mine = behind
    used: list[int] = []

    def work(conn) -> None:
        used.append(conn.execute("SELECT pg_backend_pid()").fetchone()[0])
        if len(used) == 1:
            with place.backends.db.reading() as sideways:
                sideways.execute("SELECT pg_terminate_backend(%s)", [used[0]])
        conn.execute("UPDATE workspaces SET metadata = '{\"a\": 1}' WHERE name = %s", [mine.workspace])

    mine.backends.db.run(work)
    assert len(set(used)) == 2
    assert place.rows("SELECT metadata FROM workspaces WHERE name = %(workspace)s") == [{"metadata": {"a": 1}}]


def test_run_when_the_server_has_become_a_reader_goes_on_with_another(place, behind):
    """After a failover the old writer still answers, but takes no writes."""
    _, mine = behind
    used: list[int] = []

    def work(conn) -> None:
        used.append(conn.execute("SELECT pg_backend_pid()").fetchone()[0])
        if len(used) == 1:
            conn.execute("SET TRANSACTION READ ONLY")
        conn.execute("UPDATE workspaces SET uid = uid WHERE name = %s", [mine.workspace])

    mine.backends.db.run(work)
    assert len(set(used)) == 2
