"""The product's queue adapter through the genuine boto3."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.errors import QueueUnavailable
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.queue.envelope import unpack
from shared.queue.sqs import SqsQueue, open_queue
from shared.settings.sections import QueueSettings
from shared.telemetry import tracing


@pytest.fixture
def url(make_queue: Callable[..., str]) -> str:
    return make_queue({"VisibilityTimeout": "540"})


@pytest.fixture
def queue(endpoint: str, url: str, monkeypatch: pytest.MonkeyPatch) -> SqsQueue:
    aws = {"ACCESS_KEY_ID": "local", "SECRET_ACCESS_KEY": "local", "DEFAULT_REGION": "us-east-1"}
    for name, value in (aws | {"ENDPOINT_URL_SQS": endpoint}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    opened = open_queue(QueueSettings(derive_url=url, summary_url=url, chores_url=url))
    assert isinstance(opened, SqsQueue)
    return opened


def wake_up(number: int, session: str = "s") -> WakeUp:
    return WakeUp(WorkUnit(f"w-{uuid.uuid4().hex}", TaskKind.DERIVE, session, "ada"), number)


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])


def test_send_brings_each_wake_up_once_however_often_it_is_sent(queue: SqsQueue, sqs: Any, url: str):
    wake_ups = [wake_up(number) for number in range(12)]
    assert queue.send(wake_ups) == wake_ups
    assert queue.send(wake_ups) == wake_ups
    found = [unpack(message["Body"]) for _ in range(3) for message in received(sqs, url)]
    assert sorted(found, key=lambda one: one.number) == wake_ups


def test_send_when_one_queue_is_away_still_sends_to_the_others(queue: SqsQueue, sqs: Any, url: str):
    # The queue of dreams has no address here.
    dreams = [WakeUp(WorkUnit("w", TaskKind.DREAM, "", "ada", "ada"), number) for number in range(11)]
    others = [wake_up(number) for number in range(11)]
    assert queue.send([*dreams, *others]) == others
    found = [unpack(message["Body"]) for _ in range(2) for message in received(sqs, url)]
    assert sorted(found, key=lambda one: one.number) == others


def test_send_when_no_queue_took_anything_says_so(queue: SqsQueue):
    with pytest.raises(QueueUnavailable):
        queue.send([WakeUp(WorkUnit("w", TaskKind.DREAM, "", "ada", "ada"), 1)])


def test_put_back_shows_the_wake_up_again_after_its_pause(
    queue: SqsQueue, sqs: Any, url: str, advance: Callable[[float], None]
):
    queue.send([wake_up(1)])
    [message] = received(sqs, url)
    queue.put_back(TaskKind.DERIVE, message["ReceiptHandle"], after_s=15)
    advance(14)
    assert received(sqs, url) == []
    advance(1)
    assert [again["Body"] for again in received(sqs, url)] == [message["Body"]]


def test_put_back_of_what_is_gone_says_that_the_queue_did_not_do_it(queue: SqsQueue, sqs: Any, url: str):
    queue.send([wake_up(1)])
    [message] = received(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(QueueUnavailable):
        queue.put_back(TaskKind.DERIVE, message["ReceiptHandle"], after_s=15)


def test_send_says_what_caused_the_wake_up_and_retries_stay_one_message(queue: SqsQueue, sqs: Any, url: str):
    one = wake_up(1)
    with tracing.entry("request", None, {}) as first:
        queue.send([one])
    with tracing.entry("tick", None, {}):
        queue.send([one])
    answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
    [message] = answer["Messages"]
    assert message["MessageAttributes"] == {"traceparent": {"StringValue": first.trace.header, "DataType": "String"}}
