"""What Lambda and API Gateway ask of functions, and what nobody notices before the first deploy."""

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

from botocore.loaders import Loader

from infra.bootstrap import ROOT
from infra.local.cloudformation import Node, table
from infra.tools.contract.lambdas import FUNCTION, events, module, number
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

_RUNTIME: Final = "python3.13"
_LONGEST_S: Final = 900
_BUFFERED_MS: Final = 29_000
_STREAMED_MS: Final = 900_000
_HTTP_API_MS: Final = 30_000
_TRANSFER_MODES: Final = ("BUFFERED", "RESPONSE_STREAM")


def runtimes(stack: Stack) -> Iterator[str]:
    known = enum("lambda", "Runtime")
    for function in stack.of(FUNCTION):
        runtime = function.properties.get("Runtime")
        if runtime not in known:
            yield f"{function.label}: Lambda has no runtime {runtime}"
        elif runtime != _RUNTIME:
            yield f"{function.label}: the layers are made for {_RUNTIME}, not for {runtime}"


def timeouts(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        timeout = number(function.properties.get("Timeout"), 3)
        if not 1 <= timeout <= _LONGEST_S:
            yield f"{function.label}: Timeout must be from 1 to {_LONGEST_S} s, not {timeout:.0f}"
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


def snapshots(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        given = function.properties
        snap = table(given.get("SnapStart") or {}, function.label).get("ApplyOn") == "PublishedVersions"
        provisioned = given.get("ProvisionedConcurrencyConfig") is not None
        if snap and provisioned:
            yield f"{function.label}: SnapStart and provisioned concurrency exclude each other; keep one"
        ready = table(given.get("ProvisionedConcurrencyConfig") or {}, function.label)
        reserved = given.get("ReservedConcurrentExecutions")
        if reserved is not None and number(ready.get("ProvisionedConcurrentExecutions"), 0) > number(reserved, 0):
            yield f"{function.label}: has more environments ready than its ReservedConcurrentExecutions, {reserved}"
        if (snap or provisioned) and not given.get("AutoPublishAlias"):
            yield f"{function.label}: SnapStart and provisioned concurrency work on versions: set AutoPublishAlias"


def architectures(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        own = given[0] if (given := _list(function.properties.get("Architectures"))) else "x86_64"
        for layer in _list(function.properties.get("Layers")):
            made = stack.behind(layer, function)
            if made is None:
                # Of a layer of somebody else only its name tells.
                wrong = ("X86" if own == "arm64" else "Arm64") in str(layer)
            else:
                metadata = table(made.body.get("Metadata") or {}, made.label)
                built = metadata.get("BuildArchitecture", "x86_64")
                wrong = own not in _list(made.properties.get("CompatibleArchitectures")) or built != own
            if wrong:
                yield f"{function.label}: runs on {own}, but its layer {_named(layer)} is made for another architecture"


def handlers(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        handler, first = str(function.properties.get("Handler")), module(function)
        path = ROOT / f"{first.replace('.', '/')}.py"
        if not path.is_file():
            yield f"{function.label}: Handler {handler} names no module: there is no {path.relative_to(ROOT)}"
            continue
        if "/" in handler:
            if not (ROOT / handler).is_file():
                yield f"{function.label}: Handler {handler} names no file"
        elif handler.rpartition(".")[2] not in _defined(first):
            yield f"{function.label}: {path.relative_to(ROOT)} has no function {handler.rpartition('.')[2]}"


def build_targets(stack: Stack) -> Iterator[str]:
    written = (ROOT / "layers" / "Makefile").read_text()
    for made in stack.of(FUNCTION, "AWS::Serverless::LayerVersion"):
        if f"FUNCTION,{made.name}," not in written and f"\nbuild-{made.name}:" not in written:
            yield f"{made.label}: layers/Makefile has no target for it; `sam build` would stop there"


def logs(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        group = table(function.properties.get("LoggingConfig") or {}, function.label).get("LogGroup")
        made = None if group is None else stack.behind(group, function)
        if made is None or made.type != "AWS::Logs::LogGroup":
            yield f"{function.label}: has no log group of this stack; give it LoggingConfig.LogGroup"
    for group in stack.of("AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group.properties:
            yield f"{group.label}: keeps logs for ever; set RetentionInDays"


def throttles(stack: Stack) -> Iterator[str]:
    for door in stack.of("AWS::Serverless::Api"):
        everywhere = [
            table(one, door.label)
            for one in _list(door.properties.get("MethodSettings"))
            if (table(one, door.label).get("ResourcePath"), table(one, door.label).get("HttpMethod")) == ("/*", "*")
        ]
        if not any(
            number(one.get("ThrottlingRateLimit"), -1) >= 0 and "ThrottlingBurstLimit" in one for one in everywhere
        ):
            yield f"{door.label}: its routes have no throttle; set both limits for /* and * in MethodSettings"
        if "AccessLogSetting" not in door.properties:
            yield f"{door.label}: has no access log; set AccessLogSetting"


RULES: Final = (
    runtimes, timeouts, function_urls, snapshots, architectures, handlers, build_targets, logs, throttles,
)  # fmt: skip


@cache
def enum(service: str, shape: str) -> frozenset[Node]:
    """The values that a service takes for something, from botocore's description of it."""
    model = cast(dict[str, Any], cast(Any, Loader()).load_service_model(service, "service-2"))
    return frozenset(model["shapes"][shape]["enum"])


@cache
def _defined(name: str) -> frozenset[str]:
    tree = ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def _named(node: Node) -> str:
    return str(next(iter(node.values()))) if isinstance(node, dict) else str(node)


def _list(node: Node) -> list[Node]:
    return node if isinstance(node, list) else []
