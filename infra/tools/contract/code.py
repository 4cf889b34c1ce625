"""What the code of a function uses of AWS and of its environment, read from its source without running it."""

import ast
from collections import defaultdict
from dataclasses import dataclass
from functools import cache

from botocore import xform_name  # pyright: ignore[reportUnknownVariableType] - untyped

from infra.tools.contract import source
from infra.tools.contract.actions import operations


@dataclass(frozen=True, slots=True)
class Call:
    """A place where an operation of a service is called, and the names by which other modules come to it."""

    module: str
    service: str
    operation: str
    through: frozenset[str]


@cache
def reached(entry: str) -> frozenset[str]:
    """The modules of ours that importing `entry` may ever load, by name or by statement, at once or later."""
    found, waiting = set[str](), [entry]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += source.imports(module)
    return frozenset(found)


@cache
def calls(entry: str) -> frozenset[Call]:
    """The calls of AWS that a function with this entry can come to."""
    modules = reached(entry)
    opened = {service for module in modules for service in _opened(module)}
    found = (call for module in modules for service in opened for call in _calls(module, service))
    return frozenset(call for call in found if _is_reached(call, modules, entry))


@cache
def variables_read(entry: str) -> frozenset[str]:
    """The environment variables that its code reads by name, beside those that are settings."""
    return frozenset(name for module in reached(entry) for name in source.variables(module))


@cache
def members_named(entry: str, kind: str) -> frozenset[str]:
    """The members of an enumeration, by its name, that the code of a function names."""
    return frozenset(
        node.attr
        for module in reached(entry)
        if kind in source.names_used(module)
        for node in source.nodes(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == kind
    )


def _is_reached(call: Call, modules: frozenset[str], entry: str) -> bool:
    """Whether a module that can know the caller names it; `send` alone may belong to anybody."""
    users = (module for module in modules if module != call.module and call.through & source.names_used(module))
    return call.module == entry or any(call.module in reached(user) for user in users)


@cache
def _opened(module: str) -> frozenset[str]:
    """The services for which a module opens a client."""
    found: set[str] = set()
    for node in source.nodes(module):
        match node:
            case ast.Call(func=ast.Attribute(attr="client"), args=[ast.Constant(value=str(service)), *_]):
                found.add(service)
            case _:
                pass
    return frozenset(service for service in found if operations(service))


@cache
def _calls(module: str, service: str) -> tuple[Call, ...]:
    named = _by_method(service)
    if not named.keys() & source.names_used(module):
        return ()
    found: list[Call] = []
    for function in (node for node in source.nodes(module) if isinstance(node, ast.FunctionDef)):
        # boto3 takes keywords only: that tells its methods from others of the same name.
        for method in _called_in(function, with_keywords=True) & named.keys():
            found.append(Call(module, service, named[method], _callers(module, function.name)))
    return tuple(found)


@cache
def _by_method(service: str) -> dict[str, str]:
    return {xform_name(operation): operation for operation in operations(service)}


def _called_in(function: ast.FunctionDef, *, with_keywords: bool = False) -> frozenset[str]:
    made = (node for node in ast.walk(function) if isinstance(node, ast.Call))
    calls = (call.func for call in made if call.keywords or not with_keywords)
    return frozenset(
        func.attr if isinstance(func, ast.Attribute) else func.id
        for func in calls
        if isinstance(func, ast.Attribute | ast.Name)
    )


def _callers(module: str, name: str) -> frozenset[str]:
    """A function and all of its module that come to it."""
    callers: dict[str, set[str]] = defaultdict(set)
    for function in (node for node in source.nodes(module) if isinstance(node, ast.FunctionDef)):
        for called in _called_in(function):
            callers[called].add(function.name)
    found, waiting = set[str](), [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += callers[one]
    return frozenset(found)
