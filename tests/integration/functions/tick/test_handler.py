"""The tick function, in a process of its own as Lambda runs it: what it relays, and what it tells an alarm."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from infra.bootstrap import ROOT
from infra.migrations.apply import ensure_space
from shared.backends import ConfiguredModels
from shared.domain.message import MessageDraft
from shared.domain.order import Order
from shared.memory.record import record_messages
from shared.settings import Settings
from tests.support.backends import FrozenClock, make_backends
from tests.support.scheduler_server import SchedulerServer

INVOKE = """
import json, sys
from functions.tick.handler import lambda_handler
print(json.dumps(lambda_handler(json.loads(sys.argv[1]), None)))
"""


def _visit(dsn: str, event: object = None, /, **more: str) -> tuple[dict[str, object], dict[str, object]]:
    """The line of metrics and the answer of one visit, with a queue that is not there."""
    lines = _lines(dsn, event, **more)
    [measured] = [line for line in lines if "_aws" in line]
    return measured, lines[-1]


def _lines(dsn: str, event: object, /, **more: str) -> list[dict[str, object]]:
    """Everything that the function writes as JSON; its answer comes last."""
    environment = {name: value for name, value in os.environ.items() if name != "POWERTOOLS_METRICS_DISABLED"}
    here = {"DB_CONNECTION_URI": dsn, "OFFLINE_ENABLED": "true", "POWERTOOLS_SERVICE_NAME": "honcho"}
    done = subprocess.run(
        [sys.executable, "-c", INVOKE, json.dumps(event or {})],
        env=environment | here | more,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_tick_tells_how_old_and_how_much_the_waiting_work_is(owner_dsn: str, database_dsn: str):
    ensure_space(owner_dsn, ConfiguredModels(Settings()).embedder().space)
    nothing, _ = _visit(database_dsn)
    backends = make_backends(database_dsn, clock=FrozenClock(datetime.now(UTC) - timedelta(seconds=100)))
    record_messages(backends, "w", "s", [MessageDraft("ada", "I live in Porto."), MessageDraft("ada", "I have a cat.")])
    backends.db.close()

    measured, _ = _visit(database_dsn)
    later, _ = _visit(database_dsn)

    assert (nothing["oldest_pending_age_seconds"], nothing["pending_items"]) == ([0.0], [0.0])
    assert 100 <= measured["oldest_pending_age_seconds"][0] < later["oldest_pending_age_seconds"][0]
    assert (measured["pending_items"], measured["parked_items"]) == ([3.0], [0.0])
    [directive] = measured["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Honcho"
    assert {one["Name"]: one["Unit"] for one in directive["Metrics"]} == {
        "oldest_pending_age_seconds": "Seconds",
        "pending_items": "Count",
        "parked_items": "Count",
        "wake_ups_relayed": "Count",
        "unindexed_conclusions": "Count",
        "conclusions_refused_by_index": "Count",
    }


def test_tick_that_is_ordered_orders_its_next_visit(owner_dsn: str, database_dsn: str):
    ensure_space(owner_dsn, ConfiguredModels(Settings()).embedder().space)
    backends = make_backends(database_dsn, clock=FrozenClock(datetime.now(UTC)))
    record_messages(backends, "w", "s", [MessageDraft("ada", "I live in Porto.")])
    backends.db.close()
    with SchedulerServer(lambda: datetime.now(UTC)) as server:
        server.makes("timers", "tick", State="DISABLED")
        access = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}
        order = {"TICK_SCHEDULE": "tick", "TICK_SCHEDULE_GROUP": "timers", "AWS_ENDPOINT_URL_SCHEDULER": server.url}

        _, answer = _visit(database_dsn, **access, **order)

        at = server.schedules["timers", "tick"].at
    # What is due next may be so soon that nothing could be ordered for then.
    assert at is not None
    assert at >= datetime.fromisoformat(str(answer["next_due_at"])) - timedelta(seconds=1)
    assert at > datetime.now(UTC)


def test_tick_ends_a_key_once_and_makes_no_visit_for_it(owner_dsn: str, database_dsn: str):
    ensure_space(owner_dsn, ConfiguredModels(Settings()).embedder().space)
    order = Order("revoke", key="key_of_this_test").event()
    answers = [_lines(database_dsn, order)[-1] for _ in range(2)]
    assert answers == [{"order": "revoke", "was_valid": True}, {"order": "revoke", "was_valid": False}]


def test_tick_that_is_given_an_order_carries_it_out_and_visits(owner_dsn: str, database_dsn: str):
    ensure_space(owner_dsn, ConfiguredModels(Settings()).embedder().space)
    backends = make_backends(database_dsn, clock=FrozenClock(datetime.now(UTC)))
    record_messages(backends, "ordered", "s", [MessageDraft("ada", "hm")])
    backends.db.close()
    with SchedulerServer(lambda: datetime.now(UTC)) as server:
        server.makes("timers", "tick", State="DISABLED")
        access = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}
        schedule = {"TICK_SCHEDULE": "tick", "TICK_SCHEDULE_GROUP": "timers", "AWS_ENDPOINT_URL_SCHEDULER": server.url}

        _, answer = _visit(database_dsn, Order("flush", "ordered").event(), **access, **schedule)

        # The queue is not there: what was made due is owed, and the next visit is ordered for it.
        assert server.schedules["timers", "tick"].at <= datetime.now(UTC) + timedelta(seconds=60)
    assert (answer["order"], answer["count"], answer["sent"]) == ("flush", 2, 0)
