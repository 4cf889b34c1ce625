"""A batch from SQS: each wake-up to its verb, failures back to the queue."""

from collections.abc import Callable
from typing import TypedDict

from shared.domain.errors import Invalid
from shared.domain.work import TaskKind, WakeUp
from shared.queue.envelope import unpack
from shared.telemetry.logs import logger


class SqsRecord(TypedDict):
    """The parts of an SQS record that matter here."""

    messageId: str
    body: str
    attributes: dict[str, str]


class SqsEvent(TypedDict):
    """What an event source mapping hands to a function."""

    Records: list[SqsRecord]


class ItemFailure(TypedDict):
    """A record that stays in the queue."""

    itemIdentifier: str


class BatchResult(TypedDict):
    """The answer of a function with ReportBatchItemFailures."""

    batchItemFailures: list[ItemFailure]


def consume(event: SqsEvent, process: Callable[[WakeUp], None]) -> BatchResult:
    """Process the records in order. A failure keeps its record and the rest of its group in the queue.

    Lambda deletes whatever is not reported, so followers of a failed record must be reported with it:
    otherwise they would overtake it.
    """
    failed: list[str] = []
    stopped: set[str] = set()
    for record in event["Records"]:
        group = record["attributes"].get("MessageGroupId", "")
        if group in stopped or not _processed(record, process):
            stopped.add(group)
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def by_group(event: SqsEvent, kind: TaskKind) -> tuple[list[SqsEvent], SqsEvent]:
    """The records of `kind`, an event for each of their groups, and all the others as they came."""
    groups: dict[str, list[SqsRecord]] = {}
    others: list[SqsRecord] = []
    for record in event["Records"]:
        mine = groups.setdefault(record["attributes"].get("MessageGroupId", ""), []) if _is(kind, record) else others
        mine.append(record)
    return [{"Records": records} for records in groups.values()], {"Records": others}


def _is(kind: TaskKind, record: SqsRecord) -> bool:
    try:
        return unpack(record["body"]).unit.kind is kind
    except Invalid:
        return False


def _processed(record: SqsRecord, process: Callable[[WakeUp], None]) -> bool:
    try:
        wake_up = unpack(record["body"])
    except Invalid:
        # Nothing can make it readable; what it pointed to is found by tick.
        logger.error("wake_up_unreadable", message_id=record["messageId"])
        return True
    try:
        process(wake_up)
    except Exception:
        logger.exception("work_failed", unit=str(wake_up.unit), wake_up=wake_up.number)
        return False
    return True
