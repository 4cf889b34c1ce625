"""A template as one deploy would see it: parameters put in, conditions decided, what is absent left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infra.local.cloudformation import Node, TemplateError, table
from infra.local.intrinsics import Scope, is_function, parameters_of

_ALWAYS: Final[Node] = {"Fn::Equals": ["", ""]}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that would be made. `label` tells it from one of the same name in another template."""

    label: str
    name: str
    type: str
    properties: dict[str, Node]
    body: dict[str, Node]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template with its parameters. What only the deploy can know stays as `Ref`, `Fn::GetAtt` or `Fn::Sub`."""

    document: dict[str, Node]
    parameters: dict[str, Node]
    conditions: dict[str, bool]
    resources: dict[str, Resource]
    outputs: dict[str, Node]


def render(document: dict[str, Node], given: Mapping[str, Node], prefix: str = "") -> Rendered:
    """Decide everything in `document` that `given` and the defaults decide. Raises `TemplateError` for what it cannot.

    A given value that is itself a reference belongs to another template: the caller marks it with `outer`.
    """
    scope = Scope(document, _parameters(document, given))
    resources = {
        name: _resource(document, scope, prefix, name, table(body, name))
        for name, body in section(document, "Resources").items()
        if scope.includes(table(body, name))
    }
    outputs = {
        name: scope.value(table(body, name).get("Value"))
        for name, body in section(document, "Outputs").items()
        if scope.includes(table(body, name))
    }
    conditions = {name: scope.holds(name) for name in section(document, "Conditions")}
    return Rendered(document, dict(scope.parameters), conditions, resources, outputs)


def refusals(rendered: Rendered) -> list[str]:
    """What the template's own `Rules` say against these parameters."""
    scope = Scope(rendered.document, rendered.parameters)
    return [
        str(table(one, name).get("AssertDescription"))
        for name, body in section(rendered.document, "Rules").items()
        if scope.decides(table(body, name).get("RuleCondition", _ALWAYS))
        for one in _assertions(table(body, name))
        if not scope.decides(table(one, name).get("Assert"))
    ]


def _assertions(rule: dict[str, Node]) -> list[Node]:
    given = rule.get("Assertions")
    return given if isinstance(given, list) else []


def section(document: dict[str, Node], name: str) -> dict[str, Node]:
    return table(document.get(name) or {}, name)


def outer(node: Node) -> Node:
    """A value from the template above, which knows its names and this one does not."""
    return {"Outer": node} if isinstance(node, dict) else node


def _parameters(document: dict[str, Node], given: Mapping[str, Node]) -> dict[str, Node]:
    found = parameters_of(document, given)
    for name in section(document, "Parameters"):
        if name not in found:
            raise TemplateError(f"parameter {name} has no default and is not given")
    return found


def _resource(document: dict[str, Node], scope: Scope, prefix: str, name: str, body: dict[str, Node]) -> Resource:
    kind = str(body.get("Type"))
    properties = body.get("Properties") or {}
    if kind.startswith("AWS::Serverless::"):
        usual = section(document, "Globals").get(kind.rpartition("::")[2])
        properties = _merged(usual, properties) if usual is not None else properties
    rendered = table(scope.value({**body, "Properties": properties}), name)
    return Resource(prefix + name, name, kind, table(rendered.get("Properties") or {}, name), rendered)


def _merged(usual: Node, own: Node) -> Node:
    """What SAM makes of Globals: mappings are put together, lists follow one another, anything else is replaced."""
    if isinstance(usual, list) and isinstance(own, list):
        return [*usual, *own]
    if isinstance(usual, dict) and isinstance(own, dict) and not (is_function(usual) or is_function(own)):
        return {key: _merged(usual[key], own[key]) if key in own else usual[key] for key in usual} | {
            key: value for key, value in own.items() if key not in usual
        }
    return own
