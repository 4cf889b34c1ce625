"""What a queue's message looks like to a function, and what its answer does to the batch."""

import asyncio
import hashlib
import json
from collections.abc import Callable

import pytest

from infra.local.environment import Result, failure
from infra.local.fifo_message import Draft, ReceivedMessage
from infra.local.mapping import EventSourceMapping, event, failed_ids
from infra.local.queues import LocalQueues
from infra.local.template import MappingSpec, QueueSpec

QUEUE = QueueSpec("Work", "work.fifo", True, 30, None, 0, {})
IDS = {"a", "b", "c"}


@pytest.mark.parametrize("payload", ["", "null", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": null}'])
def test_failed_ids_when_nothing_is_reported_are_none(payload: str):
    assert failed_ids(payload.encode(), IDS) == set()


def test_failed_ids_when_some_are_reported_are_those():
    answer = {"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}
    assert failed_ids(json.dumps(answer).encode(), IDS) == {"b", "c"}


@pytest.mark.parametrize(
    "payload",
    [
        "not json",
        "[]",
        '"done"',
        '{"other": 1}',
        '{"batchItemFailures": "a"}',
        '{"batchItemFailures": ["a"]}',
        '{"batchItemFailures": [{"itemIdentifier": ""}]}',
        '{"batchItemFailures": [{"itemIdentifier": null}]}',
        '{"batchItemFailures": [{"id": "a"}]}',
        '{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]}',
    ],
)
def test_failed_ids_when_the_report_is_malformed_are_all(payload: str):
    assert failed_ids(payload.encode(), IDS) == IDS


def test_event_has_the_record_of_an_sqs_event():
    message = ReceivedMessage("id-1", "receipt-1", Draft("é", "group", "dedup"), "100", 1.5, 2, 3.25, None)
    record = json.loads(event([message], QUEUE.arn))["Records"][0]
    assert record == {
        "messageId": "id-1",
        "receiptHandle": "receipt-1",
        "body": "é",
        "attributes": {
            "SenderId": record["attributes"]["SenderId"],
            "SentTimestamp": "1500",
            "ApproximateReceiveCount": "2",
            "ApproximateFirstReceiveTimestamp": "3250",
            "SequenceNumber": "100",
            "MessageDeduplicationId": "dedup",
            "MessageGroupId": "group",
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5("é".encode()).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:work.fifo",
        "awsRegion": "us-east-1",
    }


def test_event_shows_message_attributes_as_aws_does():
    draft = Draft("é", "group", "dedup", {"traceparent": {"DataType": "String", "StringValue": "00-a"}})
    message = ReceivedMessage("id-1", "receipt-1", draft, "100", 1.5, 2, 3.25, None)
    record = json.loads(event([message], QUEUE.arn))["Records"][0]
    assert record["messageAttributes"] == {
        "traceparent": {
            "stringValue": "00-a",
            "dataType": "String",
            "stringListValues": [],
            "binaryListValues": [],
        }
    }


class Function:
    """A function of one environment without a process: answers each event as told, and keeps what it got."""

    def __init__(self, answer: Callable[[list[str]], Result]) -> None:
        self.answer = answer
        self.bodies: list[list[str]] = []
        self.open: list[asyncio.Future[Result]] = []
        self.holds = False

    def __call__(self, payload: bytes) -> "asyncio.Future[Result]":
        records = json.loads(payload)["Records"]
        self.bodies.append([record["body"] for record in records])
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if self.holds:
            self.open.append(future)
        else:
            future.set_result(self.answer([record["messageId"] for record in records]))
        return future


async def settled(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def run_mapping(
    function: Function,
    until: Callable[[LocalQueues], bool],
    *,
    batch_size: int = 10,
    concurrency: int = 1,
    groups: tuple[str, ...] = ("g", "g", "g"),
    rooms: int = 99,
) -> LocalQueues:
    """Send one message per group given, and run the mapping until a condition holds."""

    async def play() -> LocalQueues:
        queues = LocalQueues("http://localhost")
        queues.create(QUEUE.name, {"FifoQueue": "true", "VisibilityTimeout": "30"})
        for number, group in enumerate(groups):
            queues.send(QUEUE.name, Draft(f"m{number}", group, f"d{number}"))
        spec = MappingSpec("Work", batch_size, True, None)
        places = asyncio.Semaphore(rooms)

        async def room() -> None:
            await places.acquire()

        mapping = EventSourceMapping(spec, QUEUE, queues, function, room=room, concurrency=concurrency)
        running = asyncio.create_task(mapping.run())
        await settled(lambda: until(queues))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return queues

    return asyncio.run(play())


def test_mapping_when_the_function_succeeds_deletes_the_batch():
    function = Function(lambda ids: Result(b"null"))
    queues = run_mapping(function, lambda q: q.depth(QUEUE.name).visible + q.depth(QUEUE.name).in_flight == 0)
    assert function.bodies == [["m0", "m1", "m2"]]
    assert queues.depth(QUEUE.name).in_flight == 0


def test_mapping_when_items_fail_keeps_only_those_until_their_visibility_ends():
    def last_fails(ids: list[str]) -> Result:
        return Result(json.dumps({"batchItemFailures": [{"itemIdentifier": ids[-1]}]}).encode())

    queues = run_mapping(Function(last_fails), lambda q: q.depth(QUEUE.name).in_flight == 1)
    depth = queues.depth(QUEUE.name)
    assert (depth.visible, depth.in_flight) == (0, 1)


def test_mapping_when_the_function_fails_deletes_and_releases_nothing():
    function = Function(lambda ids: failure("Unhandled", "broken"))
    queues = run_mapping(function, lambda q: len(function.bodies) == 1)
    depth = queues.depth(QUEUE.name)
    assert (depth.visible, depth.in_flight) == (0, 3)


def test_mapping_when_batches_are_open_takes_no_more_than_its_concurrency():
    function = Function(lambda ids: Result(b"null"))
    function.holds = True
    groups = tuple(f"g{number}" for number in range(5))
    queues = run_mapping(function, lambda q: len(function.open) == 2, batch_size=1, concurrency=2, groups=groups)
    depth = queues.depth(QUEUE.name)
    assert (depth.visible, depth.in_flight) == (3, 2)


def test_mapping_when_an_event_waits_for_an_environment_receives_no_other():
    function = Function(lambda ids: Result(b"null"))
    function.holds = True
    groups = ("a", "b", "c")
    queues = run_mapping(
        function, lambda q: len(function.open) == 2, batch_size=1, concurrency=3, groups=groups, rooms=2
    )
    assert (queues.depth(QUEUE.name).visible, queues.depth(QUEUE.name).in_flight) == (1, 2)


def test_mapping_when_one_group_is_open_serves_the_others():
    function = Function(lambda ids: Result(b"null"))
    function.holds = True
    run_mapping(function, lambda q: len(function.open) == 2, batch_size=1, concurrency=3, groups=("a", "a", "b"))
    assert function.bodies == [["m0"], ["m2"]]
