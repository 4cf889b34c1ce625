"""The operations on messages: parameters in, the members of the answer out, SqsError when refused."""

from collections.abc import Callable

from infra.local.fifo import MAX_VISIBILITY_S
from infra.local.queues import LocalQueues
from infra.local.sqs_attributes import MAX_BYTES
from infra.local.sqs_errors import BatchRequestTooLong, MissingParameter, SqsError
from infra.local.sqs_messages import digests, read_draft, received_json, require_identity
from infra.local.sqs_parameters import MAX_ENTRIES, Parameters

Answer = dict[str, object]
Operation = Callable[[LocalQueues, Parameters], Answer]


def queue_name(parameters: Parameters) -> str:
    """The name at the end of `QueueUrl`; the host is not looked at, since boto3 may reach us under another one."""
    return parameters.text("QueueUrl").rstrip("/").rpartition("/")[2]


def send(queues: LocalQueues, parameters: Parameters) -> Answer:
    return _send(queues, queue_name(parameters), parameters)


def send_batch(queues: LocalQueues, parameters: Parameters) -> Answer:
    """Send entry by entry. Missing ids and too many bytes refuse the whole batch, other faults only their entry."""
    name = queue_name(parameters)
    settings = queues.settings(name)
    entries = parameters.entries()
    for _, entry in entries:
        require_identity(entry, settings)
    total = sum(len(entry.text("MessageBody").encode("utf-8", "surrogatepass")) for _, entry in entries)
    if total > MAX_BYTES:
        raise BatchRequestTooLong(
            f"Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {total} bytes."
        )
    return _each(entries, lambda entry: _send(queues, name, entry))


async def receive(queues: LocalQueues, parameters: Parameters) -> Answer:
    name = queue_name(parameters)
    wait_s = parameters.number("WaitTimeSeconds", low=0, high=20)
    received = await queues.receive(
        name,
        max_messages=parameters.number("MaxNumberOfMessages", low=1, high=MAX_ENTRIES) or 1,
        wait_s=queues.settings(name).wait_s if wait_s is None else wait_s,
        visibility_s=parameters.number("VisibilityTimeout", low=0, high=MAX_VISIBILITY_S),
        attempt_id=parameters.optional_text("ReceiveRequestAttemptId"),
    )
    if not received:
        return {}
    system = {*parameters.texts("AttributeNames"), *parameters.texts("MessageSystemAttributeNames")}
    custom = parameters.texts("MessageAttributeNames")
    return {"Messages": [received_json(message, system=system, custom=custom) for message in received]}


def delete(queues: LocalQueues, parameters: Parameters) -> Answer:
    queues.delete(queue_name(parameters), parameters.text("ReceiptHandle"))
    return {}


def delete_batch(queues: LocalQueues, parameters: Parameters) -> Answer:
    name = queue_name(parameters)
    queues.settings(name)

    def delete_entry(entry: Parameters) -> Answer:
        queues.delete(name, entry.text("ReceiptHandle"))
        return {}

    return _each(parameters.entries(), delete_entry)


def change_visibility(queues: LocalQueues, parameters: Parameters) -> Answer:
    _change_visibility(queues, queue_name(parameters), parameters)
    return {}


def change_visibility_batch(queues: LocalQueues, parameters: Parameters) -> Answer:
    name = queue_name(parameters)
    queues.settings(name)
    return _each(parameters.entries(), lambda entry: _change_visibility(queues, name, entry))


def purge(queues: LocalQueues, parameters: Parameters) -> Answer:
    queues.purge(queue_name(parameters))
    return {}


def _send(queues: LocalQueues, name: str, parameters: Parameters) -> Answer:
    draft, _ = read_draft(parameters, queues.settings(name))
    sent = queues.send(name, draft)
    sums = digests(draft, body_key="MD5OfMessageBody")
    return {"MessageId": sent.message_id, "SequenceNumber": sent.sequence_number, **sums}


def _change_visibility(queues: LocalQueues, name: str, parameters: Parameters) -> Answer:
    visibility_s = parameters.number("VisibilityTimeout", low=0, high=MAX_VISIBILITY_S)
    if visibility_s is None:
        raise MissingParameter("VisibilityTimeout")
    queues.change_visibility(name, parameters.text("ReceiptHandle"), visibility_s)
    return {}


def _each(entries: list[tuple[str, Parameters]], act: Callable[[Parameters], Answer]) -> Answer:
    """Act on every entry and report it under its id, done or failed."""
    done: list[Answer] = []
    failed: list[Answer] = []
    for entry_id, entry in entries:
        try:
            done.append({"Id": entry_id, **act(entry)})
        except SqsError as error:
            failed.append({"Id": entry_id, "SenderFault": True, "Code": error.code, "Message": str(error)})
    return {"Successful": done, "Failed": failed} if failed else {"Successful": done}


MESSAGE_OPERATIONS: dict[str, Operation] = {
    "SendMessage": send,
    "SendMessageBatch": send_batch,
    "DeleteMessage": delete,
    "DeleteMessageBatch": delete_batch,
    "ChangeMessageVisibility": change_visibility,
    "ChangeMessageVisibilityBatch": change_visibility_batch,
    "PurgeQueue": purge,
}
