"""The operations on queues: making, describing, tagging and redriving them."""

from infra.local.queues import LocalQueues, MoveTask
from infra.local.sqs_attributes import ATTRIBUTE_NAMES
from infra.local.sqs_errors import InvalidAttributeName
from infra.local.sqs_message_operations import Answer, Operation, queue_name
from infra.local.sqs_parameters import Parameters


def create(queues: LocalQueues, parameters: Parameters) -> Answer:
    name = parameters.text("QueueName")
    return {"QueueUrl": queues.create(name, parameters.text_map("Attributes"), parameters.text_map("tags"))}


def get_url(queues: LocalQueues, parameters: Parameters) -> Answer:
    name = parameters.text("QueueName")
    queues.settings(name)
    return {"QueueUrl": queues.url(name)}


def list_queues(queues: LocalQueues, parameters: Parameters) -> Answer:
    prefix = parameters.optional_text("QueueNamePrefix") or ""
    return _page("QueueUrls", [queues.url(name) for name in queues.names() if name.startswith(prefix)], parameters)


def delete(queues: LocalQueues, parameters: Parameters) -> Answer:
    queues.remove(queue_name(parameters))
    return {}


def get_attributes(queues: LocalQueues, parameters: Parameters) -> Answer:
    name = queue_name(parameters)
    asked = set(parameters.texts("AttributeNames"))
    if unknown := sorted(asked - ATTRIBUTE_NAMES):
        raise InvalidAttributeName(f"Unknown Attribute {unknown[0]}.")
    shown = {**queues.settings(name).as_attributes(), **_counted(queues, name)}
    return {"Attributes": {key: value for key, value in shown.items() if key in asked or "All" in asked}}


def set_attributes(queues: LocalQueues, parameters: Parameters) -> Answer:
    queues.configure(queue_name(parameters), parameters.text_map("Attributes"))
    return {}


def list_sources(queues: LocalQueues, parameters: Parameters) -> Answer:
    # The service spells this member in lower case, unlike that of ListQueues.
    return _page("queueUrls", [queues.url(name) for name in queues.sources(queue_name(parameters))], parameters)


def tag(queues: LocalQueues, parameters: Parameters) -> Answer:
    queues.tags(queue_name(parameters)).update(parameters.text_map("Tags"))
    return {}


def untag(queues: LocalQueues, parameters: Parameters) -> Answer:
    tags = queues.tags(queue_name(parameters))
    for key in parameters.texts("TagKeys"):
        tags.pop(key, None)
    return {}


def list_tags(queues: LocalQueues, parameters: Parameters) -> Answer:
    return {"Tags": dict(queues.tags(queue_name(parameters)))}


def start_move(queues: LocalQueues, parameters: Parameters) -> Answer:
    """Redrive at once: the local queues are small, so MaxNumberOfMessagesPerSecond is checked and not obeyed."""
    parameters.number("MaxNumberOfMessagesPerSecond", low=1, high=500)
    task = queues.redrive(parameters.text("SourceArn"), parameters.optional_text("DestinationArn"))
    return {"TaskHandle": task.handle}


def list_moves(queues: LocalQueues, parameters: Parameters) -> Answer:
    limit = parameters.number("MaxResults", low=1, high=10) or 1
    return {"Results": [_move_json(task) for task in queues.moves(parameters.text("SourceArn"))[:limit]]}


def _counted(queues: LocalQueues, name: str) -> dict[str, str]:
    depth = queues.depth(name)
    created_at, modified_at = queues.times(name)
    return {
        "QueueArn": queues.arn(name),
        "ApproximateNumberOfMessages": str(depth.visible),
        "ApproximateNumberOfMessagesNotVisible": str(depth.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(depth.delayed),
        "CreatedTimestamp": str(int(created_at)),
        "LastModifiedTimestamp": str(int(modified_at)),
    }


def _move_json(task: MoveTask) -> Answer:
    shown: Answer = {
        "Status": task.status,
        "SourceArn": task.source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": int(task.started_at * 1000),
    }
    if task.destination_arn is not None:
        shown["DestinationArn"] = task.destination_arn
    if task.failure is not None:
        shown["FailureReason"] = task.failure
    return shown


def _page(member: str, urls: list[str], parameters: Parameters) -> Answer:
    """One page of `urls`; the token is the last URL of the page before."""
    token = parameters.optional_text("NextToken") or ""
    rest = [url for url in urls if url > token]
    limit = parameters.number("MaxResults", low=1, high=1000)
    if limit is None or len(rest) <= limit:
        return {member: rest}
    return {member: rest[:limit], "NextToken": rest[limit - 1]}


QUEUE_OPERATIONS: dict[str, Operation] = {
    "CreateQueue": create,
    "GetQueueUrl": get_url,
    "ListQueues": list_queues,
    "DeleteQueue": delete,
    "GetQueueAttributes": get_attributes,
    "SetQueueAttributes": set_attributes,
    "ListDeadLetterSourceQueues": list_sources,
    "TagQueue": tag,
    "UntagQueue": untag,
    "ListQueueTags": list_tags,
    "StartMessageMoveTask": start_move,
    "ListMessageMoveTasks": list_moves,
}
