"""The canary sees whether the memory learns, is charged to nobody, and leaves nothing behind."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.errors import ModelUnavailable
from shared.domain.ids import CANARY_WORKSPACE
from shared.domain.work import TaskKind, WakeUp
from shared.memory import usage
from shared.memory.canary import Health, visit
from shared.memory.forget import forget
from shared.memory.indexing import index_messages
from shared.memory.record import draft, record_messages
from shared.memory.relay import relay
from shared.memory.vector_upkeep import remove_hidden
from shared.reasoning.derive import derive
from tests.support.backends import FrozenClock, RecordingQueue, offline_backends
from tests.support.residue import TABLES
from tests.support.scripted_model import FixedModels, ScriptedModel

MINUTE = timedelta(minutes=1)
VERBS = {TaskKind.DERIVE: derive, TaskKind.INDEX: index_messages, TaskKind.FORGET: forget}


@dataclass
class Watched:
    """A memory as it is deployed: few messages wait for more, and tick comes each minute."""

    backends: Backends
    clock: FrozenClock
    queue: RecordingQueue
    runs: int = 0

    def visits(self, run: str | None = None) -> Health:
        self.runs += 1
        return visit(self.backends, run or f"run-{self.runs}")

    def passes(self, minutes: int, *, with_workers: bool = True) -> None:
        """Let time pass with its ticks, and everything that is woken be done."""
        for _ in range(minutes):
            self.clock.advance(minutes=1)
            relay(self.backends)
            remove_hidden(self.backends)
            if with_workers:
                self._work()

    def _work(self) -> None:
        while wake_ups := self.queue.take():
            for wake_up in wake_ups:
                self.does(wake_up)

    def does(self, wake_up: WakeUp) -> None:
        VERBS[wake_up.unit.kind](self.backends, wake_up)

    def rows(self, dsn: str) -> dict[str, int]:
        """How many there are in each table that has any."""
        with psycopg.connect(dsn) as conn:
            tables = [str(row[0]) for row in conn.execute(TABLES)]
            counts = {t: conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(t))) for t in tables}
            return {table: found[0] for table, count in counts.items() if (found := count.fetchone()) and found[0]}


@pytest.fixture
def watched(database_dsn: str, owner_dsn: str) -> Iterator[Watched]:
    with offline_backends(database_dsn, owner_dsn, {"canary": {"enabled": True, "minutes": 10}}) as backends:
        clock, queue = FrozenClock(), RecordingQueue()
        with psycopg.connect(owner_dsn, autocommit=True) as conn:
            conn.execute("TRUNCATE workspaces, model_calls, usage_days, work_units CASCADE")
        yield Watched(replace(backends, clock=clock, queue=queue), clock, queue)


def emitted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"canary_ok"' in line]
    return [{name: line[name] for name in ("canary_ok", "canary_age_seconds")} for line in lines]


def test_canary_that_is_heard_is_well_and_says_so(watched, capsys, monkeypatch):
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    assert watched.visits() == Health(None, 0.0)
    watched.passes(15)

    health = watched.visits()

    assert health.is_ok is True
    # Not at once, as below the gate nothing is woken: tick brings it, which is what is to be seen.
    assert timedelta(0) < timedelta(seconds=health.age_s) <= MINUTE
    assert emitted(capsys) == [
        {"canary_ok": [1.0], "canary_age_seconds": [0.0]},
        {"canary_ok": [1.0], "canary_age_seconds": [health.age_s]},
    ]


def test_canary_that_nobody_hears_is_not_well(watched, capsys, monkeypatch):
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    watched.visits()
    watched.passes(15, with_workers=False)
    assert watched.visits() == Health(False, 15 * 60.0)
    watched.passes(15, with_workers=False)
    assert watched.visits() == Health(False, 30 * 60.0)
    assert [one["canary_ok"] for one in emitted(capsys)] == [[1.0], [0.0], [0.0]]


def test_canary_that_is_heard_too_late_is_not_well_and_then_is(watched):
    watched.visits()
    watched.passes(12, with_workers=False)
    watched.passes(3)
    assert watched.visits() == Health(False, 13 * 60.0)
    watched.passes(15)
    assert watched.visits().is_ok is True


def test_canary_whose_words_are_not_in_what_was_learnt_is_not_well(watched):
    """A model that answers with something else is no memory."""
    watched.visits()
    wrong = ScriptedModel(['{"explicit": [{"content": "canary likes seeds", "message": 1}]}'])
    models = FixedModels(wrong, watched.backends.models.embedder())
    watched = replace(watched, backends=replace(watched.backends, models=models))
    watched.passes(15)
    assert watched.visits().is_ok is False


def test_canary_whose_model_is_away_is_not_well(watched):
    watched.visits()
    models = FixedModels(ScriptedModel([ModelUnavailable()] * 99), watched.backends.models.embedder())
    replace(watched, backends=replace(watched.backends, models=models)).passes(15)
    assert watched.visits().is_ok is False


def test_many_visits_leave_no_more_behind_than_three(watched, database_dsn):
    def came(times: int) -> dict[str, int]:
        for _ in range(times):
            watched.visits()
            watched.passes(5)
        return watched.rows(database_dsn)

    after_three = came(3)
    assert came(30) == after_three


def test_what_is_never_learnt_is_given_up_after_a_day(watched, database_dsn):
    for _ in range(30):
        watched.visits()
        watched.passes(60, with_workers=False)
    watched.passes(1)
    watched.visits()
    watched.passes(2)
    assert watched.rows(database_dsn)["sessions"] <= 2


def test_visit_that_is_repeated_tells_nothing_twice(watched):
    watched.visits("one")
    watched.visits("one")
    with watched.backends.db.reading() as conn:
        [row] = conn.execute("SELECT count(*) FROM messages WHERE workspace = %s", [CANARY_WORKSPACE])
    assert row == (1,)
    watched.passes(5)
    # And what it told itself is not what it judges.
    assert watched.visits("one") == Health(None, 0.0)


def test_canary_is_charged_to_nobody_and_stands_in_no_list(watched):
    strict = watched.backends.settings.budget.model_validate({"hard_usd_per_day": "0.000001"})
    settings = watched.backends.settings.model_copy(update={"budget": strict})
    watched = replace(watched, backends=replace(watched.backends, settings=settings))
    record_messages(watched.backends, "tenant", "s", [draft("ada", "I live in Porto.")])
    for _ in range(2):
        watched.visits()
        watched.passes(15)
    assert watched.visits().is_ok is True

    now = watched.clock.now()
    with watched.backends.db.reading() as conn:
        of_all = usage.report(conn, None, now - timedelta(days=1), now + timedelta(days=1), "feature")
        of_tenant = usage.report(conn, "tenant", now - timedelta(days=1), now + timedelta(days=1), "feature")
    listed = TestClient(create_app(watched.backends)).post("/v3/workspaces/list", json={}).json()

    assert of_all.total == of_tenant.total
    assert of_tenant.total.calls > 0
    assert [workspace["id"] for workspace in listed["items"]] == ["tenant"]
    assert listed["total"] == 1
