"""A message of a FIFO queue: as sent, as kept, as received; and its receipt handle."""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

MessageAttributes = Mapping[str, Mapping[str, str]]

# The real numbers have twenty digits; ours too, so that comparing them as text keeps their order.
_FIRST_SEQUENCE = 10**19


@dataclass(frozen=True, slots=True)
class Draft:
    """What a sender hands over."""

    body: str
    group_id: str
    deduplication_id: str
    attributes: MessageAttributes = field(default_factory=dict[str, Mapping[str, str]])
    trace_header: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender gets back; the same for every duplicate within five minutes."""

    message_id: str
    sequence_number: str


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as one receive saw it. Times are seconds since the epoch."""

    message_id: str
    receipt: str
    draft: Draft
    sequence_number: str
    sent_at: float
    receive_count: int
    first_received_at: float
    source_arn: str | None

    @property
    def body(self) -> str:
        return self.draft.body

    @property
    def group_id(self) -> str:
        return self.draft.group_id

    def system_attributes(self) -> dict[str, str]:
        """All system attributes under the service's names, as in a ReceiveMessage answer and a Lambda event."""
        attributes = {
            "SenderId": "AIDALOCAL",
            "SentTimestamp": str(int(self.sent_at * 1000)),
            "ApproximateReceiveCount": str(self.receive_count),
            "ApproximateFirstReceiveTimestamp": str(int(self.first_received_at * 1000)),
            "SequenceNumber": self.sequence_number,
            "MessageDeduplicationId": self.draft.deduplication_id,
            "MessageGroupId": self.draft.group_id,
        }
        if self.draft.trace_header is not None:
            attributes["AWSTraceHeader"] = self.draft.trace_header
        if self.source_arn is not None:
            attributes["DeadLetterQueueSourceArn"] = self.source_arn
        return attributes


@dataclass(slots=True)
class StoredMessage:
    """A message inside a queue. It is in flight exactly while it has a receipt."""

    draft: Draft
    message_id: str
    sequence: int
    sent_at: float
    receive_count: int = 0
    source_arn: str | None = None
    first_received_at: float = 0.0
    received_at: float = 0.0
    invisible_until: float = 0.0
    receipt: str = ""
    is_replayable: bool = True

    def take(self, receipt: str, now: float, visibility_s: float) -> None:
        """Enter flight under `receipt`; this is what counts as one receive."""
        if self.receive_count == 0:
            self.first_received_at = now
        self.receive_count += 1
        self.received_at = now
        self.invisible_until = now + visibility_s
        self.receipt = receipt
        self.is_replayable = True

    def snapshot(self) -> ReceivedMessage:
        return ReceivedMessage(
            message_id=self.message_id,
            receipt=self.receipt,
            draft=self.draft,
            sequence_number=sequence_number(self.sequence),
            sent_at=self.sent_at,
            receive_count=self.receive_count,
            first_received_at=self.first_received_at,
            source_arn=self.source_arn,
        )


@dataclass(slots=True)
class Group:
    """The messages of one group by sequence, and those of them in flight. Any in flight locks the group."""

    messages: OrderedDict[int, StoredMessage] = field(default_factory=OrderedDict[int, StoredMessage])
    in_flight: dict[int, StoredMessage] = field(default_factory=dict[int, StoredMessage])

    def changes_at(self, delay_s: float) -> float:
        """When the group may next be served: now or in the past when it is free, else the nearest change."""
        if self.in_flight:
            return min(message.invisible_until for message in self.in_flight.values())
        head = next(iter(self.messages.values()))
        return head.sent_at + delay_s


def sequence_number(sequence: int) -> str:
    return str(_FIRST_SEQUENCE + sequence)


def write_receipt(queue_name: str, sequence: int) -> str:
    """A fresh receipt handle. Its random part keeps one of an earlier run from fitting a message of this one."""
    return urlsafe_b64encode(f"{queue_name}/{sequence}/{secrets.token_hex(8)}".encode()).decode()


def read_receipt(receipt: str) -> tuple[str, int] | None:
    """The queue name and the sequence inside a receipt handle; None for what no queue of ours wrote."""
    try:
        queue_name, sequence, _ = urlsafe_b64decode(receipt.encode()).decode().split("/")
        return queue_name, int(sequence)
    except (binascii.Error, ValueError):
        return None
