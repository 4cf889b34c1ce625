"""A batch from SQS: what failed stays, and whatever would overtake it."""

import pytest

from shared.domain.errors import ModelUnavailable
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.queue.batch import SqsEvent, SqsRecord, by_group, consume
from shared.queue.envelope import pack


def wake_up(session: str, number: int = 1) -> WakeUp:
    return WakeUp(WorkUnit("w", TaskKind.INDEX, session), number)


def record(identifier: str, body: WakeUp | str, group: str | None = None) -> SqsRecord:
    if isinstance(body, WakeUp):
        return {"messageId": identifier, "body": pack(body), "attributes": {"MessageGroupId": body.unit.group_id()}}
    return {"messageId": identifier, "body": body, "attributes": {"MessageGroupId": group} if group else {}}


def failed(event: SqsEvent, *, broken: set[WakeUp]) -> tuple[list[str], list[WakeUp]]:
    """The ids that stay in the queue, and what was processed."""
    seen = list[WakeUp]()

    def process(one: WakeUp) -> None:
        seen.append(one)
        if one in broken:
            raise ModelUnavailable

    answer = consume(event, process)
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
    assert consume({"Records": []}, lambda _: None) == {"batchItemFailures": []}


def test_by_group_takes_one_kind_apart_and_keeps_the_order_of_all():
    hooks = [WakeUp(WorkUnit("w", TaskKind.WEBHOOK, "", hook), n) for n, hook in enumerate(["x", "y", "x"])]
    bodies = [hooks[0], wake_up("a"), hooks[1], "garbage", hooks[2], wake_up("b")]
    event: SqsEvent = {"Records": [record(str(n), body) for n, body in enumerate(bodies)]}
    deliveries, others = by_group(event, TaskKind.WEBHOOK)
    assert [[one["messageId"] for one in delivery["Records"]] for delivery in deliveries] == [["0", "4"], ["2"]]
    assert [one["messageId"] for one in others["Records"]] == ["1", "3", "5"]
