"""What the conditions and mappings of a template come to once its parameters have values."""

from collections.abc import Mapping

from infra.local.cloudformation import Node, TemplateError
from infra.local.intrinsics import NOTHING, Scope, parameters_of


class Choices(Scope):
    """The conditions of one template, with `given` values for parameters and the defaults of the others.

    Raises `TemplateError` where a condition is not declared or would have to be guessed.
    """

    def __init__(self, document: dict[str, Node], given: Mapping[str, str]) -> None:
        super().__init__(document, parameters_of(document, dict(given)))

    def compared(self, node: Node) -> Node:
        found = super().compared(node)
        if isinstance(found, dict | list):
            raise TemplateError(f"{node}: has no value here")
        return found

    def settled(self, node: Node) -> Node:
        """`node` with every `Fn::If` replaced by its branch, and without what is then no value; the rest as it is."""
        match node:
            case {"Fn::If": [str(condition), so, otherwise]}:
                return self.settled(so if self.holds(condition) else otherwise)
            case dict():
                settled = {name: self.settled(value) for name, value in node.items()}
                return {name: value for name, value in settled.items() if value != NOTHING}
            case list():
                return [value for value in map(self.settled, node) if value != NOTHING]
            case _:
                return node

    def looked_up(self, node: Node) -> Node:
        """What a `Fn::FindInMap` finds; anything else as it is."""
        return self.value(node) if isinstance(node, dict) and "Fn::FindInMap" in node else node
