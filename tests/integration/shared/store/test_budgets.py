"""Budgets in a real Postgres: what is reserved, settled, expired, and never exceeded."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.bootstrap import ROOT
from shared.domain.ids import new_id
from shared.domain.spending import Budget, Limit, Spent
from shared.store import budgets, calls
from shared.store.budgets import Crossing, Wish
from shared.store.database import Connection
from tests.support.backends import THEN
from tests.support.spending import CENT, a_call

TEN = Budget(Limit(hard=Decimal(10)))
LATER = THEN + timedelta(minutes=2)


@pytest.fixture
def conn(database_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(database_dsn, autocommit=True) as opened:
        yield opened


@pytest.fixture
def workspace() -> str:
    return f"w-{uuid.uuid4().hex[:8]}"


def reserved(conn: Connection, workspace: str, usd: Decimal | int | None, budget: Budget = TEN, now=THEN) -> str | None:
    """The id of a call for which so much is reserved; None when there is no room."""
    wish = Wish(new_id(), None if usd is None else Decimal(usd), now + timedelta(minutes=2))
    return wish.id if budgets.reserve(conn, workspace, wish, budget, now=now).is_granted else None


def settled(conn: Connection, workspace: str, call_id: str, usd: Decimal | int, budget: Budget = TEN, now=THEN):
    return budgets.settle(conn, workspace, [a_call(Decimal(usd), id=call_id, at=now)], budget, now=now)


def test_reservation_takes_room_until_it_is_settled_at_what_it_cost(conn: Connection, workspace: str):
    first = reserved(conn, workspace, 7)
    assert first is not None
    assert reserved(conn, workspace, 4) is None
    assert budgets.standing(conn, workspace, now=THEN) == Spent(Decimal(0), Decimal(0), Decimal(7))
    assert settled(conn, workspace, first, 6) == []
    assert budgets.standing(conn, workspace, now=THEN) == Spent(Decimal(6), Decimal(6), Decimal(0))
    assert reserved(conn, workspace, 4) is not None
    assert reserved(conn, workspace, CENT) is None


def test_settling_twice_charges_once(conn: Connection, workspace: str):
    first = reserved(conn, workspace, 7)
    assert first is not None
    for _ in range(3):
        settled(conn, workspace, first, 5)
    assert budgets.standing(conn, workspace, now=THEN) == Spent(Decimal(5), Decimal(5), Decimal(0))


def test_reservation_of_a_dead_worker_expires_and_its_late_answer_is_charged_all_the_same(
    conn: Connection, workspace: str
):
    dead = reserved(conn, workspace, 9)
    assert dead is not None
    assert reserved(conn, workspace, 9) is None
    next_one = reserved(conn, workspace, 9, now=LATER)
    assert next_one is not None
    assert settled(conn, workspace, dead, 3, now=LATER) == []
    assert budgets.standing(conn, workspace, now=LATER) == Spent(Decimal(3), Decimal(3), Decimal(9))


def test_tick_gives_back_what_expired_where_nobody_asks(conn: Connection, workspace: str):
    reserved(conn, workspace, 9)
    while budgets.expire(conn, now=THEN, most=100):
        pass
    assert conn.execute("SELECT reserved_usd FROM spending WHERE workspace = %s", [workspace]).fetchone() == (9,)
    assert budgets.expire(conn, now=LATER, most=100) >= 1
    assert conn.execute("SELECT reserved_usd FROM spending WHERE workspace = %s", [workspace]).fetchone() == (0,)


def test_day_and_month_are_limited_each_and_begin_anew(conn: Connection, workspace: str):
    budget = Budget(Limit(hard=Decimal(2)), Limit(hard=Decimal(5)))
    budgets.put(conn, workspace, budget, Budget(), now=THEN)
    refusals = []
    for day in range(3):
        now = THEN + timedelta(days=day)
        call = reserved(conn, workspace, 2, Budget(), now=now)
        if call is not None:
            settled(conn, workspace, call, 2, Budget(), now=now)
        wish = Wish(new_id(), Decimal(1), now + timedelta(days=9))
        decision = budgets.reserve(conn, workspace, wish, Budget(), now=now)
        refusals.append((decision.is_granted, decision.lacking, decision.limit))
    assert refusals == [(False, "day", 2), (False, "day", 2), (True, "month", 0)]
    assert reserved(conn, workspace, 1, Budget(), now=THEN + timedelta(days=2)) is None
    assert reserved(conn, workspace, 2, Budget(), now=THEN + timedelta(days=31)) is not None


def test_clock_that_lags_behind_does_not_bring_yesterday_back(conn: Connection, workspace: str):
    tomorrow = THEN + timedelta(days=1)
    call = reserved(conn, workspace, 5, now=tomorrow)
    assert call is not None
    settled(conn, workspace, call, 5, now=tomorrow)
    # Another worker's clock is still before midnight.
    assert reserved(conn, workspace, 6) is None
    assert budgets.standing(conn, workspace, now=tomorrow).day == 5


def test_call_without_a_price_is_refused_by_a_hard_limit_only(conn: Connection, workspace: str):
    assert reserved(conn, workspace, None) is None
    assert reserved(conn, workspace, None, Budget(Limit(soft=Decimal(1)))) is not None
    assert reserved(conn, workspace, 10) is not None


def test_own_budget_stands_in_place_of_the_servers(conn: Connection, workspace: str):
    budgets.put(conn, workspace, Budget(Limit(hard=Decimal(1))), TEN, now=THEN)
    assert reserved(conn, workspace, 2) is None
    budgets.put(conn, workspace, Budget(), TEN, now=THEN)
    assert reserved(conn, workspace, 1000) is not None
    budgets.delete(conn, workspace)
    assert budgets.get(conn, workspace) is None
    assert reserved(conn, workspace, 2) is None


def test_first_reservation_counts_what_was_spent_before_there_was_a_budget(conn: Connection, workspace: str):
    earlier = [a_call(Decimal(3), at=THEN - timedelta(hours=1)), a_call(Decimal(4), at=THEN - timedelta(days=2))]
    calls.note(conn, workspace, [*earlier, a_call(Decimal(50), at=THEN - timedelta(days=20))])
    assert budgets.standing(conn, workspace, now=THEN) == Spent(Decimal(3), Decimal(7), Decimal(0))
    budgets.put(conn, workspace, Budget(month=Limit(hard=Decimal(10))), Budget(), now=THEN)
    assert reserved(conn, workspace, 4, Budget()) is None
    assert reserved(conn, workspace, 3, Budget()) is not None
    assert budgets.standing(conn, workspace, now=THEN) == Spent(Decimal(3), Decimal(7), Decimal(3))


def test_budget_that_was_away_for_a_while_counts_what_was_spent_meanwhile(conn: Connection, workspace: str):
    budgets.put(conn, workspace, TEN, Budget(), now=THEN)
    call = reserved(conn, workspace, 1, Budget())
    assert call is not None
    settled(conn, workspace, call, 1, Budget())
    budgets.delete(conn, workspace)
    calls.note(conn, workspace, [a_call(Decimal(5))])
    budgets.put(conn, workspace, TEN, Budget(), now=THEN)
    assert reserved(conn, workspace, 5, Budget()) is None
    assert reserved(conn, workspace, 4, Budget()) is not None


def test_soft_limit_is_told_once_in_its_period(conn: Connection, workspace: str):
    budget = Budget(Limit(soft=Decimal(2)), Limit(soft=Decimal(3)))
    told = []
    for hours in (0, 1, 2, 3, 24, 25):
        now = THEN + timedelta(hours=hours)
        call = reserved(conn, workspace, 1, budget, now=now)
        assert call is not None
        told.append(settled(conn, workspace, call, 1, budget, now=now))
        assert settled(conn, workspace, call, 1, budget, now=now) == []
    day, month = Crossing("day", Decimal(2), Decimal(2)), Crossing("month", Decimal(3), Decimal(3))
    assert told == [[], [day], [month], [], [], [day]]


def test_what_is_not_reserved_is_charged_when_it_is_settled(conn: Connection, workspace: str):
    reserved(conn, workspace, 1)
    made = [a_call(Decimal(1)), a_call(None), a_call(Decimal(2))]
    budgets.settle(conn, workspace, made, TEN, now=THEN)
    assert budgets.standing(conn, workspace, now=THEN) == Spent(Decimal(3), Decimal(3), Decimal(1))


STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "lose", "wait"]), st.integers(0, 400), st.integers(0, 100)),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_happens_in_whatever_order_the_row_says_what_a_plain_sum_says(
    conn: Connection, steps: list[tuple[str, int, int]]
):
    workspace, now = f"w-{uuid.uuid4().hex[:8]}", THEN
    spent = Decimal(0)
    held: dict[str, tuple[Decimal, object]] = {}
    for what, cents, share in steps:
        held = {one: (usd, until) for one, (usd, until) in held.items() if until > now}  # pyright: ignore
        if what == "reserve":
            usd, wish = CENT * cents, new_id()
            granted = budgets.reserve(
                conn, workspace, Wish(wish, usd, now + timedelta(seconds=90)), TEN, now=now
            ).is_granted
            assert granted == (spent + sum((usd for usd, _ in held.values()), Decimal(0)) + usd <= 10)
            if granted:
                held[wish] = (usd, now + timedelta(seconds=90))
        elif what == "settle" and held:
            wish, (usd, _) = sorted(held.items())[cents % len(held)]
            paid = usd * share / 100
            settled(conn, workspace, wish, paid, now=now)
            del held[wish]
            spent += paid
        elif what == "lose" and held:
            # Nobody hears of it again until it expires.
            continue
        elif what == "wait":
            now += timedelta(seconds=cents)
        standing = budgets.standing(conn, workspace, now=now)
        assert standing.day == spent <= 10
        assert standing.reserved == sum((usd for usd, until in held.values() if until > now), Decimal(0))  # pyright: ignore


def test_many_threads_never_reserve_more_than_there_is(database_dsn: str, workspace: str):
    granted: list[Decimal] = []

    def ask(seed: int) -> None:
        with psycopg.connect(database_dsn, autocommit=True) as own:
            for step in range(15):
                usd = CENT * ((seed * 7 + step * 13) % 90 + 1)
                call = reserved(own, workspace, usd)
                if call is not None:
                    granted.append(usd)
                    settled(own, workspace, call, usd)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))
    with psycopg.connect(database_dsn, autocommit=True) as conn:
        standing = budgets.standing(conn, workspace, now=THEN)
    assert standing == Spent(sum(granted), sum(granted), Decimal(0))
    # Nothing was refused that had room: at the end not even the smallest call has.
    assert Decimal(9) < standing.day <= 10


def test_killed_workers_never_spend_more_than_the_hard_limit_and_leave_nothing_reserved(
    database_dsn: str, workspace: str
):
    hard = Decimal(8)
    with psycopg.connect(database_dsn, autocommit=True) as conn:
        budgets.put(conn, workspace, Budget(month=Limit(hard=hard)), Budget(), now=THEN)
        workers: list[subprocess.Popen[str]] = []
        printed: list[str] = []
        seen = Decimal(0)

        def start(seed: int) -> None:
            command = [sys.executable, "-m", "tests.support.spending", database_dsn, workspace, str(seed)]
            workers.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))

        try:
            for seed in range(4):
                start(seed)
            ends = time.monotonic() + 60
            while time.monotonic() < ends and spent(conn, workspace) < hard - Decimal("0.3"):
                dead = [worker for worker in workers if worker.poll() is not None]
                for worker in dead:
                    workers.remove(worker)
                    printed.append(worker.communicate()[0])
                    start(len(printed) + 100)
                assert spent(conn, workspace) <= hard
                # One that works is cut down wherever it stands.
                if spent(conn, workspace) - seen > 1:
                    seen = spent(conn, workspace)
                    workers[0].kill()
                time.sleep(0.05)
        finally:
            for worker in workers:
                worker.kill()
                printed.append(worker.communicate()[0])
        lines = [line.split() for text in printed for line in text.splitlines()]
        paid = sum((Decimal(line[1]) for line in lines if len(line) == 2 and "." in line[1]), Decimal(0))
        total, noted = spent(conn, workspace), charged(conn, workspace)
        # What a worker printed was settled; one that was killed in between has settled and not printed.
        assert paid <= total == noted <= hard
        assert total > hard / 2
        assert len(printed) > 4
        time_after_all = THEN + timedelta(days=3650)
        budgets.expire(conn, now=time_after_all, most=1000)
        assert conn.execute("SELECT reserved_usd FROM spending WHERE workspace = %s", [workspace]).fetchone() == (0,)


def spent(conn: Connection, workspace: str) -> Decimal:
    row = conn.execute("SELECT month_usd FROM spending WHERE workspace = %s", [workspace]).fetchone()
    return row[0] if row else Decimal(0)


def charged(conn: Connection, workspace: str) -> Decimal:
    row = conn.execute("SELECT coalesce(sum(usd), 0) FROM model_calls WHERE workspace = %s", [workspace]).fetchone()
    return row[0] if row else Decimal(0)
