"""What API Gateway asks of doors and of the functions behind them."""

from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import Node, table
from infra.tools.contract.actions import enum
from infra.tools.contract.lambdas import FUNCTION, events, number, several
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

_BUFFERED_MS: Final = 29_000
_STREAMED_MS: Final = 900_000
_HTTP_API_MS: Final = 30_000
_TRANSFER_MODES: Final = ("BUFFERED", "RESPONSE_STREAM")
_DOOR: Final = "AWS::Serverless::Api"


def patience(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        timeout = number(function.properties.get("Timeout"), 3)
        for event in events(function, "Api", "HttpApi"):
            yield from _door(function, f"{function.label}.{event.name}", event.type, event.properties, timeout)


def _door(function: Resource, place: str, kind: str, given: dict[str, Node], timeout_s: float) -> Iterator[str]:
    mode = given.get("ResponseTransferMode", "BUFFERED")
    if mode not in _TRANSFER_MODES:
        yield f"{place}: ResponseTransferMode is BUFFERED or RESPONSE_STREAM, not {mode}"
    longest = _HTTP_API_MS if kind == "HttpApi" else _STREAMED_MS if mode == "RESPONSE_STREAM" else _BUFFERED_MS
    waits = number(given.get("TimeoutInMillis"), min(longest, _BUFFERED_MS))
    if not 50 <= waits <= longest:
        yield f"{place}: the gateway waits at most {longest} ms, not {waits:.0f}"
    if timeout_s * 1000 > waits:
        yield (
            f"{place}: the gateway gives up after {waits / 1000:.0f} s while {function.label} goes on for "
            f"{timeout_s:.0f} s and is paid for it; lower its Timeout"
        )


def function_urls(stack: Stack) -> Iterator[str]:
    modes = enum("lambda", "InvokeMode")
    for function in stack.of(FUNCTION):
        url = table(function.properties.get("FunctionUrlConfig") or {}, function.label)
        if url and url.get("InvokeMode", "BUFFERED") not in modes:
            known = ", ".join(sorted(map(str, modes)))
            yield f"{function.label}: InvokeMode is one of {known}, not {url.get('InvokeMode')}"
        if url.get("AuthType") == "NONE":
            yield f"{function.label}: a function URL with AuthType NONE is a door without throttle; use the API's"


def throttles(stack: Stack) -> Iterator[str]:
    for door in stack.of(_DOOR):
        everywhere = [
            table(one, door.label)
            for one in several(door.properties.get("MethodSettings"))
            if (table(one, door.label).get("ResourcePath"), table(one, door.label).get("HttpMethod")) == ("/*", "*")
        ]
        if not any(
            number(one.get("ThrottlingRateLimit"), -1) >= 0 and "ThrottlingBurstLimit" in one for one in everywhere
        ):
            yield f"{door.label}: its routes have no throttle; set both limits for /* and * in MethodSettings"
        if "AccessLogSetting" not in door.properties:
            yield f"{door.label}: has no access log; set AccessLogSetting"


def stages(stack: Stack) -> Iterator[str]:
    for door in stack.of(_DOOR):
        if not door.properties.get("OpenApiVersion"):
            yield (
                f"{door.label}: without OpenApiVersion SAM makes a second stage named Stage, a door without throttle "
                "and log; set OpenApiVersion: 3.0.1"
            )


RULES: Final = (patience, function_urls, throttles, stages)
