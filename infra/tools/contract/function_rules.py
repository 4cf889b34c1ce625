"""What Lambda asks of functions, and what nobody notices before the first deploy."""

import ast
from collections.abc import Iterator
from functools import cache
from typing import Final

from infra.bootstrap import ROOT
from infra.local.cloudformation import Node, attribute, table
from infra.tools.contract.actions import enum
from infra.tools.contract.lambdas import FUNCTION, module, number, several, variables
from infra.tools.contract.stack import Stack

_RUNTIME: Final = "python3.13"
_LONGEST_S: Final = 900
_MOST_ENVIRONMENT: Final = 4096
_MOST_LAYERS: Final = 5
_RESERVED: Final = frozenset(
    "_HANDLER _X_AMZN_TRACE_ID AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_EXECUTION_ENV "
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION "
    "AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_LAMBDA_RUNTIME_API "
    "AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT".split()
)


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
        own = given[0] if (given := several(function.properties.get("Architectures"))) else "x86_64"
        for layer in several(function.properties.get("Layers")):
            made = stack.behind(layer, function)
            if made is None:
                # Of a layer of somebody else only its name tells.
                wrong = ("X86" if own == "arm64" else "Arm64") in str(layer)
            else:
                metadata = table(made.body.get("Metadata") or {}, made.label)
                built = metadata.get("BuildArchitecture", "x86_64")
                wrong = own not in several(made.properties.get("CompatibleArchitectures")) or built != own
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


def environments(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        given = variables(function)
        for name in sorted(given.keys() & _RESERVED):
            yield f"{function.label}: Lambda sets {name} itself and refuses it; take it out"
        # A reference counts as written, which is about as long as what it stands for.
        size = sum(len(name) + len(attribute(value)) for name, value in given.items())
        if size > _MOST_ENVIRONMENT:
            yield f"{function.label}: its variables take {size} bytes, Lambda's limit is {_MOST_ENVIRONMENT}"
        if len(several(function.properties.get("Layers"))) > _MOST_LAYERS:
            yield f"{function.label}: has more than {_MOST_LAYERS} layers"


def logs(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        group = table(function.properties.get("LoggingConfig") or {}, function.label).get("LogGroup")
        made = None if group is None else stack.behind(group, function)
        if made is None or made.type != "AWS::Logs::LogGroup":
            yield f"{function.label}: has no log group of this stack; give it LoggingConfig.LogGroup"
    for group in stack.of("AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group.properties:
            yield f"{group.label}: keeps logs for ever; set RetentionInDays"


RULES: Final = (runtimes, timeouts, snapshots, architectures, handlers, environments, logs)


@cache
def _defined(name: str) -> frozenset[str]:
    tree = ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def _named(node: Node) -> str:
    return str(next(iter(node.values()))) if isinstance(node, dict) else str(node)
