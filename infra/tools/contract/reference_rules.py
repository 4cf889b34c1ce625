"""References: every name is that of something which is made in that very case, across nested stacks, too."""

from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import Node, table
from infra.local.intrinsics import names_in
from infra.tools.contract.render import Rendered, Resource, refusals, section
from infra.tools.contract.stack import NESTED, Stack, address

# SAM makes resources of its own from these, named after them; what the translator makes of it is walked in the tests.
_GROWS: Final = "AWS::Serverless::"


def names(stack: Stack) -> Iterator[str]:
    for prefix, template in (("", stack.parent), *((f"{name}.", child) for name, child in stack.nested.items())):
        for place, node in _places(prefix, template):
            for name, attribute in names_in(node):
                if not _is_made(template, name):
                    declared = name in section(template.document, "Resources")
                    why = "is not made in this case" if declared else "is declared nowhere"
                    yield f"{place}: refers to {name}{'.' + attribute if attribute else ''}, which {why}"
        for resource in template.resources.values():
            for name in _texts(resource.body.get("DependsOn")):
                if name not in section(template.document, "Resources"):
                    yield f"{resource.label}: DependsOn names {name}, which is declared nowhere"
                elif name not in template.resources:
                    yield (
                        f"{resource.label}: DependsOn names {name}, which is not made in this case; refer to it in "
                        "Metadata with Fn::If"
                    )


def _places(prefix: str, template: Rendered) -> Iterator[tuple[str, Node]]:
    for resource in template.resources.values():
        yield resource.label, resource.body
    for name, value in template.outputs.items():
        yield f"{prefix}Outputs.{name}", value


def _is_made(template: Rendered, name: str) -> bool:
    if name in template.resources or name in template.parameters or name.startswith("AWS::"):
        return True
    return any(
        name.startswith(resource.name) for resource in template.resources.values() if resource.type.startswith(_GROWS)
    )


def handed_down(stack: Stack) -> Iterator[str]:
    for resource in stack.parent.resources.values():
        if resource.type == NESTED:
            child = stack.nested[resource.name]
            given = table(resource.properties.get("Parameters") or {}, resource.label)
            for name in sorted(given.keys() - section(child.document, "Parameters").keys()):
                yield f"{resource.label}: hands down {name}, which {address(resource.body)} does not know"
            yield from _values(resource, child)


def _values(resource: Resource, child: Rendered) -> Iterator[str]:
    for name, declared in section(child.document, "Parameters").items():
        choices, value = table(declared, name).get("AllowedValues"), child.parameters[name]
        if isinstance(choices, list) and isinstance(value, str) and value not in [str(one) for one in choices]:
            yield f"{resource.label}: hands down {name} = {value}, which is not among its AllowedValues"


def handed_up(stack: Stack) -> Iterator[str]:
    for place, node in _places("", stack.parent):
        for name, attribute in names_in(node):
            child = stack.nested.get(name)
            output = (attribute or "").removeprefix("Outputs.")
            if child is not None and attribute is not None and output not in child.outputs:
                declared = output in section(child.document, "Outputs")
                yield f"{place}: {name} has no output {output}{' in this case' if declared else ''}"


def _texts(node: Node) -> list[str]:
    return [str(one) for one in node] if isinstance(node, list) else [node] if isinstance(node, str) else []


def permitted(stack: Stack) -> Iterator[str]:
    """Each case is one that the template lets pass; else its other rules would be asked of what nobody can deploy."""
    for why in refusals(stack.parent):
        yield f"the template's own Rules refuse this case: {why}"


RULES: Final = (permitted, names, handed_down, handed_up)
