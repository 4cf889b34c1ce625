"""What our code relies on in an SQS FIFO queue, as checks that run against any queue: the local one or a real one.

Each check works on a queue of its own. `advance` lets time pass: it moves the local clock, or sleeps on AWS.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageResultTypeDef

QueueUrlFactory = Callable[[Mapping[str, str]], str]
Outcome = tuple[bool, str]

DEDUP_WINDOW_S = 301
VISIBILITY_S = 3


class NeedsClock(Exception):
    """The check needs more time to pass than anybody would wait for; the message says how much."""


@dataclass(slots=True)
class Bench:
    """The queue under test, and what a check does to it. Message bodies are unique, so they tell who is who.

    `wait_s` is for a distributed queue: without it a receive may look where the message is not.
    """

    client: "SQSClient"
    make_queue: QueueUrlFactory
    advance: Callable[[float], None]
    wait_s: int = 0
    _sent: int = field(default=0, init=False)

    def queue(self, **attributes: str) -> str:
        return self.make_queue({"FifoQueue": "true", "VisibilityTimeout": str(VISIBILITY_S), **attributes})

    def send(self, url: str, body: str, *, group: str = "g", dedup: str | None = None) -> "SendMessageResultTypeDef":
        self._sent += 1
        dedup_id = dedup or f"{body}-{self._sent}"
        return self.client.send_message(
            QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=dedup_id
        )

    def receive(self, url: str, count: int = 10, *, attempt_id: str = "") -> "list[MessageTypeDef]":
        answer = self.client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=self.wait_s,
            MessageSystemAttributeNames=["All"],
            ReceiveRequestAttemptId=attempt_id or f"attempt-{self._next()}",
        )
        return answer.get("Messages", [])

    def bodies(self, url: str, count: int = 10) -> list[str]:
        return [message.get("Body", "") for message in self.receive(url, count)]

    def release(self, url: str, message: "MessageTypeDef") -> None:
        self.client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""), VisibilityTimeout=0
        )

    def delete(self, url: str, message: "MessageTypeDef") -> None:
        self.client.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))

    def _next(self) -> int:
        self._sent += 1
        return self._sent


def probe(
    client: "SQSClient", queue_url_factory: QueueUrlFactory, advance: Callable[[float], None]
) -> Iterator[tuple[str, bool, str]]:
    """Name, outcome and what was seen of every check; one that raises is a failed one."""
    for check in CHECKS:
        try:
            passed, seen = check(Bench(client, queue_url_factory, advance))
        except Exception as error:
            passed, seen = False, f"{type(error).__name__}: {error}"
        yield check.__name__, passed, seen


def a_group_in_flight_is_locked_and_others_are_served(bench: Bench) -> Outcome:
    url = bench.queue()
    for group, body in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        bench.send(url, body, group=group)
    return _same([bench.bodies(url, 1), bench.bodies(url, 10)], [["a1"], ["b1"]])


def a_group_stays_locked_until_the_whole_batch_is_deleted(bench: Bench) -> Outcome:
    url = bench.queue(VisibilityTimeout="60")
    for body in ("1", "2", "3"):
        bench.send(url, body)
    first, second = bench.receive(url, 2)
    bench.delete(url, first)
    half_way = bench.bodies(url)
    bench.delete(url, second)
    return _same([half_way, bench.bodies(url)], [[], ["3"]])


def order_survives_a_timeout(bench: Bench) -> Outcome:
    url = bench.queue()
    for body in ("1", "2", "3"):
        bench.send(url, body)
    before = bench.bodies(url, 2)
    bench.advance(VISIBILITY_S + 1)
    return _same([before, bench.bodies(url, 3)], [["1", "2"], ["1", "2", "3"]])


def a_follower_released_first_does_not_overtake(bench: Bench) -> Outcome:
    url = bench.queue(VisibilityTimeout="60")
    for body in ("1", "2", "3"):
        bench.send(url, body)
    head, follower, last = bench.receive(url, 3)
    bench.release(url, last)
    bench.release(url, follower)
    while_head_flies = bench.bodies(url)
    bench.release(url, head)
    return _same([while_head_flies, bench.bodies(url)], [[], ["1", "2", "3"]])


def a_duplicate_gets_the_ids_of_the_first(bench: Bench) -> Outcome:
    url = bench.queue()
    first, second = bench.send(url, "1", dedup="d"), bench.send(url, "2", dedup="d")
    ids = [(sent["MessageId"], sent.get("SequenceNumber")) for sent in (first, second)]
    return _same([ids[1], bench.bodies(url)], [ids[0], ["1"]])


def a_duplicate_of_a_deleted_message_is_swallowed(bench: Bench) -> Outcome:
    url = bench.queue()
    bench.send(url, "1", dedup="d")
    bench.delete(url, bench.receive(url)[0])
    bench.send(url, "2", dedup="d")
    return _same(bench.bodies(url), [])


def a_duplicate_after_five_minutes_is_a_new_message(bench: Bench) -> Outcome:
    url = bench.queue()
    bench.send(url, "1", dedup="d")
    bench.delete(url, bench.receive(url)[0])
    bench.advance(DEDUP_WINDOW_S)
    bench.send(url, "2", dedup="d")
    return _same(bench.bodies(url), ["2"])


def deduplication_by_group_keeps_the_other_groups_message(bench: Bench) -> Outcome:
    url = bench.queue(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group, body in (("a", "a1"), ("b", "b1"), ("a", "a2")):
        bench.send(url, body, group=group, dedup="d")
    return _same(sorted(bench.bodies(url)), ["a1", "b1"])


def a_poison_head_is_dead_lettered_and_its_group_goes_on(bench: Bench) -> Outcome:
    dead = bench.queue()
    dead_arn = _attribute(bench, dead, "QueueArn")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url = bench.queue(RedrivePolicy=policy)
    bench.send(url, "poison")
    bench.send(url, "next")
    seen: list[str] = []
    for _ in range(3):
        seen += bench.bodies(url, 1)
        bench.advance(VISIBILITY_S + 1)
    letters = [(m.get("Body"), m.get("Attributes", {}).get("DeadLetterQueueSourceArn")) for m in bench.receive(dead)]
    expected = [("poison", _attribute(bench, url, "QueueArn"))]
    return _same([seen, letters], [["poison", "poison", "next"], expected])


def a_repeated_attempt_gets_the_same_receipts(bench: Bench) -> Outcome:
    url = bench.queue(VisibilityTimeout="60")
    bench.send(url, "1")
    first, again = bench.receive(url, attempt_id="one"), bench.receive(url, attempt_id="one")
    receipts = [[message.get("ReceiptHandle") for message in batch] for batch in (first, again)]
    return _same([len(first), receipts[1]], [1, receipts[0]])


def a_receipt_that_timed_out_is_refused(bench: Bench) -> Outcome:
    url = bench.queue()
    bench.send(url, "1")
    message = bench.receive(url)[0]
    bench.advance(VISIBILITY_S + 1)
    try:
        bench.delete(url, message)
    except bench.client.exceptions.ClientError as error:
        # botocore ships no types; its errors print as "An error occurred (<code>) when calling ...".
        return "(InvalidParameterValue)" in str(error), str(error)
    return False, "deleted"


def deleting_twice_is_accepted(bench: Bench) -> Outcome:
    url = bench.queue()
    bench.send(url, "1")
    message = bench.receive(url)[0]
    bench.delete(url, message)
    bench.delete(url, message)
    return _same(bench.bodies(url), [])


CHECKS: tuple[Callable[[Bench], Outcome], ...] = (
    a_group_in_flight_is_locked_and_others_are_served,
    a_group_stays_locked_until_the_whole_batch_is_deleted,
    order_survives_a_timeout,
    a_follower_released_first_does_not_overtake,
    a_duplicate_gets_the_ids_of_the_first,
    a_duplicate_of_a_deleted_message_is_swallowed,
    a_duplicate_after_five_minutes_is_a_new_message,
    deduplication_by_group_keeps_the_other_groups_message,
    a_poison_head_is_dead_lettered_and_its_group_goes_on,
    a_repeated_attempt_gets_the_same_receipts,
    a_receipt_that_timed_out_is_refused,
    deleting_twice_is_accepted,
)


def _attribute(bench: Bench, url: str, name: "QueueAttributeNameType") -> str:
    return bench.client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]


def _same(seen: object, expected: object) -> Outcome:
    return seen == expected, f"saw {seen}, expected {expected}"
