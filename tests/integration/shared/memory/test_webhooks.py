"""Events to webhooks: owed with what causes them, signed, tried again, given up, and never to where they must not."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.errors import NotFound
from shared.domain.work import TaskKind
from shared.memory import dreams, webhooks
from shared.memory.deliver import GIVEN_UP_AFTER, deliver
from shared.memory.relay import relay
from shared.memory.webhooks import WebhookLimitReached
from shared.memory.work import give_up_parked
from shared.reasoning.derive import derive
from shared.reasoning.dream import dream
from shared.reasoning.summarize import summarize
from shared.store import repair, work
from shared.store import webhooks as stored
from shared.store.database import Connection
from shared.store.outbox import Gate
from tests.support.listener import Listener
from tests.support.workplace import Workplace

SECRET = "a secret of this test"
LONG = "word " * 2000


@pytest.fixture
def heard(place: Workplace) -> Workplace:
    """The place with a secret, where endpoints on this machine are allowed, and a workspace."""
    place = place.configured(webhook={"secret": SECRET, "allow_private": True})
    place.joins("s")
    return place


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


def run(place: Workplace) -> None:
    """Deliver whatever has a wake-up."""
    for wake_up in place.queue.take(TaskKind.WEBHOOK):
        deliver(place.backends, wake_up)


def owed(place: Workplace) -> int:
    return place.count("webhook_events")


def registered(place: Workplace, url: str) -> str:
    return webhooks.register(place.backends, place.workspace, url)[0].id


def test_test_event_is_delivered_signed_and_with_an_id(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    webhooks.test(heard.backends, heard.workspace)
    run(heard)
    [request] = listener.received
    assert json.loads(request.body) == {
        "data": {"workspace_id": heard.workspace},
        "timestamp": "2031-05-06T07:00:00Z",
        "type": "test.event",
    }
    expected = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-honcho-signature"] == expected
    assert request.headers["content-type"] == "application/json"
    assert len(request.headers["x-honcho-event-id"]) == 21
    assert owed(heard) == 0


def test_derive_that_drains_its_unit_tells_the_endpoints(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    heard.says("s", ("ada", LONG))
    [wake_up] = heard.queue.take(TaskKind.DERIVE)
    derive(heard.backends, wake_up)
    run(heard)
    [request] = listener.received
    event = json.loads(request.body)
    assert (event["type"], event["data"]) == (
        "queue.empty",
        {
            "workspace_id": heard.workspace,
            "queue_type": "representation",
            "session_id": "s",
            "observer": None,
            "observed": "ada",
        },
    )


def test_summary_that_drains_its_unit_tells_the_endpoints_that_nobody_is_observed(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    heard.says("s", *[("ada", f"message {number}") for number in range(20)])
    [wake_up] = heard.queue.take(TaskKind.SUMMARY)
    summarize(heard.backends, wake_up)
    run(heard)
    [request] = listener.received
    about = json.loads(request.body)["data"]
    assert (about["queue_type"], about["observer"], about["observed"]) == ("summary", None, None)


def test_dream_that_drains_its_unit_tells_the_endpoints_whose_view_it_was(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    wanted = DreamRequest(Collection(heard.workspace, "bob", "ada"), "omni", "manual")
    dreams.schedule(heard.backends, wanted)
    [wake_up] = heard.queue.take(TaskKind.DREAM)
    dream(heard.backends, wake_up)
    run(heard)
    [request] = listener.received
    assert json.loads(request.body)["data"] == {
        "workspace_id": heard.workspace,
        "queue_type": "dream",
        "session_id": None,
        "observer": "bob",
        "observed": "ada",
    }


def test_soft_limit_is_told_without_waiting_for_a_visit_of_tick(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    webhooks.announce_soft_limit(heard.backends, heard.workspace, {"period": "month"})
    run(heard)
    [request] = listener.received
    said = json.loads(request.body)
    assert (said["type"], said["data"]) == ("budget.soft_limit", {"period": "month", "workspace_id": heard.workspace})


def test_derive_that_leaves_something_pending_says_nothing(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    heard.says("s", ("ada", LONG), ("ada", LONG))
    [wake_up] = heard.queue.take(TaskKind.DERIVE)
    derive(heard.backends, wake_up)
    assert owed(heard) == 0
    derive(heard.backends, wake_up)
    assert owed(heard) == 1


def test_derive_when_nobody_listens_or_nothing_could_be_signed_owes_nothing(heard: Workplace, listener: Listener):
    heard.says("s", ("ada", LONG))
    [wake_up] = heard.queue.take(TaskKind.DERIVE)
    derive(heard.backends, wake_up)
    registered(heard, listener.url)
    mute = heard.configured(webhook={"secret": None})
    mute.says("s", ("ada", LONG))
    derive(mute.backends, wake_up)
    webhooks.test(mute.backends, mute.workspace)
    assert owed(heard) == 0


def test_dead_endpoint_holds_no_other_up_and_gets_its_event_when_it_is_back(heard: Workplace, listener: Listener):
    with Listener(statuses=[500, 503, 302]) as broken:
        broken_id = registered(heard, broken.url)
        registered(heard, listener.url)
        webhooks.test(heard.backends, heard.workspace)
        run(heard)
        assert len(listener.received) == 1
        for pause_s in (2, 4, 8):
            assert heard.queue.sent == []
            heard.clock.advance(seconds=pause_s - 1)
            relay(heard.backends)
            assert heard.queue.sent == []
            heard.clock.advance(seconds=1)
            relay(heard.backends)
            run(heard)
        assert len(broken.received) == 4
        assert {request.body for request in broken.received} == {broken.received[0].body}
        assert len({request.headers["x-honcho-event-id"] for request in broken.received}) == 1
        assert len(listener.received) == 1
    assert owed(heard) == 0
    row = heard.unit_row(stored.unit(heard.workspace, broken_id))
    assert (row["pending_items"], row["done_items"], row["parked_items"]) == (0, 1, 0)


def test_events_for_an_endpoint_arrive_in_order_and_in_one_visit(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    for _ in range(5):
        webhooks.test(heard.backends, heard.workspace)
        heard.clock.advance(seconds=1)
    [wake_up] = heard.queue.take(TaskKind.WEBHOOK)
    deliver(heard.backends, wake_up)
    times = [json.loads(request.body)["timestamp"] for request in listener.received]
    assert times == [f"2031-05-06T07:00:0{second}Z" for second in range(5)]


def test_event_that_nobody_took_for_hours_is_parked_and_the_next_is_tried(heard: Workplace):
    with Listener(statuses=[500] * 100) as broken:
        unit = stored.unit(heard.workspace, registered(heard, broken.url))
        webhooks.test(heard.backends, heard.workspace)
        ends_at = heard.clock.now() + GIVEN_UP_AFTER
        while heard.unit_row(unit)["parked_items"] == 0:
            run(heard)
            heard.clock.advance(minutes=5)
            relay(heard.backends)
        assert heard.clock.now() >= ends_at
        assert 25 < len(broken.received) < 100
        [item] = heard.items(unit)
        assert (item["state"], item["error"]) == ("parked", "EndpointFailed: the endpoint answered 500")
        broken.statuses = []
        webhooks.test(heard.backends, heard.workspace)
        run(heard)
        assert heard.unit_row(unit)["done_items"] == 1


def test_endpoint_on_a_private_address_is_never_called(heard: Workplace, listener: Listener):
    unit = stored.unit(heard.workspace, registered(heard, f"http://localhost:{listener.port}/"))
    strict = heard.configured(webhook={"allow_private": False})
    webhooks.test(strict.backends, strict.workspace)
    run(strict)
    assert listener.received == []
    [item] = heard.items(unit)
    assert (item["state"], item["error"]) == (
        "parked",
        "AddressForbidden: The host stands for an address that is not public.",
    )


@pytest.mark.parametrize(("what", "left"), [("given up", 1), ("dropped", 1), ("tried again", 2)])
def test_event_set_aside_is_kept_as_long_as_it_may_be_tried_again(heard: Workplace, listener: Listener, what, left):
    registered(heard, f"http://localhost:{listener.port}/")
    strict = heard.configured(webhook={"allow_private": False})
    webhooks.test(strict.backends, strict.workspace)
    run(strict)
    webhooks.test(strict.backends, strict.workspace)
    assert owed(strict) == 2
    if what == "given up":
        strict.clock.advance(seconds=strict.backends.settings.deriver.queue_error_retention_seconds)
        give_up_parked(strict.backends)
    else:
        change = repair.drop_parked if what == "dropped" else repair.retry_parked
        strict.backends.db.run(lambda conn: change(conn, strict.workspace, None, now=strict.clock.now()))
    assert owed(strict) == left


def test_worker_that_comes_twice_delivers_once(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    webhooks.test(heard.backends, heard.workspace)
    [wake_up] = heard.queue.take(TaskKind.WEBHOOK)
    for _ in range(2):
        deliver(heard.backends, wake_up)
    assert len(listener.received) == 1


def test_register_gives_the_same_endpoint_for_the_same_address_and_refuses_the_eleventh(heard: Workplace):
    urls = [f"https://example.com/{number}" for number in range(10)]
    made = [webhooks.register(heard.backends, heard.workspace, url) for url in urls]
    assert [is_new for _, is_new in made] == [True] * 10
    assert webhooks.register(heard.backends, heard.workspace, urls[3]) == (made[3][0], False)
    with pytest.raises(WebhookLimitReached):
        webhooks.register(heard.backends, heard.workspace, "https://example.com/11")
    webhooks.remove(heard.backends, heard.workspace, made[0][0].id)
    assert webhooks.register(heard.backends, heard.workspace, "https://example.com/11")[1]


def test_remove_forgets_what_was_owed(heard: Workplace, listener: Listener):
    webhook = registered(heard, listener.url)
    webhooks.test(heard.backends, heard.workspace)
    webhooks.remove(heard.backends, heard.workspace, webhook)
    run(heard)
    assert listener.received == []
    assert [heard.count(table) for table in ("webhooks", "webhook_events", "work_units", "work_items")] == [0, 0, 0, 0]
    with pytest.raises(NotFound):
        webhooks.remove(heard.backends, heard.workspace, webhook)


def test_register_in_an_unknown_workspace_is_not_found(heard: Workplace):
    other = replace(heard, workspace="nobodys")
    with pytest.raises(NotFound):
        webhooks.register(other.backends, other.workspace, "https://example.com")


def test_event_is_owed_exactly_when_its_cause_is_committed(heard: Workplace, listener: Listener):
    registered(heard, listener.url)
    heard.says("s", ("ada", LONG))
    claimed = heard.claims(heard.unit("s", "ada"), window_tokens=10_000)
    assert claimed is not None

    def finish_and_fail(conn: Connection) -> None:
        work.finish(conn, claimed, work.Outcome("", 0, 0, 0), gate=Gate(0, None), now=heard.clock.now())
        assert webhooks.announce_drained(heard.backends, conn, claimed.unit) != []
        raise InterruptedError

    with pytest.raises(InterruptedError):
        heard.backends.db.run(finish_and_fail)
    assert owed(heard) == 0


def test_look_for_listeners_uses_indexes(heard: Workplace, app_dsn: str):
    with psycopg.connect(app_dsn) as conn:
        conn.execute("SET enable_seqscan = off")
        values = {"workspace": heard.workspace, "unit": heard.unit("s", "ada").key}
        rows = conn.execute(f"EXPLAIN {stored.IS_DRAINED_AND_HEARD}", values).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert plan.count("Index") >= 2
    assert "Seq Scan" not in plan
