"""Queue attributes: from the strings of the protocol to typed settings and back, refused as the service refuses."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import cast

from infra.local.fifo import MAX_VISIBILITY_S, FifoRules
from infra.local.sqs_errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue

MAX_BYTES = 1_048_576

_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
_SCOPES = ("queue", "messageGroup")
_THROUGHPUTS = ("perQueue", "perMessageGroupId")
_BOOLEANS = {"true": True, "false": False}
_NUMBERS = {
    "VisibilityTimeout": ("visibility_timeout_s", 0, MAX_VISIBILITY_S),
    "DelaySeconds": ("delay_s", 0, 900),
    "MessageRetentionPeriod": ("retention_s", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": ("wait_s", 0, 20),
    "MaximumMessageSize": ("max_bytes", 1024, MAX_BYTES),
}
# Kept and shown, without effect here: there is no IAM and no encryption on one machine.
_KEPT = ("Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled")
_COUNTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)
_FIFO = ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
ATTRIBUTE_NAMES = frozenset(("All", "RedrivePolicy", "RedriveAllowPolicy", *_NUMBERS, *_KEPT, *_COUNTED, *_FIFO))


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """Where messages go that were received `max_receives` times and never deleted."""

    target_arn: str
    max_receives: int


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The settable attributes of one FIFO queue, as typed values; the metadata names are the service's."""

    visibility_timeout_s: int = field(default=30, metadata={"name": "VisibilityTimeout"})
    delay_s: int = field(default=0, metadata={"name": "DelaySeconds"})
    retention_s: int = field(default=345_600, metadata={"name": "MessageRetentionPeriod"})
    wait_s: int = field(default=0, metadata={"name": "ReceiveMessageWaitTimeSeconds"})
    max_bytes: int = field(default=MAX_BYTES, metadata={"name": "MaximumMessageSize"})
    content_dedup: bool = field(default=False, metadata={"name": "ContentBasedDeduplication"})
    dedup_scope: str = field(default="queue", metadata={"name": "DeduplicationScope"})
    throughput_limit: str = field(default="perQueue", metadata={"name": "FifoThroughputLimit"})
    redrive: RedrivePolicy | None = None
    kept: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def rules(self) -> FifoRules:
        return FifoRules(
            visibility_s=self.visibility_timeout_s,
            delay_s=self.delay_s,
            retention_s=self.retention_s,
            dedup_per_group=self.dedup_scope == "messageGroup",
            max_receives=self.redrive.max_receives if self.redrive else None,
        )

    def admits(self, source_arn: str) -> bool:
        """Whether the queue `source_arn` may use this one as its dead-letter queue (RedriveAllowPolicy)."""
        allow = _json_object(
            "RedriveAllowPolicy", self.kept.get("RedriveAllowPolicy", '{"redrivePermission": "allowAll"}')
        )
        if allow["redrivePermission"] == "byQueue":
            sources = allow.get("sourceQueueArns")
            return isinstance(sources, list) and source_arn in sources
        return allow["redrivePermission"] == "allowAll"

    def as_attributes(self) -> dict[str, str]:
        """Every settable attribute under the service's name, as text."""
        shown = {"FifoQueue": "true", **self.kept}
        for each in fields(self):
            if "name" in each.metadata:
                shown[each.metadata["name"]] = _as_text(cast("int | bool | str", getattr(self, each.name)))
        if self.redrive is not None:
            policy = {"deadLetterTargetArn": self.redrive.target_arn, "maxReceiveCount": self.redrive.max_receives}
            shown["RedrivePolicy"] = json.dumps(policy)
        return shown


def check_name(name: str, attributes: Mapping[str, str]) -> None:
    """Refuse a name that is no FIFO queue's, and every queue that does not ask to be FIFO."""
    if _NAME.fullmatch(name) and attributes.get("FifoQueue") == "true":
        return
    if not name.endswith(".fifo") and attributes.get("FifoQueue", "false") == "false":
        raise InvalidParameterValue("Standard queues are not served here: name the queue *.fifo and set FifoQueue.")
    raise InvalidParameterValue(
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
        "must end with .fifo suffix and be 1 to 80 in length."
    )


def parse(attributes: Mapping[str, str], current: QueueSettings) -> QueueSettings:
    """`current` with `attributes` laid over it. Whether a dead-letter target exists is for the caller to check."""
    settings = current
    for name, text in attributes.items():
        settings = _set(settings, name, text)
    if settings.throughput_limit == "perMessageGroupId" and settings.dedup_scope != "messageGroup":
        raise InvalidAttributeValue("The perMessageGroupId FifoThroughputLimit needs DeduplicationScope messageGroup.")
    return settings


def _set(settings: QueueSettings, name: str, text: str) -> QueueSettings:
    match name:
        case "FifoQueue":
            if text != "true":
                raise InvalidAttributeValue("The FifoQueue attribute of a FIFO queue cannot be changed.")
            return settings
        case "ContentBasedDeduplication":
            return replace(settings, content_dedup=_BOOLEANS[_one_of(name, text, tuple(_BOOLEANS))])
        case "DeduplicationScope":
            return replace(settings, dedup_scope=_one_of(name, text, _SCOPES))
        case "FifoThroughputLimit":
            return replace(settings, throughput_limit=_one_of(name, text, _THROUGHPUTS))
        case "RedrivePolicy":
            return replace(settings, redrive=_parse_redrive(text))
        case "RedriveAllowPolicy":
            _one_of(name, str(_json_object(name, text).get("redrivePermission")), ("allowAll", "denyAll", "byQueue"))
            return replace(settings, kept={**settings.kept, name: text})
        case _ if name in _KEPT:
            return replace(settings, kept={**settings.kept, name: text})
        case _ if name in _NUMBERS:
            return _set_number(settings, name, text)
        case _:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")


def _set_number(settings: QueueSettings, name: str, text: str) -> QueueSettings:
    field_name, low, high = _NUMBERS[name]
    if not re.fullmatch(r"\d{1,7}", text) or not low <= int(text) <= high:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return replace(settings, **{field_name: int(text)})


def _parse_redrive(text: str) -> RedrivePolicy | None:
    if not text:
        return None
    policy = _json_object("RedrivePolicy", text)
    arn, receives = policy.get("deadLetterTargetArn"), str(policy.get("maxReceiveCount"))
    if not isinstance(arn, str) or not arn.startswith("arn:"):
        reason = "Invalid value for deadLetterTargetArn."
        raise InvalidParameterValue.of("RedrivePolicy", text, reason)
    if not re.fullmatch(r"\d{1,4}", receives) or not 1 <= int(receives) <= 1000:
        reason = f"Invalid value for maxReceiveCount: {receives}, valid values are from 1 to 1000 both inclusive."
        raise InvalidParameterValue.of("RedrivePolicy", text, reason)
    if not arn.endswith(".fifo"):
        reason = "Dead-letter queue must be same type of queue as the source."
        raise InvalidParameterValue.of("RedrivePolicy", text, reason)
    return RedrivePolicy(arn, int(receives))


def _json_object(name: str, text: str) -> dict[str, object]:
    try:
        value: object = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidParameterValue.of(name, text, "Policy is not a valid JSON object.")
    return cast("dict[str, object]", value)


def _one_of(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return text


def _as_text(value: int | bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
