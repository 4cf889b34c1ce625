"""Connections: lent to one at a time, replaced when they are lost, and honest about what cannot be reached."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.settings.sections import DbSettings
from shared.store.database import Database, Deadlocked, open_database
from tests.support.database_proxy import DatabaseProxy

INSERT = "INSERT INTO workspaces (name, uid) VALUES (%s, 'x')"


@pytest.fixture
def proxied(place, app_dsn):
    """The database behind a line that can be cut."""
    with DatabaseProxy(app_dsn) as proxy:
        db = place.backends_at(proxy.dsn).db
        yield proxy, db
        db.close()


def opened(**settings: object) -> Database:
    return open_database(DbSettings.model_validate(settings))


def is_stored(place) -> bool:
    return bool(place.rows("SELECT 1 FROM workspaces WHERE name = %(workspace)s"))


def test_transaction_commits_at_the_end_and_undoes_on_an_error(place):
    def work(conn) -> None:
        conn.execute(INSERT, [place.workspace])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place.backends.db.run(work)
    assert not is_stored(place)
    with place.backends.db.transaction() as conn:
        conn.execute(INSERT, [place.workspace])
    assert is_stored(place)


def test_together_when_an_unread_statement_fails_raises_its_own_error_and_undoes_all(place):
    def work(conn) -> None:
        with place.backends.db.together(conn):
            for name in (place.workspace, place.workspace, f"{place.workspace}-2"):
                conn.execute(INSERT, [name])

    with pytest.raises(psycopg.errors.UniqueViolation):
        place.backends.db.run(work)
    assert not is_stored(place)
    assert place.says("s", ("ada", "still fine"))[0].seq == 1


def test_password_of_its_own_opens_an_address_that_has_none(app_dsn):
    parts = urlsplit(app_dsn)
    without = urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}"))
    with pytest.raises(DatabaseUnavailable), opened(connection_uri=without, password="wrong").reading():
        pass
    with opened(connection_uri=without, password=parts.password).reading() as conn:
        assert conn.execute("SELECT session_user").fetchone() == ("app",)


def test_connection_lost_while_it_rested_is_replaced(proxied):
    proxy, db = proxied
    with db.reading() as conn:
        conn.execute("SELECT 1")
    proxy.cut()
    with db.transaction() as conn:
        assert conn.execute("SELECT 2").fetchone() == (2,)


@pytest.mark.parametrize("is_together", [True, False])
def test_connection_lost_during_a_transaction_is_an_outage_and_not_kept(place, proxied, is_together):
    proxy, db = proxied

    def work(conn) -> None:
        with db.together(conn) if is_together else nullcontext():
            conn.execute(INSERT, [place.workspace])
            proxy.cut()

    with pytest.raises(DatabaseUnavailable):
        db.run(work)
    assert not is_stored(place)
    with db.transaction() as conn:
        conn.execute(INSERT, [place.workspace])
    assert is_stored(place)


def test_database_that_is_not_there_is_an_outage_with_a_time_to_come_back(proxied):
    proxy, db = proxied
    proxy.sever()
    with pytest.raises(DatabaseUnavailable) as caught, db.reading():
        pass
    assert caught.value.retry_after_s == 2.0


def test_run_repeats_the_victim_of_a_deadlock(place):
    names = [f"{place.workspace}-{n}" for n in range(2)]
    with place.backends.db.transaction() as conn:
        for name in names:
            conn.execute(INSERT, [name])
    both, runs = threading.Barrier(2, timeout=20), list[str]()

    def cross(first: str, second: str) -> None:
        def work(conn) -> None:
            runs.append(first)
            conn.execute("UPDATE workspaces SET uid = 'y' WHERE name = %s", [first])
            if len(runs) <= 2:
                both.wait()
            conn.execute("UPDATE workspaces SET uid = 'z' WHERE name = %s", [second])

        place.backends.db.run(work)

    with ThreadPoolExecutor(2) as pool:
        for task in [pool.submit(cross, *names), pool.submit(cross, *names[::-1])]:
            task.result()
    assert len(runs) == 3


def test_deadlock_outside_of_run_is_an_outage(place):
    with pytest.raises(DatabaseUnavailable), place.backends.db.transaction():
        raise psycopg.errors.DeadlockDetected
    with pytest.raises(Deadlocked), place.backends.db.transaction():
        raise psycopg.errors.SerializationFailure


def test_run_twice_a_victim_gives_up_as_an_outage(place):
    runs = []

    def work(_) -> None:
        runs.append(1)
        raise psycopg.errors.DeadlockDetected

    with pytest.raises(DatabaseUnavailable):
        place.backends.db.run(work)
    assert len(runs) == 2


def test_connections_are_lent_to_one_at_a_time_and_no_more_than_the_pool_holds(place, app_dsn):
    settings = place.backends.settings.db.model_copy(update={"pool_size": 2, "max_overflow": 0})
    db, seen, inside, most = open_database(settings), set(), [], []
    lock = threading.Lock()

    def use(_: int) -> None:
        with db.transaction() as conn:
            pid = conn.execute("SELECT pg_backend_pid()").fetchone()[0]
            with lock:
                assert pid not in inside
                inside.append(pid)
                seen.add(pid)
                most.append(len(inside))
            conn.execute("SELECT pg_sleep(0.002)")
            with lock:
                inside.remove(pid)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(40)))
    db.close()
    assert (len(seen), max(most)) == (2, 2)


def test_schema_other_than_the_usual_comes_first_on_the_path(place):
    db = open_database(place.backends.settings.db.model_copy(update={"db_schema": "elsewhere"}))
    with db.reading() as conn:
        assert conn.execute("SHOW search_path").fetchone() == ("elsewhere,public",)
    db.close()
