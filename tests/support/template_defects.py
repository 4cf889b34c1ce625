"""Templates with one mistake in each: read from template_defects.yaml, made from the real ones."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypedDict, cast

import yaml

from infra.bootstrap import ROOT
from infra.local.cloudformation import Node
from infra.tools.contract.stack import Documents, documents

_HERE: Final = Path(__file__).parent
_PARENT: Final = "template.yaml"


@dataclass(frozen=True, slots=True)
class Defect:
    """One mistake. `said` is a part of what the contract says of it, `lint` the rule of cfn-lint."""

    name: str
    file: str
    put: dict[str, Node]
    add: dict[str, Node]
    take: tuple[str, ...]
    said: str | None
    lint: str | None


_Written = TypedDict(
    "_Written",
    {
        "name": str,
        "in": str,
        "set": dict[str, Node],
        "add": dict[str, Node],
        "take": list[str],
        "said": str,
        "lint": str,
    },
    total=False,
)


@cache
def real() -> Documents:
    """The templates as they are, read once."""
    return documents(ROOT)


def defects() -> list[Defect]:
    written = cast(list[_Written], yaml.safe_load((_HERE / "template_defects.yaml").read_text()))
    return [
        Defect(
            name=one.get("name", ""),
            file=one.get("in", _PARENT),
            put=one.get("set", {}),
            add=one.get("add", {}),
            take=tuple(one.get("take", [])),
            said=one.get("said"),
            lint=one.get("lint"),
        )
        for one in written
    ]


def with_defect(defect: Defect) -> Documents:
    """The real templates with that one mistake. What is set replaces; what is taken must have been there or be set."""
    return with_defects([defect])


def with_defects(several: Sequence[Defect]) -> Documents:
    """The real templates with all of those."""
    changed: dict[str, dict[str, Node]] = {}
    for defect in several:
        key = "" if defect.file == _PARENT else defect.file
        _put(changed.setdefault(key, deepcopy(real()[key])), defect)
    return {**real(), **changed}


def _put(document: dict[str, Node], defect: Defect) -> None:
    for path in defect.take:
        *way, last = path.split(".")
        _at(document, way).pop(last, None)
    for path, value in defect.put.items():
        *way, last = path.split(".")
        _at(document, way)[last] = deepcopy(value)
    for path, value in defect.add.items():
        *way, last = path.split(".")
        cast(list[Node], _at(document, way)[last]).append(deepcopy(value))


def _at(document: dict[str, Node], way: list[str]) -> dict[str, Node]:
    """The mapping at the end of `way`; an index leads into a list. Raises `KeyError` where the way ends early."""
    place = cast(Node, document)
    for step in way:
        match place:
            case list():
                place = place[int(step)]
            case dict():
                place = place[step]
            case _:
                raise KeyError(step)
    if not isinstance(place, dict):
        raise KeyError(".".join(way))
    return place
