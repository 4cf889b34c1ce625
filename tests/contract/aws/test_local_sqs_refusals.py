"""What the local SQS endpoint refuses, and how: the error boto3 raises must be the real service's."""

# boto3 makes its clients at run time, so their members have no types here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

Request = Mapping[str, Any]


def arn_of(sqs: Any, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def entry(number: int, **more: object) -> dict[str, object]:
    text = str(number)
    return {"Id": text, "MessageBody": text, "MessageGroupId": "g", "MessageDeduplicationId": text, **more}


def message(**more: object) -> dict[str, object]:
    return {"MessageBody": "1", "MessageGroupId": "g", "MessageDeduplicationId": uuid.uuid4().hex, **more}


# What is sent, the code boto3 shows, and the class it raises (None where the service models none).
REFUSALS: dict[str, tuple[str, Request, str, str | None]] = {
    "no group": ("send_message", {"MessageBody": "1", "MessageDeduplicationId": "d"}, "MissingParameter", None),
    "no deduplication id": ("send_message", {"MessageBody": "1", "MessageGroupId": "g"}, "InvalidParameterValue", None),
    "group with a space": ("send_message", message(MessageGroupId="a b"), "InvalidParameterValue", None),
    "long group": ("send_message", message(MessageGroupId="x" * 129), "InvalidParameterValue", None),
    "delay of one message": ("send_message", message(DelaySeconds=5), "InvalidParameterValue", None),
    "above 1 MiB": ("send_message", message(MessageBody="x" * 1_048_577), "InvalidParameterValue", None),
    "control character": (
        "send_message",
        message(MessageBody="\x01"),
        "InvalidMessageContents",
        "InvalidMessageContents",
    ),
    "empty batch": (
        "send_message_batch",
        {"Entries": []},
        "AWS.SimpleQueueService.EmptyBatchRequest",
        "EmptyBatchRequest",
    ),
    "batch of eleven": (
        "send_message_batch",
        {"Entries": [entry(n) for n in range(11)]},
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "TooManyEntriesInBatchRequest",
    ),
    "same id twice": (
        "send_message_batch",
        {"Entries": [entry(1), entry(1)]},
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "BatchEntryIdsNotDistinct",
    ),
    "bad entry id": (
        "send_message_batch",
        {"Entries": [entry(1, Id="a.b")]},
        "AWS.SimpleQueueService.InvalidBatchEntryId",
        "InvalidBatchEntryId",
    ),
    "batch above 1 MiB": (
        "send_message_batch",
        {"Entries": [entry(n, MessageBody="x" * 600_000) for n in range(2)]},
        "AWS.SimpleQueueService.BatchRequestTooLong",
        "BatchRequestTooLong",
    ),
    "batch without a group": (
        "send_message_batch",
        {"Entries": [entry(1), {"Id": "2", "MessageBody": "2", "MessageDeduplicationId": "2"}]},
        "MissingParameter",
        None,
    ),
    "receive of eleven": ("receive_message", {"MaxNumberOfMessages": 11}, "InvalidParameterValue", None),
    "receive of none": ("receive_message", {"MaxNumberOfMessages": 0}, "InvalidParameterValue", None),
    "wait of a minute": ("receive_message", {"WaitTimeSeconds": 60}, "InvalidParameterValue", None),
    "nonsense receipt": ("delete_message", {"ReceiptHandle": "no"}, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
    "unknown attribute": (
        "set_queue_attributes",
        {"Attributes": {"Colour": "red"}},
        "InvalidAttributeName",
        "InvalidAttributeName",
    ),
    "attribute out of range": (
        "set_queue_attributes",
        {"Attributes": {"VisibilityTimeout": "43201"}},
        "InvalidAttributeValue",
        "InvalidAttributeValue",
    ),
    "no longer FIFO": ("set_queue_attributes", {"Attributes": {"FifoQueue": "false"}}, "InvalidAttributeValue", None),
    "throughput without its scope": (
        "set_queue_attributes",
        {"Attributes": {"FifoThroughputLimit": "perMessageGroupId"}},
        "InvalidAttributeValue",
        None,
    ),
    "not served": (
        "add_permission",
        {"Label": "x", "AWSAccountIds": ["1"], "Actions": ["*"]},
        "AWS.SimpleQueueService.UnsupportedOperation",
        "UnsupportedOperation",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_wrong_request_is_refused_as_the_service_does(case: str, sqs: Any, make_queue: Callable[..., str]) -> None:
    operation, request, code, name = REFUSALS[case]
    url = make_queue()
    with pytest.raises(getattr(sqs.exceptions, name) if name else ClientError) as refused:
        getattr(sqs, operation)(QueueUrl=url, **request)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert counts == {"ApproximateNumberOfMessages": "0"}


def test_a_missing_queue_is_refused_by_every_door(sqs: Any, endpoint: str) -> None:
    url = f"{endpoint}/000000000000/missing.fifo"
    for call in (
        lambda: sqs.get_queue_url(QueueName="missing.fifo"),
        lambda: sqs.send_message(QueueUrl=url, **message()),
        lambda: sqs.receive_message(QueueUrl=url),
        lambda: sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "r"}]),
        lambda: sqs.delete_queue(QueueUrl=url),
    ):
        with pytest.raises(sqs.exceptions.QueueDoesNotExist) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("plain", {}),
        ("plain", {"FifoQueue": "true"}),
        ("q.fifo", {}),
        ("q w.fifo", {"FifoQueue": "true"}),
        ("x" * 76 + ".fifo", {"FifoQueue": "true"}),
    ],
)
def test_create_when_the_queue_is_not_a_fifo_queue_is_refused(sqs: Any, name: str, attributes: Request) -> None:
    with pytest.raises(ClientError) as refused:
        sqs.create_queue(QueueName=name, Attributes=attributes)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("arn:aws:sqs:us-east-1:000000000000:standard", "must be same type of queue as the source"),
        ("arn:aws:sqs:us-east-1:000000000000:missing.fifo", "Dead letter target does not exist"),
    ],
)
def test_create_with_an_unfit_dead_letter_queue_is_refused(
    make_queue: Callable[..., str], target: str, reason: str
) -> None:
    policy = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": 3})
    with pytest.raises(ClientError, match=reason) as refused:
        make_queue({"RedrivePolicy": policy})
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_create_when_the_dead_letter_queue_admits_only_others_is_refused(
    sqs: Any, make_queue: Callable[..., str]
) -> None:
    dead = make_queue(
        {"RedriveAllowPolicy": json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": ["arn:x"]})}
    )
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": 3})
    with pytest.raises(ClientError, match="RedrivePolicy"):
        make_queue({"RedrivePolicy": policy})


@pytest.mark.parametrize(
    ("target", "body", "kind"),
    [
        ("AmazonSQS.SendMessage", b"{", "SerializationException"),
        ("AmazonSQS.SendMessage", b"[]", "SerializationException"),
        ("AmazonSQS.SendMessage", b'{"QueueUrl": 1}', "SerializationException"),
        ("AmazonSQS.SendMessage", b"{}", "MissingParameter"),
        ("AmazonSQS.Nothing", b"{}", "UnsupportedOperation"),
        ("", b"Action=ListQueues", "UnsupportedOperation"),
    ],
)
def test_a_request_that_boto3_would_not_send_is_refused(endpoint: str, target: str, body: bytes, kind: str) -> None:
    request = urllib.request.Request(endpoint, data=body, headers={"X-Amz-Target": target}, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 400
    assert json.load(refused.value)["__type"] == f"com.amazonaws.sqs#{kind}"
