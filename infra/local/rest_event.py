"""The event and the answer of an API Gateway REST API in proxy integration (payload format 1.0)."""

import base64
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl

from infra.local.cloudformation import ACCOUNT
from infra.local.resources import Match

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came through the door. `path` is without the stage and still percent-encoded."""

    method: str
    path: str
    query: bytes
    headers: Headers
    client: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller."""

    status: int
    headers: Headers
    body: bytes


class MalformedAnswer(Exception):
    """The function's answer is not one that API Gateway would take."""


def write_event(request: Request, match: Match, *, stage: str, binary: frozenset[str]) -> bytes:
    """The Lambda event of a request."""
    single: dict[str, str] = {}
    multiple: dict[str, list[str]] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        single[name] = value
        multiple.setdefault(name, []).append(value)
    _forwarded(single, multiple, request.client)
    query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True) if request.query else []
    body, encoded = _event_body(request.body, single.get("content-type", ""), binary)
    event = {
        "resource": match.route.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": single,
        "multiValueHeaders": multiple,
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": _grouped(query) if query else None,
        "pathParameters": match.parameters,
        "stageVariables": None,
        "requestContext": _context(request, match, stage, single),
        "body": body,
        "isBase64Encoded": encoded,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def read_answer(payload: bytes) -> Answer:
    """The HTTP answer inside a function's result. Raises `MalformedAnswer`."""
    try:
        document: object = json.loads(payload)
    except ValueError as error:
        raise MalformedAnswer("not JSON") from error
    if not isinstance(document, dict):
        raise MalformedAnswer("not an object")
    answer = cast(dict[str, object], document)
    status, body = answer.get("statusCode"), answer.get("body")
    if not isinstance(status, int) or not isinstance(body, str | None):
        raise MalformedAnswer("statusCode or body")
    try:
        content = base64.b64decode(body or "") if answer.get("isBase64Encoded") else (body or "").encode()
    except ValueError as error:
        raise MalformedAnswer("body is not base64") from error
    return Answer(status, list(_answer_headers(answer)), content)


def _forwarded(single: dict[str, str], multiple: dict[str, list[str]], client: str) -> None:
    before = single.get("x-forwarded-for")
    added = {"x-forwarded-for": f"{before}, {client}" if before else client, "x-forwarded-proto": "http"}
    for name, value in added.items():
        single[name] = value
        multiple[name] = [value]


def _event_body(body: bytes, content_type: str, binary: frozenset[str]) -> tuple[str | None, bool]:
    if not body:
        return None, False
    if content_type.split(";", 1)[0].strip().lower() not in binary:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            # The real service would mangle it; handing it over whole is the kinder difference.
            pass
    return base64.b64encode(body).decode("ascii"), True


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _context(request: Request, match: Match, stage: str, headers: dict[str, str]) -> dict[str, object]:
    now = time.time()
    host = headers.get("host", "")
    return {
        "accountId": ACCOUNT,
        "apiId": "local",
        "resourceId": "local",
        "resourcePath": match.route.path,
        "httpMethod": request.method,
        "path": f"/{stage}{request.path}",
        "stage": stage,
        "protocol": "HTTP/1.1",
        "requestId": str(uuid.uuid4()),
        "extendedRequestId": "local",
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "domainName": host,
        "domainPrefix": host.split(".", 1)[0],
        "identity": {
            "sourceIp": request.client,
            "userAgent": headers.get("user-agent"),
            "accountId": None,
            "caller": None,
            "user": None,
            "userArn": None,
            "accessKey": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "cognitoAuthenticationType": None,
            "cognitoAuthenticationProvider": None,
            "principalOrgId": None,
        },
    }


def _answer_headers(answer: dict[str, object]) -> Iterable[tuple[bytes, bytes]]:
    """Both header maps, the one with several values first where a name is in both; the length is counted anew."""
    multiple, single = _header_map(answer, "multiValueHeaders"), _header_map(answer, "headers")
    seen: set[str] = {"content-length"}
    for name, values in multiple.items():
        seen.add(name.lower())
        for value in cast(list[object], values) if isinstance(values, list) else []:
            yield name.encode("latin-1"), str(value).encode("latin-1")
    for name, value in single.items():
        if name.lower() not in seen:
            yield name.encode("latin-1"), str(value).encode("latin-1")


def _header_map(answer: dict[str, object], key: str) -> dict[str, object]:
    found = answer.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise MalformedAnswer(key)
    return cast(dict[str, object], found)
