"""One module of ours, as `ast` sees it: what it imports, the names it uses, the variables of its environment."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from infra.bootstrap import ROOT

_HOUSES: Final = ("functions.", "shared.", "infra.migrations")
# `open_model("shared.llm.offline:open_chat")`: imported by name, on first use.
_BY_NAME: Final = re.compile(r"((?:functions|shared|infra)(?:\.\w+)+)(?::\w+)?")
_READS: Final = ("get", "setdefault", "pop")


@cache
def nodes(module: str) -> tuple[ast.AST, ...]:
    """Everything in a module but what only type checkers read."""
    tree = _tree(module)
    return () if tree is None else tuple(_walk(tree))


@cache
def imports(module: str) -> tuple[str, ...]:
    found: set[str] = set()
    for node in nodes(module):
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
def names_used(module: str) -> frozenset[str]:
    names = (
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes(module)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return frozenset(names)


@cache
def variables(module: str) -> frozenset[str]:
    is_reader = bool(names_used(module) & {"environ", "getenv"})
    return frozenset(_reads(module)) if is_reader else frozenset()


@cache
def _tree(module: str) -> ast.Module | None:
    path = ROOT / module.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return ast.parse(file.read_text())
    return None


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from _walk(child)


def _reads(module: str) -> Iterator[str]:
    constants = _constants(module)
    for node in nodes(module):
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
    for node in nodes(module):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                found[name] = text
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found[name] = text
            case _:
                pass
    return found
