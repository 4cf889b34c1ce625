"""CloudFormation's YAML: the short forms spelled out, and values read without guessing."""

import re
from pathlib import Path
from typing import TypeAlias, cast

import yaml

REGION = "us-east-1"
ACCOUNT = "000000000000"
STACK_NAME = "honcho"
PSEUDO = {"AWS::StackName": STACK_NAME, "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}

Node: TypeAlias = "str | int | float | bool | list[Node] | dict[str, Node] | None"


class TemplateError(Exception):
    """The template says something the local stack cannot follow."""


def read(path: Path) -> dict[str, Node]:
    """A template as plain mappings. Raises `TemplateError` when it is not one."""
    return loads(path.read_text(), path.name)


def loads(text: str, name: str) -> dict[str, Node]:
    """The same of a text that is known by `name`."""
    try:
        document = cast(Node, yaml.load(text, _Loader))
    except yaml.YAMLError as error:
        raise TemplateError(f"{name}: {error}") from error
    return table(document, name)


def substituted(text: str) -> str | None:
    """`Fn::Sub` over the pseudo parameters; None when it names anything else."""
    names = re.findall(r"\$\{([^}]+)\}", text)
    if any(name not in PSEUDO for name in names):
        return None
    return re.sub(r"\$\{([^}]+)\}", lambda found: PSEUDO[found[1]], text)


def text(node: Node, default: str) -> str:
    match node:
        case str():
            return node
        case {"Fn::Sub": str(pattern)}:
            return substituted(pattern) or default
        case _:
            return default


def target(node: Node) -> str:
    """The logical id behind `!GetAtt X.Arn`."""
    match node:
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return name
        case _:
            raise TemplateError(f"{node}: expected !GetAtt <resource>.Arn")


def attribute(node: Node) -> str:
    return str(node).lower() if isinstance(node, bool) else str(node)


def whole(node: Node, default: int) -> int:
    return node if isinstance(node, int) else default


def properties_of(resource: dict[str, Node], name: str) -> dict[str, Node]:
    return table(resource.get("Properties") or {}, name)


def variables_of(properties: dict[str, Node]) -> dict[str, Node]:
    environment = table(properties.get("Environment") or {}, "Environment")
    return table(environment.get("Variables") or {}, "Environment.Variables")


def items(tables: list[dict[str, Node]], key: str) -> list[Node]:
    found = tables[0].get(key) if tables else None
    return found if isinstance(found, list) else []


def table(node: Node, name: str) -> dict[str, Node]:
    if not isinstance(node, dict):
        raise TemplateError(f"{name}: expected a mapping")
    return node


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!GetAtt`, `!Sub`, ...) spelled out."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, object]:
    if isinstance(node, yaml.ScalarNode):
        scalar = str(loader.construct_scalar(node))
        value: object = scalar.split(".", 1) if suffix == "GetAtt" else scalar
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(cast(yaml.MappingNode, node), deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)  # pyright: ignore[reportUnknownMemberType] - untyped in the stubs
