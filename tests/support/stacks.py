"""The templates as a deploy with some parameters would have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infra.bootstrap import ROOT
from infra.local import cloudformation as cfn
from infra.local.choices import Choices
from infra.local.cloudformation import Node

PROFILES: Final = ("zero", "warm", "steady")
PARENT: Final = "template.yaml"
NESTED: Final = tuple(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("infra/stacks/*.yaml")))


@dataclass(frozen=True, slots=True)
class Rendered:
    """One template with values for its parameters: `resources` are those that are made."""

    document: dict[str, Node]
    choices: Choices
    resources: dict[str, dict[str, Node]]

    def of_type(self, kind: str) -> dict[str, dict[str, Node]]:
        """The properties of the resources of one type."""
        return {n: cfn.properties_of(r, n) for n, r in self.resources.items() if r["Type"] == kind}

    def number(self, node: Node) -> int:
        """A number that may stand in a mapping."""
        return int(cfn.attribute(self.choices.looked_up(node)))


def rendered(file: str, given: Mapping[str, str]) -> Rendered:
    """`file` as it is with the parameters `given`; references to resources stay what they are."""
    document = cfn.read(ROOT / file)
    choices = Choices(document, given)
    all_of_them = {n: cfn.table(r, n) for n, r in cfn.table(document["Resources"], "Resources").items()}
    made = {n: r for n, r in all_of_them.items() if "Condition" not in r or choices.holds(str(r["Condition"]))}
    return Rendered(document, choices, {n: cfn.table(choices.settled(r), n) for n, r in made.items()})


def declared(file: str, section: str) -> dict[str, dict[str, Node]]:
    """A section of a template as it is written."""
    return {n: cfn.table(node, n) for n, node in cfn.table(cfn.read(ROOT / file)[section], section).items()}
