"""What the conditions and mappings of a template come to once its parameters have values."""

from collections.abc import Mapping
from typing import Final

from infra.local import cloudformation as cfn
from infra.local.cloudformation import Node

_NOTHING: Final = {"Ref": "AWS::NoValue"}


class Choices:
    """The conditions of one template, with `given` values for parameters and the defaults of the others."""

    def __init__(self, document: dict[str, Node], given: Mapping[str, str]) -> None:
        parameters = cfn.table(document.get("Parameters") or {}, "Parameters")
        defaults = {name: cfn.table(node, name).get("Default") for name, node in parameters.items()}
        self._values = {name: cfn.attribute(value) for name, value in defaults.items() if value is not None} | dict(
            given
        )
        self._conditions = cfn.table(document.get("Conditions") or {}, "Conditions")
        self._mappings = cfn.table(document.get("Mappings") or {}, "Mappings")

    def holds(self, condition: str) -> bool:
        """Whether a condition is met. Raises `TemplateError` for one that is not declared or not understood."""
        if condition not in self._conditions:
            raise cfn.TemplateError(f"{condition}: no such condition")
        return self.meets(self._conditions[condition])

    def settled(self, node: Node) -> Node:
        """`node` with every `Fn::If` replaced by its branch, and without what is then no value."""
        match node:
            case {"Fn::If": [str(condition), so, otherwise]}:
                return self.settled(so if self.holds(condition) else otherwise)
            case dict():
                settled = {name: self.settled(value) for name, value in node.items()}
                return {name: value for name, value in settled.items() if value != _NOTHING}
            case list():
                return [value for value in map(self.settled, node) if value != _NOTHING]
            case _:
                return node

    def looked_up(self, node: Node) -> Node:
        """What a `Fn::FindInMap` finds; anything else as it is."""
        match node:
            case {"Fn::FindInMap": [str(mapping), first, second]}:
                row = cfn.table(self._mappings.get(mapping), mapping).get(self._text(first))
                return cfn.table(row, f"{mapping}.{self._text(first)}").get(self._text(second))
            case _:
                return node

    def meets(self, node: Node) -> bool:
        """Whether what a condition or an assertion says is so."""
        match node:
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Equals": [left, right]}:
                return self._text(left) == self._text(right)
            case {"Fn::Not": [one]}:
                return not self.meets(one)
            case {"Fn::And": list(several)}:
                return all(map(self.meets, several))
            case {"Fn::Or": list(several)}:
                return any(map(self.meets, several))
            case _:
                raise cfn.TemplateError(f"{node}: not a condition that is understood")

    def _text(self, node: Node) -> str:
        match node:
            case {"Ref": str(name)} if name in self._values:
                return self._values[name]
            case {"Fn::Select": [int(place), {"Fn::Split": [str(between), whole]}]}:
                parts = self._text(whole).split(between)
                return parts[place] if place < len(parts) else ""
            case {"Fn::Join": [str(), {"Ref": str(name)}]} if name in self._values:
                # A list parameter is written with commas; whether it is empty is all that conditions ask.
                return self._values[name]
            case dict() | list() | None:
                raise cfn.TemplateError(f"{node}: has no value here")
            case _:
                return cfn.attribute(node)
