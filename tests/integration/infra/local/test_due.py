"""The due times of a database are told, and an absent answer is no failure."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from infra.local.due import DueTimes
from infra.local.postgres import EmbeddedPostgres, clone_database, drop_database

NAME = "due_times"
EARLY, LATE = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)


@pytest.fixture
def owner(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    admin = postgres_server.dsn("postgres", "postgres")
    clone_database(admin, "honcho", NAME)
    yield postgres_server.dsn("owner", NAME)
    drop_database(admin, NAME)


def asked(dsn: str, times: int = 1) -> list[datetime | None]:
    async def ask() -> list[datetime | None]:
        due = DueTimes(dsn)
        try:
            return [await due.next_due() for _ in range(times)]
        finally:
            await due.close()

    return asyncio.run(ask())


def test_next_due_when_the_table_is_not_there_is_none(postgres_server: EmbeddedPostgres, owner: str):
    assert asked(postgres_server.dsn("app", NAME), times=2) == [None, None]


def test_next_due_when_several_are_due_is_the_earliest(postgres_server: EmbeddedPostgres, owner: str):
    with psycopg.connect(owner) as conn:
        conn.execute("CREATE TABLE work_units (due_at timestamptz)")
        conn.execute("INSERT INTO work_units VALUES (%s), (NULL), (%s)", [LATE, EARLY])
    assert asked(postgres_server.dsn("app", NAME)) == [EARLY]


def test_next_due_when_the_connection_was_cut_asks_again(postgres_server: EmbeddedPostgres, owner: str):
    with psycopg.connect(owner) as conn:
        conn.execute("CREATE TABLE work_units (due_at timestamptz)")

    async def ask() -> list[datetime | None]:
        due = DueTimes(postgres_server.dsn("app", NAME))
        first = await due.next_due()
        with psycopg.connect(postgres_server.dsn("postgres", NAME), autocommit=True) as conn:
            conn.execute("INSERT INTO work_units VALUES (%s)", [LATE])
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        answers = [first, await due.next_due(), await due.next_due()]
        await due.close()
        return answers

    assert asyncio.run(ask()) == [None, None, LATE]


def test_next_due_when_there_is_no_database_is_none():
    assert asked("postgresql://app@127.0.0.1:1/none?connect_timeout=2") == [None]


def test_database_that_stays_away_is_told_of_once(caplog: pytest.LogCaptureFixture):
    assert asked("postgresql://app@127.0.0.1:1/none?connect_timeout=2", times=3) == [None, None, None]
    assert [one.getMessage() for one in caplog.records] == ["due_times_unknown error=nobody listens at its address"]
