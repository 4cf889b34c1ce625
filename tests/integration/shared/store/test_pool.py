"""The settings of the connection pool, each seen at work."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.store.database import Database, open_database
from shared.store.pool import Pool, PoolExhausted
from shared.telemetry import tracing
from shared.telemetry.logs import logger
from tests.support.database_proxy import DatabaseProxy

PID = "SELECT pg_backend_pid()"


@pytest.fixture
def opened(place):
    """Databases and pools under changed settings, closed afterwards."""
    made: list[Database | Pool] = []

    def database(**changed: object) -> Database:
        made.append(open_database(place.backends.settings.db.model_copy(update=changed)))
        return made[-1]

    def pool(now=None, **changed: object) -> Pool:
        settings = place.backends.settings.db.model_copy(update=changed)
        made.append(Pool(settings, now=now) if now else Pool(settings))
        return made[-1]

    database.pool = pool
    yield database
    for one in made:
        one.close()


def pid(pool: Pool) -> int:
    """Which connection is lent now; it is given back at once."""
    conn = pool.take()
    found = conn.execute(PID).fetchone()[0]
    pool.give_back(conn)
    return found


def test_pool_overflow_is_lent_once_and_closed(opened):
    pool = opened.pool(pool_size=1, max_overflow=1)
    first, second = pool.take(), pool.take()
    pool.give_back(first)
    pool.give_back(second)
    assert (first.closed, second.closed) == (False, True)


def test_pool_that_is_used_up_is_waited_for_as_long_as_the_settings_say(opened):
    pool = opened.pool(pool_size=1, max_overflow=0, pool_timeout=0)
    held = pool.take()
    with pytest.raises(PoolExhausted):
        pool.take()
    pool.give_back(held)
    assert pool.take() is held
    pool.give_back(held)


def test_pool_with_patience_gets_the_connection_that_comes_back(opened):
    pool = opened.pool(pool_size=1, max_overflow=0, pool_timeout=30)
    held = pool.take()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.take)
        threading.Event().wait(0.05)
        pool.give_back(held)
        assert waiting.result() is held
    pool.give_back(held)


def test_pool_of_class_null_keeps_nothing(opened):
    assert pid(pool := opened.pool()) == pid(pool)
    assert pid(pool := opened.pool(pool_class="null")) != pid(pool)


def test_pool_recycles_what_was_opened_too_long_ago(opened):
    times = iter(range(0, 10_000, 10))
    assert pid(pool := opened.pool(now=lambda: next(times))) == pid(pool)
    assert pid(pool := opened.pool(now=lambda: next(times), pool_recycle=5)) != pid(pool)


@pytest.mark.parametrize(("is_lifo", "place_in_line"), [(True, 1), (False, 0)])
def test_pool_lends_the_newest_or_the_oldest(opened, is_lifo: bool, place_in_line: int):
    pool = opened.pool(pool_use_lifo=is_lifo)
    both = [pool.take(), pool.take()]
    for conn in both:
        pool.give_back(conn)
    lent = pool.take()
    pool.give_back(lent)
    assert lent is both[place_in_line]


@pytest.mark.parametrize("is_asked", [True, False])
def test_pool_asks_a_rested_connection_unless_told_not_to(place, app_dsn, opened, is_asked: bool):
    with DatabaseProxy(app_dsn) as proxy:
        uri = place.backends_at(proxy.dsn).settings.db.connection_uri
        pool = opened.pool(connection_uri=uri, pool_pre_ping=is_asked)
        first = pool.take()
        pool.give_back(first)
        proxy.cut()
        again = pool.take()
        assert (again is first) is not is_asked
        pool.give_back(again)


def test_statements_are_told_without_their_values_when_asked_for(opened, caplog):
    logger.setLevel("INFO")
    for told in (False, True):
        caplog.clear()
        with opened(sql_debug=told).reading() as conn:
            conn.execute("SELECT  %(word)s::text", {"word": "hunter2"})
        lines = [record for record in caplog.records if record.getMessage() == "statement"]
        assert [record.sql for record in lines] == (["SELECT %(word)s::text"] if told else [])
    assert "hunter2" not in caplog.text


def test_connections_carry_the_name_of_the_work_when_asked_for(opened):
    name = "SELECT current_setting('application_name')"
    logger.append_keys(function="deriver")
    try:
        for told in (False, True):
            database = opened(tracing=told)
            with tracing.entry("unit", None, {}) as span, database.transaction() as conn:
                expected = f"honcho-serverless/deriver/{span.trace.trace_id}" if told else "honcho-serverless"
                assert conn.execute(name).fetchone() == (expected,)
            with database.reading() as conn:
                # Nothing of it stays with the connection.
                assert conn.execute(name).fetchone() == ("honcho-serverless",)
    finally:
        logger.remove_keys(["function"])
