"""The whole deploy in one case: the template and those nested in it, and questions that rules ask about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local import cloudformation as cfn
from infra.local.cloudformation import Node
from infra.local.intrinsics import names_in
from infra.tools.contract.render import Rendered, Resource, outer, render, section

NESTED: Final = "AWS::CloudFormation::Stack"
_SECRET: Final = "arn:aws:secretsmanager:us-east-1:000000000000:secret:"

Documents = Mapping[str, dict[str, Node]]

# Every choice that a deploy offers, at least once each way; a parameter that a template lacks is left out.
_OWN_DATABASE: Final[dict[str, Node]] = {
    "DbConnectionUri": "postgresql+psycopg://app:word@db.example.com:5432/honcho?sslmode=require",
    "OwnerConnectionUri": "postgresql+psycopg://owner:word@db.example.com:5432/honcho?sslmode=require",
}
_OWN_NETWORK: Final[dict[str, Node]] = {
    "Vpc": "given", "VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1",
}  # fmt: skip
_KEYS: Final[dict[str, Node]] = {
    "OpenAiKey": f"{_SECRET}openai-a1b2c3",
    "AnthropicKey": f"{_SECRET}vendors-d4e5f6#anthropic",
    "GeminiKey": f"{_SECRET}vendors-d4e5f6#gemini",
    "JwtSecret": f"{_SECRET}jwt-g7h8i9",
    "VectorStore": "turbopuffer",
    "TurbopufferKey": f"{_SECRET}turbopuffer-j1k2l3",
    "TurbopufferRegion": "aws-us-east-1",
    "ReadableSecrets": f"{_SECRET}webhooks-m4n5o6,{_SECRET}sentry-p7q8r9",
    "WithObserveLayer": "true",
}
CASES: Final[dict[str, dict[str, Node]]] = {
    "zero": {"Profile": "zero"},
    "warm": {"Profile": "warm"},
    "steady": {"Profile": "steady"},
    "own database in zero": {"Profile": "zero", **_OWN_DATABASE},
    "own database without a VPC": {"Profile": "warm", "Vpc": "none", **_OWN_DATABASE},
    "own database by secret": {
        "Profile": "steady",
        "DbConnectionUri": f"{_SECRET}database-s1t2u3#app",
        "OwnerConnectionUri": f"{_SECRET}database-s1t2u3#owner",
    },
    "own VPC": {"Profile": "warm", **_OWN_NETWORK},
    "role for logs left as it is": {"Profile": "warm", "ApiGatewayLogRole": "leave", "UseAuth": "false"},
    "own VPC and database": {"Profile": "steady", **_OWN_NETWORK, **_OWN_DATABASE},
    "all keys": {"Profile": "steady", **_KEYS},
    "all keys in zero": {"Profile": "zero", **_KEYS},
}


@dataclass(frozen=True, slots=True)
class Stack:
    """A deploy in one case."""

    case: str
    profile: str
    parent: Rendered
    nested: dict[str, Rendered]

    def resources(self) -> Iterator[Resource]:
        for template in (self.parent, *self.nested.values()):
            yield from template.resources.values()

    def of(self, *types: str) -> list[Resource]:
        return [resource for resource in self.resources() if resource.type in types]

    def behind(self, node: Node, near: Resource | None = None) -> Resource | None:
        """The one resource that a value stands for; None for a text, or for several."""
        found = self.origins(node, near)
        return found[0][0] if len(found) == 1 else None

    def origins(self, node: Node, near: Resource | None = None) -> list[tuple[Resource, str | None]]:
        """The resources that a value is made of, with the attribute of each, also across borders of nested stacks.

        `near` is a resource of the template in which the value stands; None means the parent's.
        """
        match node:
            case {"Outer": inner}:
                return self.origins(inner)
            case {"Fn::Sub": _} | {"Ref": _} | {"Fn::GetAtt": _}:
                found = (self._named(name, attribute, near) for name, attribute in names_in(node))
                return [origin for several in found for origin in several]
            case dict():
                return [origin for value in node.values() for origin in self.origins(value, near)]
            case list():
                return [origin for value in node for origin in self.origins(value, near)]
            case _:
                return []

    def _named(self, name: str, attribute: str | None, near: Resource | None) -> list[tuple[Resource, str | None]]:
        inside = self._nested_template(near) or self.parent
        if inside is self.parent and (child := self.nested.get(name)) is not None:
            output = child.outputs.get((attribute or "").removeprefix("Outputs."))
            return self.origins(output, next(iter(child.resources.values()), None))
        resource = inside.resources.get(name)
        return [] if resource is None else [(resource, attribute)]

    def _nested_template(self, near: Resource | None) -> Rendered | None:
        prefix = "" if near is None else near.label.removesuffix(near.name).removesuffix(".")
        return self.nested.get(prefix)


def documents(root: Path) -> dict[str, dict[str, Node]]:
    """The parent as "" and the nested templates by the path that names them."""
    found = {"": cfn.read(root / "template.yaml")}
    for body in section(found[""], "Resources").values():
        resource = cfn.table(body, "Resources")
        if resource.get("Type") == NESTED:
            path = address(resource)
            if not (root / path).is_file():
                raise cfn.TemplateError(f"TemplateURL {path}: there is no such file")
            found[path] = cfn.read(root / path)
    return found


def address(resource: dict[str, Node]) -> str:
    """The path of a nested template, as its stack names it."""
    return str(cfn.table(resource.get("Properties") or {}, "Stack").get("TemplateURL")).removeprefix("./")


def stack(templates: Documents, case: str, given: Mapping[str, Node]) -> Stack:
    """All templates rendered for one case. Raises `TemplateError` where one cannot be."""
    declared = section(templates[""], "Parameters")
    parent = render(templates[""], {name: value for name, value in given.items() if name in declared})
    nested: dict[str, Rendered] = {}
    for name, resource in parent.resources.items():
        if resource.type == NESTED:
            handed = cfn.table(resource.properties.get("Parameters") or {}, name)
            values = {key: outer(value) for key, value in handed.items()}
            nested[name] = render(templates[address(resource.body)], values, f"{name}.")
    return Stack(case, str(given.get("Profile", "warm")), parent, nested)


def stacks(templates: Documents) -> list[Stack]:
    """One for each case."""
    return [stack(templates, case, given) for case, given in CASES.items()]


def declared(of: Stack, *types: str) -> Iterator[Resource]:
    """Resources of all templates, whether or not this case has them, with their properties as written."""
    for template in (of.parent, *of.nested.values()):
        for name, node in section(template.document, "Resources").items():
            body = cfn.table(node, name)
            if body.get("Type") in types:
                yield Resource(name, name, str(body["Type"]), cfn.table(body.get("Properties") or {}, name), body)
