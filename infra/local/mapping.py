"""The event source mapping: polls a queue, invokes a function, deletes what was done.

Rules as AWS documents them for SQS and Lambda; see the functions below for each. Order within a group and its
exclusivity are the queue's, not ours.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from infra.local.cloudformation import REGION
from infra.local.environment import Result
from infra.local.fifo_message import ReceivedMessage
from infra.local.queues import LocalQueues
from infra.local.template import MappingSpec, QueueSpec

logger = logging.getLogger(__name__)

_POLL_S = 20.0

Invoke = Callable[[bytes], "asyncio.Future[Result]"]


class EventSourceMapping:
    """One queue feeding one function, with at most `concurrency` batches at a time."""

    def __init__(
        self,
        spec: MappingSpec,
        queue: QueueSpec,
        queues: LocalQueues,
        invoke: Invoke,
        *,
        room: Callable[[], Awaitable[None]],
        concurrency: int,
    ) -> None:
        self._spec = spec
        self._queue = queue
        self._queues = queues
        self._invoke = invoke
        self._room = room
        self._slots = asyncio.Semaphore(concurrency)
        self._batches: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Receive and hand on until cancelled; batches on their way are not cancelled with it."""
        loop = asyncio.get_running_loop()
        while True:
            # A message that waits for an environment to start is seen again, and counted, without having been tried.
            await self._room()
            await self._slots.acquire()
            messages: list[ReceivedMessage] = []
            try:
                messages = await self._queues.receive(
                    self._queue.name, max_messages=self._spec.batch_size, wait_s=_POLL_S
                )
            finally:
                if not messages:
                    self._slots.release()
            if messages:
                result = self._invoke(event(messages, self._queue.arn))
                batch = loop.create_task(self._settle(messages, result))
                self._batches.add(batch)
                batch.add_done_callback(self._finished)

    async def _settle(self, messages: Sequence[ReceivedMessage], invoked: "asyncio.Future[Result]") -> None:
        result = await invoked
        if result.error is not None:
            # Nothing is deleted and nothing released: the visibility timeout runs out, as on AWS.
            logger.warning("batch_failed queue=%s messages=%d error=%s", self._queue.name, len(messages), result.error)
            return
        ids = {message.message_id for message in messages}
        failed = failed_ids(result.payload, ids) if self._spec.reports_failures else set[str]()
        for message in messages:
            if message.message_id not in failed:
                self._queues.delete(self._queue.name, message.receipt)

    def _finished(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        self._slots.release()
        if not batch.cancelled() and (error := batch.exception()) is not None:
            # A message deleted twice, or a queue purged under our hands: the next receive tells.
            logger.error("batch_not_settled queue=%s", self._queue.name, exc_info=error)


def event(messages: Sequence[ReceivedMessage], queue_arn: str) -> bytes:
    """The Lambda event of a batch, in the order received."""
    return json.dumps({"Records": [_record(m, queue_arn) for m in messages]}, ensure_ascii=False).encode()


def _record(message: ReceivedMessage, queue_arn: str) -> dict[str, object]:
    body = message.body
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": body,
        "attributes": message.system_attributes(),
        "messageAttributes": {name: _attribute(value) for name, value in message.draft.attributes.items()},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _attribute(value: Mapping[str, str]) -> dict[str, object]:
    """As AWS writes one into an event: the names in lower case, and two lists that are never filled."""
    shown: dict[str, object] = {name[0].lower() + name[1:]: text for name, text in value.items()}
    return {**shown, "stringListValues": [], "binaryListValues": []}


def failed_ids(payload: bytes, ids: set[str]) -> set[str]:
    """The ids that a `ReportBatchItemFailures` answer gives back; all of them when the answer is malformed.

    An empty or null answer or list is a success. Invalid JSON, a wrong shape, an empty id or one that is not in the
    batch fails the batch as a whole. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    try:
        answer: object = json.loads(payload) if payload.strip() else None
    except ValueError:
        return set(ids)
    if answer is None or answer == {}:
        return set()
    if not isinstance(answer, dict) or "batchItemFailures" not in answer:
        return set(ids)
    failures = cast(dict[str, object], answer)["batchItemFailures"]
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return set(ids)
    reported: set[str] = set()
    for entry in cast(list[object], failures):
        identifier = cast(dict[str, object], entry).get("itemIdentifier") if isinstance(entry, dict) else None
        if not isinstance(identifier, str) or identifier not in ids:
            return set(ids)
        reported.add(identifier)
    return reported
