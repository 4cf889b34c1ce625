"""A batch from SQS: each wake-up to its verb, failures back to the queue."""

from collections.abc import Callable
from typing import Final, NotRequired, TypedDict

from shared.domain.errors import Invalid, Unavailable
from shared.domain.trace import HEADER, Trace, parse
from shared.domain.work import TaskKind, WakeUp
from shared.queue.envelope import unpack
from shared.queue.sqs import WorkQueue
from shared.telemetry import tracing
from shared.telemetry.logs import logger

# The queue buries what is received more often: `maxReceiveCount` in template.yaml.
MOST_RECEIVES: Final = 6
_FIRST_PAUSE_S = 15


class SqsAttribute(TypedDict):
    """A message attribute of a record."""

    stringValue: NotRequired[str]


class SqsRecord(TypedDict):
    """The parts of an SQS record that matter here."""

    messageId: str
    receiptHandle: str
    body: str
    attributes: dict[str, str]
    messageAttributes: NotRequired[dict[str, SqsAttribute]]


class SqsEvent(TypedDict):
    """What an event source mapping hands to a function."""

    Records: list[SqsRecord]


class ItemFailure(TypedDict):
    """A record that stays in the queue."""

    itemIdentifier: str


class BatchResult(TypedDict):
    """The answer of a function with ReportBatchItemFailures."""

    batchItemFailures: list[ItemFailure]


def consume(event: SqsEvent, process: Callable[[WakeUp], None], queue: WorkQueue) -> BatchResult:
    """Process the records in order. A failure keeps its record and the rest of its group in the queue.

    Lambda deletes whatever is not reported, so followers of a failed record must be reported with it:
    otherwise they would overtake it. What could not be looked at because the database was away comes back
    in a quarter of a minute, then twice as late each time. The last time it is let go instead of buried
    untried: the unit is still due, and tick wakes it.
    """
    failed: list[str] = []
    stopped: dict[str, int | None] = {}
    for record in event["Records"]:
        group = record["attributes"].get("MessageGroupId", "")
        if group not in stopped:
            try:
                _process(record, process)
                continue
            except Unavailable:
                if _receives(record) >= MOST_RECEIVES:
                    logger.warning("wake_up_left_to_tick", message_id=record["messageId"])
                    continue
                stopped[group] = _FIRST_PAUSE_S * 2 ** (_receives(record) - 1)
            except Exception:
                stopped[group] = None
        failed.append(record["messageId"])
        _put_back(record, stopped[group], queue)
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _receives(record: SqsRecord) -> int:
    return int(record["attributes"].get("ApproximateReceiveCount", "1"))


def _put_back(record: SqsRecord, pause_s: int | None, queue: WorkQueue) -> None:
    """Let the record be seen again after `pause_s`; None leaves it to the visibility timeout of its queue."""
    if pause_s is None:
        return
    try:
        queue.put_back(unpack(record["body"]).unit.kind, record["receiptHandle"], after_s=pause_s)
    except (Invalid, Unavailable) as error:
        # Then it comes back when its visibility ends, which is late but sure.
        logger.warning("wake_up_not_put_back", message_id=record["messageId"], reason=type(error).__name__)


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


def _process(record: SqsRecord, process: Callable[[WakeUp], None]) -> None:
    try:
        wake_up = unpack(record["body"])
    except Invalid:
        # Nothing can make it readable; what it pointed to is found by tick.
        logger.error("wake_up_unreadable", message_id=record["messageId"])
        return
    unit = wake_up.unit
    with tracing.entry("wake_up", _cause(record), {"kind": unit.kind.value, "unit": unit.alias}):
        try:
            process(wake_up)
        except Exception:
            logger.exception("work_failed", workspace=unit.workspace, unit=unit.alias, wake_up=wake_up.number)
            raise


def _cause(record: SqsRecord) -> Trace | None:
    """What sent the wake-up: a request, other work, or tick."""
    return parse(record.get("messageAttributes", {}).get(HEADER, {}).get("stringValue"))
