"""Messages between the JSON protocol and the state machine: validated drafts in, digests and attributes out."""

import hashlib
import re
from base64 import b64decode
from collections.abc import Collection, Mapping

from infra.local.fifo_message import Draft, MessageAttributes, ReceivedMessage
from infra.local.sqs_attributes import QueueSettings
from infra.local.sqs_errors import InvalidMessageContents, InvalidParameterValue
from infra.local.sqs_parameters import Parameters

_TOKEN = re.compile(r"[!-~]{1,128}")
# XML 1.0 characters, which is what the service accepts in either protocol.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
_MAX_ATTRIBUTES = 10


def read_draft(parameters: Parameters, settings: QueueSettings) -> tuple[Draft, int]:
    """The message of one send and its size in bytes: body plus attribute names, types and values."""
    require_identity(parameters, settings)
    body = parameters.text("MessageBody")
    if _FORBIDDEN.search(body):
        raise InvalidMessageContents
    if delay_s := parameters.number("DelaySeconds", low=0, high=900):
        reason = "The request include parameter that is not valid for this queue type."
        raise InvalidParameterValue.of("DelaySeconds", delay_s, reason)
    draft = Draft(
        body=body,
        group_id=_token("MessageGroupId", parameters.text("MessageGroupId")),
        deduplication_id=_deduplication_id(parameters, body),
        attributes=_read_attributes(parameters.object_map("MessageAttributes")),
        trace_header=_trace_header(parameters),
    )
    size = _size(draft)
    if size > settings.max_bytes:
        raise InvalidParameterValue(
            f"One or more parameters are invalid. Reason: Message must be shorter than {settings.max_bytes} bytes."
        )
    return draft, size


def require_identity(parameters: Parameters, settings: QueueSettings) -> None:
    """Refuse a message without group or deduplication id; in a batch this refuses the whole batch."""
    parameters.text("MessageGroupId")
    if not settings.content_dedup and not parameters.optional_text("MessageDeduplicationId"):
        raise InvalidParameterValue(
            "The queue should either have ContentBasedDeduplication enabled "
            "or MessageDeduplicationId provided explicitly"
        )


def digests(draft: Draft, *, body_key: str) -> dict[str, str]:
    """The MD5 sums a sender or receiver checks; the one of attributes only when there are any."""
    sums = {body_key: md5_of_body(draft.body)}
    if draft.attributes:
        sums["MD5OfMessageAttributes"] = md5_of_attributes(draft.attributes)
    return sums


def received_json(message: ReceivedMessage, *, system: Collection[str], custom: Collection[str]) -> dict[str, object]:
    """One message of a ReceiveMessage answer, with the system and message attributes that were asked for."""
    shown: dict[str, object] = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": md5_of_body(message.body),
    }
    if system:
        every = message.system_attributes()
        shown["Attributes"] = {name: value for name, value in every.items() if name in system or "All" in system}
    wanted = {name: value for name, value in message.draft.attributes.items() if _is_wanted(name, custom)}
    if wanted:
        shown["MessageAttributes"] = wanted
        shown["MD5OfMessageAttributes"] = md5_of_attributes(wanted)
    return shown


def md5_of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: MessageAttributes) -> str:
    """The digest described in the SQS Developer Guide, "Calculating the MD5 message digest for message attributes"."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        is_binary = "BinaryValue" in value
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        raw = _raw_value(value)
        digest.update((b"\x02" if is_binary else b"\x01") + len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()


def _token(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(value):
        reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise InvalidParameterValue.of(name, value, reason)
    return value


def _deduplication_id(parameters: Parameters, body: str) -> str:
    given = parameters.optional_text("MessageDeduplicationId")
    return _token("MessageDeduplicationId", given) if given else hashlib.sha256(body.encode()).hexdigest()


def _trace_header(parameters: Parameters) -> str | None:
    attributes = parameters.object_map("MessageSystemAttributes")
    if set(attributes) - {"AWSTraceHeader"}:
        raise InvalidParameterValue("The only message system attribute that can be sent is AWSTraceHeader.")
    header = attributes.get("AWSTraceHeader")
    return None if header is None else header.text("StringValue")


def _read_attributes(given: Mapping[str, Parameters]) -> dict[str, dict[str, str]]:
    if len(given) > _MAX_ATTRIBUTES:
        raise InvalidParameterValue(f"Number of message attributes [{len(given)}] exceeds the allowed maximum [10].")
    return {name: _read_attribute(name, value) for name, value in given.items()}


def _read_attribute(name: str, parameters: Parameters) -> dict[str, str]:
    data_type = parameters.text("DataType")
    if not _DATA_TYPE.fullmatch(data_type):
        raise InvalidParameterValue(f"The type of message attribute '{name}' must be String, Number or Binary.")
    key = "BinaryValue" if data_type.startswith("Binary") else "StringValue"
    value = parameters.optional_text(key)
    if not value or _FORBIDDEN.search(name + data_type + value) or (key == "BinaryValue" and not _is_base64(value)):
        raise InvalidParameterValue(f"The message attribute '{name}' must contain a non-empty value of its type.")
    return {"DataType": data_type, key: value}


def _is_base64(value: str) -> bool:
    try:
        return bool(b64decode(value, validate=True))
    except ValueError:
        return False


def _raw_value(value: Mapping[str, str]) -> bytes:
    return b64decode(value["BinaryValue"]) if "BinaryValue" in value else value["StringValue"].encode()


def _size(draft: Draft) -> int:
    attributes = sum(len(n.encode()) + len(v["DataType"]) + len(_raw_value(v)) for n, v in draft.attributes.items())
    return len(draft.body.encode()) + attributes


def _is_wanted(name: str, asked: Collection[str]) -> bool:
    return any(each in ("All", ".*", name) or (each.endswith(".*") and name.startswith(each[:-2])) for each in asked)
