"""CloudFormation's functions: what they come to where parameters decide it, and the names they refer to."""

import re
from collections.abc import Mapping
from functools import reduce
from typing import Final, cast

from infra.local.cloudformation import ACCOUNT, REGION, STACK_NAME, Node, TemplateError, attribute, table

NOTHING: Final[Node] = {"Ref": "AWS::NoValue"}
_PSEUDO: Final[dict[str, Node]] = {
    "AWS::StackName": STACK_NAME,
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_NAME: Final = re.compile(r"\$\{([^!}][^}]*)\}")


class Scope:
    """What names stand for while one template is rendered."""

    def __init__(self, document: dict[str, Node], parameters: dict[str, Node]) -> None:
        self.parameters = parameters
        self._conditions = table(document.get("Conditions") or {}, "Conditions")
        self._mappings = table(document.get("Mappings") or {}, "Mappings")
        self._known = {**_PSEUDO, **parameters}

    def includes(self, body: dict[str, Node]) -> bool:
        condition = body.get("Condition")
        return not isinstance(condition, str) or self.holds(condition)

    def holds(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"condition {name} is not declared")
        return self.decides(self._conditions[name])

    def decides(self, node: Node) -> bool:
        match node:
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Equals": [first, second]}:
                return self.compared(first) == self.compared(second)
            case {"Fn::Not": [one]}:
                return not self.decides(one)
            case {"Fn::And": [*several]}:
                return all(self.decides(one) for one in several)
            case {"Fn::Or": [*several]}:
                return any(self.decides(one) for one in several)
            case _:
                raise TemplateError(f"{node}: no condition that is understood")

    def compared(self, node: Node) -> Node:
        """One side of an equation, as the text that parameters are."""
        found = self.value(node)
        return found if isinstance(found, dict | list) else attribute(found)

    def value(self, node: Node) -> Node:
        if isinstance(node, list):
            values = (self.value(one) for one in node)
            return [value for value in values if value != NOTHING]
        if not isinstance(node, dict):
            return node
        if is_function(node):
            return self._function(node)
        values = {key: self.value(one) for key, one in node.items()}
        return {key: value for key, value in values.items() if value != NOTHING}

    def _function(self, node: dict[str, Node]) -> Node:
        match node:
            case {"Ref": str(name)}:
                return self._known.get(name, node)
            case {"Fn::If": [str(condition), yes, no]}:
                return self.value(yes if self.holds(condition) else no)
            case {"Fn::Sub": pattern}:
                return self._substituted(pattern)
            case {"Fn::GetAtt": _} | {"Fn::GetAZs": _}:
                return node
            case _:
                (name, argument), *_ = node.items()
                return self._computed(name, self.value(argument))

    def _substituted(self, node: Node) -> Node:
        nothing: dict[str, Node] = {}
        pattern, own = (node[0], node[1]) if isinstance(node, list) and len(node) == 2 else (node, nothing)
        values = {name: self.value(value) for name, value in table(own, "Fn::Sub").items()}
        known = {n: v for n, v in {**self._known, **values}.items() if isinstance(v, str | int | float)}
        text = _NAME.sub(lambda found: str(known.get(found[1], found[0])), str(pattern))
        left = {name: values[name] for name in _NAME.findall(text) if name in values}
        if left:
            return {"Fn::Sub": [text, cast(Node, left)]}
        return {"Fn::Sub": text} if _NAME.search(text) else text.replace("${!", "${")

    def _computed(self, name: str, argument: Node) -> Node:
        match name, argument:
            case "Fn::Join", [str(between), [*parts]] if all(isinstance(part, str | int) for part in parts):
                return between.join(str(part) for part in parts)
            case "Fn::Split", [str(between), str(text)]:
                return cast(Node, text.split(between))
            case "Fn::Select", [index, [*several]] if str(index).isdigit() and int(str(index)) < len(several):
                return several[int(str(index))]
            case "Fn::FindInMap", [*keys]:
                return reduce(lambda place, key: table(place, str(key)).get(str(key)), keys, cast(Node, self._mappings))
            case _:
                return {name: argument}


def parameters_of(document: dict[str, Node], given: Mapping[str, Node]) -> dict[str, Node]:
    """The values of a template's parameters, lists as lists; without those that have neither default nor value."""
    found: dict[str, Node] = {}
    for name, declared in table(document.get("Parameters") or {}, "Parameters").items():
        parameter = table(declared, name)
        if name not in given and "Default" not in parameter:
            continue
        value = given.get(name, parameter.get("Default"))
        is_list = str(parameter.get("Type")).startswith(("CommaDelimitedList", "List<"))
        if is_list and isinstance(value, str):
            found[name] = [part.strip() for part in value.split(",")]
        else:
            found[name] = value if isinstance(value, dict | list) else attribute(value)
    return found


def names_in(node: Node) -> "list[tuple[str, str | None]]":
    """Every (name, attribute) that a rendered value refers to, in this template and not in the one above."""
    match node:
        case {"Outer": _}:
            return []
        case {"Ref": str(name)} if len(node) == 1:
            return [(name, None)]
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return [(name, attribute)]
        case {"Fn::GetAtt": str(both)}:
            name, _, attribute = both.partition(".")
            return [(name, attribute)]
        case {"Fn::Sub": [str(text), {**own}]}:
            free = [found for found in _NAME.findall(text) if found not in own]
            return [_pair(found) for found in free] + [pair for value in own.values() for pair in names_in(value)]
        case {"Fn::Sub": str(text)}:
            return [_pair(found) for found in _NAME.findall(text)]
        case dict():
            return [pair for value in node.values() for pair in names_in(value)]
        case list():
            return [pair for value in node for pair in names_in(value)]
        case _:
            return []


def _pair(text: str) -> tuple[str, str | None]:
    name, dot, attribute = text.partition(".")
    return name, attribute if dot else None


def is_function(node: dict[str, Node]) -> bool:
    return len(node) == 1 and (next(iter(node)) == "Ref" or next(iter(node)).startswith("Fn::"))
