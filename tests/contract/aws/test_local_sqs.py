"""The genuine boto3 against the local SQS endpoint, served by uvicorn on a free port."""

# boto3 makes its clients at run time, so their members have no types here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import hashlib
import json
import socket
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.tools import probe_queue


def arn_of(sqs: Any, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def entry(number: int, **more: object) -> dict[str, object]:
    text = str(number)
    return {"Id": text, "MessageBody": text, "MessageGroupId": "g", "MessageDeduplicationId": text, **more}


def message(**more: object) -> dict[str, object]:
    return {"MessageBody": "1", "MessageGroupId": "g", "MessageDeduplicationId": uuid.uuid4().hex, **more}


@pytest.mark.parametrize("number", range(len(probe_queue.CHECKS)), ids=[c.__name__ for c in probe_queue.CHECKS])
def test_probe_on_the_local_queue_passes(
    number: int, sqs: Any, make_queue: Callable[..., str], advance: Callable[[float], None]
) -> None:
    passed, seen = probe_queue.CHECKS[number](probe_queue.Bench(sqs, make_queue, advance))
    assert passed, seen


def test_probe_when_a_check_raises_reports_it_and_goes_on(sqs: Any, advance: Callable[[float], None]) -> None:
    def no_queue(attributes: Mapping[str, str]) -> str:
        raise RuntimeError(f"no queue with {len(attributes)} attributes")

    outcomes = list(probe_queue.probe(sqs, no_queue, advance))
    assert len(outcomes) == len(probe_queue.CHECKS)
    assert not any(passed for _, passed, _ in outcomes)


def test_send_gives_the_digests_of_what_was_received(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    body = 'Grüße, "quoted" \t 🐘'
    attributes = {
        "kind": {"DataType": "String", "StringValue": "derive"},
        "raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=url, **message(MessageBody=body, MessageAttributes=attributes))
    [got] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert got["Body"] == body
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    # Computed from the Developer Guide's description: length-prefixed name, type, transport type and value.
    raw = b"".join(
        [
            b"\0\0\0\x04kind\0\0\0\x06String\x01\0\0\0\x06derive",
            b"\0\0\0\x03raw\0\0\0\x0aBinary.png\x02\0\0\0\x02\x00\xff",
        ]
    )
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"] == hashlib.md5(raw).hexdigest()
    assert got["MessageAttributes"] == attributes


def test_receive_shows_only_the_attributes_asked_for(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = sqs.send_message(QueueUrl=url, **message(MessageDeduplicationId="d", MessageSystemAttributes=trace))
    [got] = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"], VisibilityTimeout=0)["Messages"]
    attributes = got["Attributes"]
    assert attributes["SequenceNumber"] == sent["SequenceNumber"]
    assert attributes["ApproximateReceiveCount"] == "1"
    assert (attributes["MessageGroupId"], attributes["MessageDeduplicationId"]) == ("g", "d")
    assert attributes["AWSTraceHeader"].startswith("Root=")
    [got] = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert got["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_send_with_content_deduplication_recognises_the_body(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue({"ContentBasedDeduplication": "true"})
    ids = [
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")["MessageId"] for body in ("a", "a", "b")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_batches_report_each_entry(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue({"VisibilityTimeout": "60"})
    entries = [entry(1), entry(2, MessageGroupId="with space"), entry(3)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [each["Id"] for each in sent["Successful"]] == ["1", "3"]
    assert [(each["Id"], each["Code"], each["SenderFault"]) for each in sent["Failed"]] == [
        ("2", "InvalidParameterValue", True)
    ]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [each["Body"] for each in received] == ["1", "3"]
    receipts = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(received)]
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[{**receipts[1], "VisibilityTimeout": 0}, {"Id": "x", "ReceiptHandle": "no", "VisibilityTimeout": 0}],
    )
    assert [each["Id"] for each in changed["Successful"]] == ["1"]
    assert changed["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[receipts[0], {"Id": "x", "ReceiptHandle": "no"}])
    assert [each["Id"] for each in deleted["Successful"]] == ["0"]
    assert [each["Id"] for each in deleted["Failed"]] == ["x"]


def test_create_when_the_queue_exists_needs_the_same_attributes(sqs: Any) -> None:
    attributes = {"FifoQueue": "true", "VisibilityTimeout": "60"}
    name = f"q-{uuid.uuid4().hex}.fifo"
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    assert sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName=name, Attributes={**attributes, "VisibilityTimeout": "61"})


def test_attributes_are_shown_as_set_and_hold_at_once(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue({"VisibilityTimeout": "60", "ContentBasedDeduplication": "true"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "5", "MaximumMessageSize": "1024"})
    sqs.send_message(QueueUrl=url, **message())
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (shown["VisibilityTimeout"], shown["DelaySeconds"], shown["FifoQueue"]) == ("60", "5", "true")
    assert (shown["ContentBasedDeduplication"], shown["DeduplicationScope"]) == ("true", "queue")
    assert (shown["ApproximateNumberOfMessages"], shown["ApproximateNumberOfMessagesDelayed"]) == ("0", "1")
    with pytest.raises(ClientError, match="shorter than 1024 bytes"):
        sqs.send_message(QueueUrl=url, **message(MessageBody="x" * 1025))
    with pytest.raises(sqs.exceptions.InvalidAttributeName):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Colour"])


def test_list_queues_pages_by_prefix(sqs: Any) -> None:
    prefix = f"list-{uuid.uuid4().hex}"
    urls = [
        sqs.create_queue(QueueName=f"{prefix}-{n}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"] for n in range(3)
    ]
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    assert [page["QueueUrls"] for page in pages] == [urls[:2], urls[2:]]


def test_tags_are_added_and_removed(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}


def test_redrive_returns_dead_letters_to_their_source_in_order(
    sqs: Any, make_queue: Callable[..., str], advance: Callable[[float], None]
) -> None:
    dead = make_queue()
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": 1})
    source = make_queue({"RedrivePolicy": policy})
    sent = sqs.send_message_batch(QueueUrl=source, Entries=[entry(1), entry(2)])["Successful"]
    sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)
    advance(31)
    assert "Messages" not in sqs.receive_message(QueueUrl=source)
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [source]

    assert sqs.start_message_move_task(SourceArn=arn_of(sqs, dead))["TaskHandle"]
    [task] = sqs.list_message_move_tasks(SourceArn=arn_of(sqs, dead))["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    back = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])["Messages"]
    assert [(m["Body"], m["Attributes"]["ApproximateReceiveCount"]) for m in back] == [("1", "1"), ("2", "1")]
    assert {m["MessageId"] for m in back}.isdisjoint(m["MessageId"] for m in sent)


def test_redrive_of_letters_without_a_source_fails_and_keeps_them(sqs: Any, make_queue: Callable[..., str]) -> None:
    dead = make_queue()
    make_queue({"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": 1})})
    sqs.send_message(QueueUrl=dead, **message())
    sqs.start_message_move_task(SourceArn=arn_of(sqs, dead))
    [task] = sqs.list_message_move_tasks(SourceArn=arn_of(sqs, dead))["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert len(sqs.receive_message(QueueUrl=dead)["Messages"]) == 1


def test_redrive_of_a_queue_nobody_dies_into_is_refused(sqs: Any, make_queue: Callable[..., str]) -> None:
    with pytest.raises(ClientError, match="Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=arn_of(sqs, make_queue()))
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.start_message_move_task(SourceArn="arn:aws:sqs:us-east-1:000000000000:missing.fifo")


def test_purge_and_delete_queue_empty_and_remove_it(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    sqs.send_message(QueueUrl=url, **message())
    sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


def test_long_poll_wakes_when_a_message_arrives(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        assert not waiting.done()
        sqs.send_message(QueueUrl=url, **message())
        [got] = waiting.result(timeout=10)["Messages"]
    assert got["Body"] == "1"


def test_long_poll_of_a_client_that_went_away_takes_no_message(
    sqs: Any, endpoint: str, make_queue: Callable[..., str]
) -> None:
    url = make_queue()
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20}).encode()
    lines = ["POST / HTTP/1.1", "Host: local", "X-Amz-Target: AmazonSQS.ReceiveMessage", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, "", ""])
    host, port = endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as abandoned:
        abandoned.sendall(head.encode() + body)
        # The answer to a later request on another connection shows that the first one has been read.
        sqs.list_queue_tags(QueueUrl=url)
    sqs.list_queue_tags(QueueUrl=url)
    sqs.send_message(QueueUrl=url, **message())
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_concurrent_receivers_never_share_a_group(sqs: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue({"VisibilityTimeout": "600"})
    for start in range(0, 40, 10):
        batch = [entry(n, MessageGroupId=f"g{n % 8}") for n in range(start, start + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=batch)

    def receive(_: int) -> set[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3, MessageSystemAttributeNames=["All"])
        return {each["Attributes"]["MessageGroupId"] for each in answer.get("Messages", [])}

    with ThreadPoolExecutor(6) as pool:
        groups = list(pool.map(receive, range(12)))
    taken = [group for each in groups for group in each]
    assert len(taken) == len(set(taken)) == 8


def test_depth_counts_every_queue(sqs: Any, endpoint: str, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    sqs.send_message_batch(QueueUrl=url, Entries=[entry(1), entry(2)])
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    with urllib.request.urlopen(f"{endpoint}/_depth", timeout=5) as answer:
        depths = json.load(answer)
    assert depths[url.rpartition("/")[2]] == {"visible": 1, "in_flight": 1, "delayed": 0}
