"""Calls of models in a real Postgres: noted once, summed, and rolled up by day."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from shared.domain.usage import Tokens, Totals
from shared.store import calls, message_ranking
from shared.store.database import Connection
from shared.store.message_search import Area
from tests.support.backends import THEN
from tests.support.spending import a_call

DAY = timedelta(days=1)
MIDNIGHT = datetime(2031, 5, 6, tzinfo=UTC)


@pytest.fixture
def conn(database_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(database_dsn, autocommit=True) as opened:
        yield opened


@pytest.fixture
def workspace() -> str:
    return f"w-{uuid.uuid4().hex[:8]}"


def used(conn: Connection, workspace: str | None, by="feature", since=MIDNIGHT - 9 * DAY, until=MIDNIGHT + DAY):
    return {(group, name): sums for group, name, sums in calls.used(conn, workspace, since=since, until=until, by=by)}


def test_call_that_is_noted_twice_counts_once(conn: Connection, workspace: str):
    made = [a_call(), replace(a_call(None, model="n"), outcome="failed", error="ModelUnavailable")]
    calls.note(conn, workspace, made)
    calls.note(conn, workspace, [*made, a_call(feature="summary")])
    tokens = Tokens(10, 4, 1, 5, 2)
    assert used(conn, workspace) == {
        ("derive", "p/m"): Totals(1, 0, 0, tokens, 100, Decimal("0.01")),
        ("derive", "p/n"): Totals(1, 1, 1, tokens, 100, Decimal(0)),
        ("summary", "p/m"): Totals(1, 0, 0, tokens, 100, Decimal("0.01")),
    }


def test_same_id_in_another_workspace_is_another_call(conn: Connection, workspace: str):
    one = a_call()
    for name in (workspace, f"{workspace}-2"):
        calls.note(conn, name, [one])
    assert len(used(conn, workspace)) == len(used(conn, f"{workspace}-2")) == 1


def test_price_is_kept_to_the_last_digit(conn: Connection, workspace: str):
    tiny = Decimal("0.00000000123456789")
    calls.note(conn, workspace, [a_call(tiny) for _ in range(3)])
    [sums] = used(conn, workspace).values()
    assert sums.usd == 3 * tiny


def test_time_is_half_open_and_in_utc(conn: Connection, workspace: str):
    calls.note(conn, workspace, [a_call(at=MIDNIGHT + n * timedelta(hours=6)) for n in range(-1, 5)])
    by_day = used(conn, workspace, "day", MIDNIGHT, MIDNIGHT + DAY)
    assert [(day, sums.calls) for (day, _), sums in by_day.items()] == [("2031-05-06", 4)]
    assert used(conn, workspace, "day", MIDNIGHT, MIDNIGHT) == {}


def test_calls_that_are_rolled_up_count_as_before(conn: Connection, workspace: str):
    old = [a_call(at=THEN - n * DAY, model=f"m{n % 2}") for n in range(6)]
    calls.note(conn, workspace, [*old, a_call(None, at=THEN - 3 * DAY), a_call(at=THEN - 4 * DAY)])
    before = {by: used(conn, workspace, by) for by in ("day", "feature", "model")}
    moved = 0
    # In small steps, and once more than there is something to do.
    while some := calls.roll_up(conn, before=MIDNIGHT - DAY, most=2):
        moved += some
        assert {by: used(conn, workspace, by) for by in ("day", "feature", "model")} == before
    assert moved == 6
    assert conn.execute("SELECT count(*) FROM model_calls WHERE workspace = %s", [workspace]).fetchone() == (2,)
    assert conn.execute("SELECT sum(calls) FROM usage_days WHERE workspace = %s", [workspace]).fetchone() == (6,)


def test_all_workspaces_can_be_summed_at_once(conn: Connection, workspace: str):
    far = datetime(2040, 1, 1, tzinfo=UTC)
    for name in (workspace, f"{workspace}-2"):
        calls.note(conn, name, [a_call(at=far)])
    [sums] = used(conn, None, since=far, until=far + DAY).values()
    assert sums.calls == 2


def test_calls_ride_on_a_statement_that_reads(conn: Connection, workspace: str):
    one = a_call()
    for _ in range(2):
        assert message_ranking.best(conn, Area(workspace), {"no such message": 1.0}, [one], most=5) == []
    assert len(used(conn, workspace)) == 1
