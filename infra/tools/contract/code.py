"""What the code of a function uses of AWS and of its environment, read from its source without running it."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from botocore import xform_name  # pyright: ignore[reportUnknownVariableType] - untyped

from infra.bootstrap import ROOT
from infra.tools.contract.actions import operations

_HOUSES: Final = ("functions.", "shared.", "infra.migrations")
# `open_model("shared.llm.offline:open_chat")`: imported by name, on first use.
_BY_NAME: Final = re.compile(r"((?:functions|shared|infra)(?:\.\w+)+)(?::\w+)?")
_READS: Final = ("get", "setdefault", "pop")


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
            waiting += _imports(module)
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
    return frozenset(name for module in reached(entry) for name in _read_in(module))


@cache
def members_named(entry: str, kind: str) -> frozenset[str]:
    """The members of an enumeration, by its name, that the code of a function names."""
    return frozenset(
        node.attr
        for module in reached(entry)
        if kind in _names_used(module)
        for node in _nodes(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == kind
    )


def _is_reached(call: Call, modules: frozenset[str], entry: str) -> bool:
    """Whether a module that can know the caller names it; `send` alone may belong to anybody."""
    users = (module for module in modules if module != call.module and call.through & _names_used(module))
    return call.module == entry or any(call.module in reached(user) for user in users)


@cache
def _tree(module: str) -> ast.Module | None:
    path = ROOT / module.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return ast.parse(file.read_text())
    return None


@cache
def _nodes(module: str) -> tuple[ast.AST, ...]:
    """Everything in a module but what only type checkers read."""
    tree = _tree(module)
    return () if tree is None else tuple(_walk(tree))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from _walk(child)


@cache
def _imports(module: str) -> tuple[str, ...]:
    found: set[str] = set()
    for node in _nodes(module):
        match node:
            case ast.Import(names=names):
                found.update(one.name for one in names)
            case ast.ImportFrom(module=str(origin), names=names):
                found.add(origin)
                found.update(f"{origin}.{one.name}" for one in names)
            case ast.Constant(value=str(text)) if (named := _BY_NAME.fullmatch(text)) is not None:
                found.add(named[1])
            case _:
                pass
    # Importing `a.b.c` runs `a` and `a.b` first.
    packages = {name.rpartition(".")[0] for name in found}
    return tuple(n for n in sorted(found | packages) if n.startswith(_HOUSES) and _tree(n) is not None)


@cache
def _opened(module: str) -> frozenset[str]:
    """The services for which a module opens a client."""
    found: set[str] = set()
    for node in _nodes(module):
        match node:
            case ast.Call(func=ast.Attribute(attr="client"), args=[ast.Constant(value=str(service)), *_]):
                found.add(service)
            case _:
                pass
    return frozenset(service for service in found if operations(service))


@cache
def _calls(module: str, service: str) -> tuple[Call, ...]:
    named = _by_method(service)
    if not named.keys() & _names_used(module):
        return ()
    found: list[Call] = []
    for function in (node for node in _nodes(module) if isinstance(node, ast.FunctionDef)):
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
    for function in (node for node in _nodes(module) if isinstance(node, ast.FunctionDef)):
        for called in _called_in(function):
            callers[called].add(function.name)
    found, waiting = set[str](), [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += callers[one]
    return frozenset(found)


@cache
def _names_used(module: str) -> frozenset[str]:
    names = (
        node.id if isinstance(node, ast.Name) else node.attr
        for node in _nodes(module)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return frozenset(names)


@cache
def _read_in(module: str) -> frozenset[str]:
    is_reader = bool(_names_used(module) & {"environ", "getenv"})
    return frozenset(_reads(module)) if is_reader else frozenset()


def _reads(module: str) -> Iterator[str]:
    constants = _constants(module)
    for node in _nodes(module):
        match node:
            case ast.Call(func=ast.Attribute(value=place, attr=how), args=[name, *_]) if how in _READS:
                is_read = _is_environ(place)
            case ast.Call(func=ast.Attribute(attr="getenv"), args=[name, *_]):
                is_read = True
            case ast.Subscript(value=place, slice=name) | ast.Compare(left=name, comparators=[place]):
                is_read = _is_environ(place)
            case _:
                continue
        if is_read and (text := _text(name, constants)) is not None:
            yield text


def _is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def _text(node: ast.expr, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _constants(module: str) -> dict[str, str]:
    """The texts that a module gives names to."""
    found: dict[str, str] = {}
    for node in _nodes(module):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                found[name] = text
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found[name] = text
            case _:
                pass
    return found
