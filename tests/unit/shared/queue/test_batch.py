"""A batch from SQS: what failed stays, and whatever would overtake it."""

import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.queue.batch import MOST_RECEIVES, SqsEvent, SqsRecord, by_group, consume
from shared.queue.envelope import pack
from tests.support.backends import RecordingQueue


def wake_up(session: str, number: int = 1) -> WakeUp:
    return WakeUp(WorkUnit("w", TaskKind.INDEX, session), number)


def record(identifier: str, body: WakeUp | str, group: str | None = None, *, receives: int = 1) -> SqsRecord:
    if isinstance(body, WakeUp):
        group, body = body.unit.group_id(), pack(body)
    attributes = {"ApproximateReceiveCount": str(receives)} | ({"MessageGroupId": group} if group else {})
    return {"messageId": identifier, "receiptHandle": f"r{identifier}", "body": body, "attributes": attributes}


def failed(
    event: SqsEvent, *, broken: set[WakeUp], error: Exception | None = None, queue: RecordingQueue | None = None
) -> tuple[list[str], list[WakeUp]]:
    """The ids that stay in the queue, and what was processed."""
    seen = list[WakeUp]()

    def process(one: WakeUp) -> None:
        seen.append(one)
        if one in broken:
            raise error or ValueError

    answer = consume(event, process, queue or RecordingQueue())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]], seen


def test_consume_when_all_goes_well_reports_nothing():
    wake_ups = [wake_up("a"), wake_up("b")]
    event: SqsEvent = {"Records": [record(str(n), one) for n, one in enumerate(wake_ups)]}
    assert failed(event, broken=set()) == ([], wake_ups)


def test_consume_after_a_failure_keeps_the_rest_of_its_group_only():
    order = [wake_up("a", 1), wake_up("b", 1), wake_up("a", 2), wake_up("a", 3), wake_up("b", 2)]
    event: SqsEvent = {"Records": [record(str(n), one) for n, one in enumerate(order)]}
    stay, seen = failed(event, broken={order[2]})
    assert stay == ["2", "3"]
    assert seen == [order[0], order[1], order[2], order[4]]


@pytest.mark.parametrize("body", ["not json", '{"version":9}'])
def test_consume_of_something_unreadable_lets_it_go(body: str):
    event: SqsEvent = {"Records": [record("0", body, "g"), record("1", wake_up("a"))]}
    assert failed(event, broken=set()) == ([], [wake_up("a")])


def test_consume_of_nothing_reports_nothing():
    assert consume({"Records": []}, lambda _: None, RecordingQueue()) == {"batchItemFailures": []}


@pytest.mark.parametrize(("receives", "after_s"), [(1, 15), (2, 30), (5, 240)])
def test_consume_in_an_outage_puts_the_group_back_for_a_while_longer_each_time(receives: int, after_s: int):
    order = [wake_up("a", 1), wake_up("b"), wake_up("a", 2)]
    event: SqsEvent = {"Records": [record(str(n), one, receives=receives) for n, one in enumerate(order)]}
    queue = RecordingQueue()
    stay, seen = failed(event, broken={order[0]}, error=DatabaseUnavailable(), queue=queue)
    assert (stay, seen) == (["0", "2"], order[:2])
    # The whole group at once: one that stayed in flight would lock it.
    assert queue.returned == [(TaskKind.INDEX, "r0", after_s), (TaskKind.INDEX, "r2", after_s)]


def test_consume_when_the_outage_outlasts_the_queue_leaves_the_unit_to_tick():
    only = wake_up("a")
    event: SqsEvent = {"Records": [record("0", only, receives=MOST_RECEIVES)]}
    queue = RecordingQueue()
    assert failed(event, broken={only}, error=DatabaseUnavailable(), queue=queue) == ([], [only])
    assert queue.returned == []


def test_consume_when_neither_database_nor_queue_answers_keeps_what_it_was_given():
    only = wake_up("a")
    event: SqsEvent = {"Records": [record("0", only)]}
    stay, _ = failed(event, broken={only}, error=DatabaseUnavailable(), queue=RecordingQueue(is_down=True))
    assert stay == ["0"]


def test_consume_of_a_failure_nobody_expected_leaves_it_to_the_visibility_timeout():
    only, queue = wake_up("a"), RecordingQueue()
    assert failed({"Records": [record("0", only)]}, broken={only}, queue=queue) == (["0"], [only])
    assert queue.returned == []


def test_by_group_takes_one_kind_apart_and_keeps_the_order_of_all():
    hooks = [WakeUp(WorkUnit("w", TaskKind.WEBHOOK, "", hook), n) for n, hook in enumerate(["x", "y", "x"])]
    bodies = [hooks[0], wake_up("a"), hooks[1], "garbage", hooks[2], wake_up("b")]
    event: SqsEvent = {"Records": [record(str(n), body) for n, body in enumerate(bodies)]}
    deliveries, others = by_group(event, TaskKind.WEBHOOK)
    assert [[one["messageId"] for one in delivery["Records"]] for delivery in deliveries] == [["0", "4"], ["2"]]
    assert [one["messageId"] for one in others["Records"]] == ["1", "3", "5"]
