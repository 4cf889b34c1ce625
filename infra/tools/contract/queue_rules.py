"""What SQS, and the code that counts on it, ask of queues and of the mappings that feed functions."""

from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import Node, table
from infra.tools.contract.lambdas import QUEUE, dead_letters, is_true, mappings, number, several
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack
from shared.queue.batch import MOST_RECEIVES

_MOST_IN_FIFO: Final = 10
_USUAL_RETENTION_S: Final = 345_600
_USUAL_VISIBILITY_S: Final = 30


def fifo_names(stack: Stack) -> Iterator[str]:
    for queue in stack.of(QUEUE):
        is_fifo, name = is_true(queue.properties.get("FifoQueue")), queue.properties.get("QueueName")
        if is_fifo and name is not None and not _written(name).endswith(".fifo"):
            yield f"{queue.label}: the QueueName of a FIFO queue must end in .fifo"
        if not is_fifo and _written(name).endswith(".fifo"):
            yield f"{queue.label}: the QueueName ends in .fifo, so set FifoQueue: true"


def high_throughput(stack: Stack) -> Iterator[str]:
    for queue in stack.of(QUEUE):
        scope, limit = (queue.properties.get(key) for key in ("DeduplicationScope", "FifoThroughputLimit"))
        if is_true(queue.properties.get("FifoQueue")) and (scope, limit) != ("messageGroup", "perMessageGroupId"):
            yield (
                f"{queue.label}: high throughput needs DeduplicationScope: messageGroup together with "
                f"FifoThroughputLimit: perMessageGroupId, not {scope} and {limit}"
            )


def encryption(stack: Stack) -> Iterator[str]:
    for queue in stack.of(QUEUE):
        if str(queue.properties.get("SqsManagedSseEnabled", True)).lower() == "false":
            yield f"{queue.label}: the queue is not encrypted; take out SqsManagedSseEnabled: false"


def dead_letter_queues(stack: Stack) -> Iterator[str]:
    for queue in stack.of(QUEUE):
        dead = dead_letters(stack, queue)
        if dead is None or dead.type != QUEUE:
            continue
        if is_true(queue.properties.get("FifoQueue")) != is_true(dead.properties.get("FifoQueue")):
            yield f"{dead.label}: dead letters of a FIFO queue go to a FIFO queue only; make it of {queue.label}'s kind"
        if _retention(dead) < _retention(queue):
            yield (
                f"{dead.label}: keeps messages for {_retention(dead):.0f} s and {queue.label} for "
                f"{_retention(queue):.0f} s; the clock starts at the first send, so keep them longer"
            )
        received = number(table(queue.properties["RedrivePolicy"], queue.label).get("maxReceiveCount"), 0)
        if received != MOST_RECEIVES:
            yield (
                f"{queue.label}: maxReceiveCount is {received:.0f}, but shared/queue/batch.py lets go of a wake-up "
                f"at MOST_RECEIVES = {MOST_RECEIVES}; make them equal"
            )


def consumers(stack: Stack) -> Iterator[str]:
    fed = {queue.label for _, _, queue in mappings(stack)}
    buried = {dead.label for queue in stack.of(QUEUE) if (dead := dead_letters(stack, queue)) is not None}
    for queue in stack.of(QUEUE):
        if queue.label not in fed | buried:
            yield f"{queue.label}: nobody consumes this queue; map it to a function or take it out"
        if queue.label in fed and dead_letters(stack, queue) is None:
            yield f"{queue.label}: has no RedrivePolicy; a poison message would come back for ever"


def mapping_limits(stack: Stack) -> Iterator[str]:
    for function, event, queue in mappings(stack):
        place, given = f"{function.label}.{event.name}", event.properties
        is_fifo = is_true(queue.properties.get("FifoQueue"))
        if is_fifo and number(given.get("BatchSize"), _MOST_IN_FIFO) > _MOST_IN_FIFO:
            yield f"{place}: BatchSize {given['BatchSize']} is above the {_MOST_IN_FIFO} of a FIFO queue"
        if is_fifo and number(given.get("MaximumBatchingWindowInSeconds"), 0) > 0:
            yield f"{place}: a FIFO queue takes no MaximumBatchingWindowInSeconds"
        if "ReportBatchItemFailures" not in several(given.get("FunctionResponseTypes")):
            yield f"{place}: without FunctionResponseTypes: [ReportBatchItemFailures] what the handler reports is lost"
        at_once = number(table(given.get("ScalingConfig") or {}, place).get("MaximumConcurrency"), 0)
        if not 2 <= at_once <= 1000:
            yield f"{place}: MaximumConcurrency must be from 2 to 1000, not {at_once:.0f}"
        reserved = function.properties.get("ReservedConcurrentExecutions")
        if reserved is not None and number(reserved, 0) < at_once:
            yield (
                f"{place}: MaximumConcurrency {at_once:.0f} is above the {reserved} ReservedConcurrentExecutions of "
                f"{function.label}; what is throttled counts as received and ends among the dead letters"
            )


def visibility(stack: Stack) -> Iterator[str]:
    for function, _, queue in mappings(stack):
        hidden = number(queue.properties.get("VisibilityTimeout"), _USUAL_VISIBILITY_S)
        runs = number(function.properties.get("Timeout"), 3)
        if hidden < runs:
            yield f"{queue.label}: VisibilityTimeout {hidden:.0f} s is below {function.label}'s Timeout, {runs:.0f} s"
        elif hidden < 6 * runs:
            yield f"{queue.label}: VisibilityTimeout {hidden:.0f} s is below six times {function.label}'s Timeout"


RULES: Final = (
    fifo_names, high_throughput, encryption, dead_letter_queues, consumers, mapping_limits, visibility,
)  # fmt: skip


def _retention(queue: Resource) -> float:
    return number(queue.properties.get("MessageRetentionPeriod"), _USUAL_RETENTION_S)


def _written(name: Node) -> str:
    return str(name["Fn::Sub"]) if isinstance(name, dict) and "Fn::Sub" in name else str(name)
