"""AWS's wire protocols, read and written from the client library's own descriptions of the services."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session

Params = dict[str, Any]


class Fault(Exception):
    """An error as AWS answers it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Call:
    """One operation of a service, with what was given."""

    service: str
    operation: str
    params: Params


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


@cache
def _model(service: str) -> Any:
    return cast(Any, botocore.session).get_session().get_service_model(service)


def read_call(service: str, headers: Mapping[str, str], body: bytes) -> Call:
    """The operation behind a request of the protocols query, ec2 and json."""
    target = headers.get("x-amz-target")
    if target is not None:
        return Call(service, target.rpartition(".")[2], json.loads(body or b"{}"))
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    operation = fields.pop("Action")
    fields.pop("Version")
    shape = _model(service).operation_model(operation).input_shape
    return Call(service, operation, {} if shape is None else _read(shape, fields, "", service == "ec2"))


def _read(shape: Any, fields: Mapping[str, str], prefix: str, is_ec2: bool) -> Any:
    """What the flat fields of a query say, as the operation's shape has it."""
    if shape.type_name == "structure":
        found: Params = {}
        for name, member in shape.members.items():
            wire = member.serialization.get("queryName") or _wire_name(name, member, is_ec2)
            at = f"{prefix}.{wire}" if prefix else wire
            if any(key == at or key.startswith(f"{at}.") for key in fields):
                found[name] = _read(member, fields, at, is_ec2)
        return found
    if shape.type_name == "list":
        member_name = shape.member.serialization.get("name", "member")
        at = prefix if is_ec2 or shape.serialization.get("flattened") else f"{prefix}.{member_name}"
        places: list[Any] = []
        while any(key == (one := f"{at}.{len(places) + 1}") or key.startswith(f"{one}.") for key in fields):
            places.append(_read(shape.member, fields, f"{at}.{len(places) + 1}", is_ec2))
        return places
    text = fields[prefix]
    if shape.type_name == "boolean":
        return text == "true"
    return int(text) if shape.type_name in ("integer", "long") else text


def _wire_name(name: str, member: Any, is_ec2: bool) -> str:
    wire = str(member.serialization.get("name", name))
    return wire[:1].upper() + wire[1:] if is_ec2 else wire


def write_answer(call: Call, result: Params) -> Answer:
    model = _model(call.service)
    if model.metadata["protocol"] == "json":
        return Answer(200, json.dumps(result, default=_seconds).encode(), "application/x-amz-json-1.1")
    shape = model.operation_model(call.operation).output_shape
    inner = "" if shape is None else _members(shape, result)
    if call.service != "ec2":
        wrapper = f"{call.operation}Result"
        inner = f"<{wrapper}>{inner}</{wrapper}><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
    xml = f"<{call.operation}Response>{inner}</{call.operation}Response>"
    return Answer(200, xml.encode(), "text/xml")


def write_fault(service: str, fault: Fault) -> Answer:
    if _model(service).metadata["protocol"] in ("json", "rest-json"):
        body = json.dumps({"__type": fault.code, "Message": fault.message}).encode()
        return Answer(fault.status, body, "application/x-amz-json-1.1")
    inner = f"<Error><Code>{fault.code}</Code><Message>{escape(fault.message)}</Message></Error>"
    if service == "s3":
        return Answer(fault.status, inner.encode(), "application/xml")
    xml = f"<ErrorResponse>{inner}<RequestId>1</RequestId></ErrorResponse>"
    if service == "ec2":
        xml = f"<Response><Errors>{inner}</Errors><RequestID>1</RequestID></Response>"
    return Answer(fault.status, xml.encode(), "text/xml")


def _members(shape: Any, value: Mapping[str, Any]) -> str:
    unknown = set(value) - set(shape.members)
    assert not unknown, f"{shape.name} has no {unknown}"
    return "".join(
        _element(str(shape.members[name].serialization.get("name", name)), shape.members[name], one)
        for name, one in value.items()
        if one is not None
    )


def _element(name: str, shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return f"<{name}>{_members(shape, value)}</{name}>"
    if shape.type_name == "list":
        member_name = str(shape.member.serialization.get("name", "member"))
        return f"<{name}>{''.join(_element(member_name, shape.member, one) for one in value)}</{name}>"
    return f"<{name}>{escape(_text(value))}</{name}>"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else str(value)


def _seconds(value: object) -> float:
    assert isinstance(value, datetime)
    return value.timestamp()
