"""Wake-ups into the SQS FIFO queues, one queue per kind of work."""

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Protocol, cast

from shared.domain.errors import QueueUnavailable
from shared.domain.trace import HEADER
from shared.domain.work import TaskKind, WakeUp
from shared.queue.envelope import pack
from shared.queue.failures import name_of
from shared.settings.sections import QueueSettings
from shared.telemetry.logs import logger
from shared.telemetry.tracing import traceparent

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_BATCH = 10


class QueueRefused(QueueUnavailable):
    """One queue answered that it does not take what was sent."""


class WorkQueue(Protocol):
    """Where wake-ups go."""

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        """Send them; gives those that were accepted. Sending one twice is harmless."""
        ...

    def put_back(self, kind: TaskKind, receipt: str, *, after_s: int) -> None:
        """Let a received wake-up be seen again after `after_s`. Raises `QueueUnavailable`."""
        ...


class SqsQueue:
    """SQS FIFO: the group keeps a session's work in order, the deduplication id makes a retried send harmless."""

    def __init__(self, settings: QueueSettings) -> None:
        self._urls = {
            TaskKind.DERIVE: settings.derive_url,
            TaskKind.SUMMARY: settings.summary_url,
            TaskKind.DREAM: settings.dream_url,
            TaskKind.INDEX: settings.chores_url,
            TaskKind.ERASE: settings.chores_url,
            TaskKind.FORGET: settings.chores_url,
            TaskKind.SCOPE: settings.chores_url,
            TaskKind.WEBHOOK: settings.chores_url,
        }
        self._client: SQSClient | None = None
        self._lock = Lock()

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        """One call per queue and ten wake-ups. Raises `QueueUnavailable` when no call succeeded at all."""
        by_queue: dict[str, list[WakeUp]] = defaultdict(list)
        for wake_up in wake_ups:
            by_queue[self._urls[wake_up.unit.kind]].append(wake_up)
        taken: list[WakeUp] = []
        failure: QueueUnavailable | None = None
        for url, some in by_queue.items():
            try:
                for start in range(0, len(some), _BATCH):
                    taken += self._send_batch(url, some[start : start + _BATCH])
            except QueueRefused as error:
                # The others may take theirs all the same.
                failure = failure or error
            except QueueUnavailable as error:
                # Nobody answers: each further call would cost its whole time-out.
                failure = failure or error
                break
        if failure is None:
            return taken
        if not taken:
            raise failure
        logger.warning("queue_not_reached", error=str(failure))
        return taken

    def put_back(self, kind: TaskKind, receipt: str, *, after_s: int) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._sqs().change_message_visibility(
                QueueUrl=self._urls[kind], ReceiptHandle=receipt, VisibilityTimeout=after_s
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(name_of(error)) from error

    def _send_batch(self, url: str, batch: Sequence[WakeUp]) -> list[WakeUp]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._sqs().send_message_batch(
                QueueUrl=url, Entries=[_entry(i, wake_up) for i, wake_up in enumerate(batch)]
            )
        except ClientError as error:
            raise QueueRefused(name_of(error)) from error
        except BotoCoreError as error:
            raise QueueUnavailable(name_of(error)) from error
        if refused := answer.get("Failed"):
            logger.warning("wake_ups_refused", codes=sorted({one["Code"] for one in refused}), count=len(refused))
        return [batch[int(sent["Id"])] for sent in answer.get("Successful", [])]

    def _sqs(self) -> "SQSClient":
        with self._lock:
            if self._client is None:
                self._client = _open_client()
            return self._client


def open_queue(settings: QueueSettings) -> WorkQueue:
    """The queues of `settings`; boto3 is imported with the first send."""
    return SqsQueue(settings)


def _open_client() -> "SQSClient":
    # The package-level `boto3.client` is typed by stubs for all of AWS; this one by those for SQS.
    from boto3.session import Session
    from botocore.config import Config

    # A send that hangs holds up a request whose message is already safe in the outbox: give up early.
    config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})
    return cast("SQSClient", Session().client("sqs", config=config))  # pyright: ignore[reportUnknownMemberType] untyped


def _entry(index: int, wake_up: WakeUp) -> "SendMessageBatchRequestEntryTypeDef":
    cause = traceparent()
    return {
        "Id": str(index),
        "MessageBody": pack(wake_up),
        "MessageGroupId": wake_up.unit.group_id(),
        "MessageDeduplicationId": wake_up.deduplication_id(),
        "MessageAttributes": {} if cause is None else {HEADER: {"DataType": "String", "StringValue": cause}},
    }
