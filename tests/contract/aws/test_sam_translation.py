"""The templates as SAM's own translator hands them to CloudFormation: every reference leads to something."""

import json
from collections import Counter
from functools import cache

import pytest
from cfnlint.api import lint

from infra.local.cloudformation import Node
from infra.local.intrinsics import names_in
from infra.tools.contract import reference_rules
from infra.tools.contract.stack import CASES, Documents, Stack, stack
from tests.support.sam_translation import translated
from tests.support.template_defects import Defect, real, with_defect


def broken(*, put: dict[str, Node] | None = None, take: str | None = None) -> Defect:
    taken = () if take is None else (take,)
    return Defect("", "template.yaml", put=put or {}, add={}, take=taken, said=None, lint=None)


# Each breaks a reference in one of the ways there are.
BROKEN = {
    "queue that is gone": (
        broken(take="Resources.DreamDeadLetters"),
        "DreamQueue: refers to DreamDeadLetters.Arn, which is declared nowhere",
    ),
    "role that SAM would not make": (
        broken(put={"Outputs.Role": {"Value": {"Fn::GetAtt": ["DoorRole", "Arn"]}}}),
        "Outputs.Role: refers to DoorRole.Arn, which is declared nowhere",
    ),
    "layer that is made only sometimes": (
        broken(put={"Outputs.Layer": {"Value": {"Fn::Sub": "${ObserveLayer}"}}}),
        "Outputs.Layer: refers to ObserveLayer",
    ),
    "DependsOn of nothing": (
        broken(put={"Resources.DreamQueue.DependsOn": "DreamLetters"}),
        "DreamQueue: DependsOn names DreamLetters, which is declared nowhere",
    ),
}


@cache
def everything() -> dict[str, list[Stack]]:
    """The real templates in every case under "", each broken one in one case under its name; one run for all."""
    wanted: list[tuple[str, Documents, str]] = [("", real(), case) for case in CASES]
    wanted += [(name, with_defect(defect), "warm") for name, (defect, _) in BROKEN.items()]
    sam = [(templates, file) for _, templates, _ in wanted for file in templates]
    parameters = [CASES[case] if file == "" else {} for _, templates, case in wanted for file in templates]
    made = translated([(t[file], p) for (t, file), p in zip(sam, parameters, strict=True)])
    found: dict[str, list[Stack]] = {}
    for name, templates, case in wanted:
        ready = {file: made.pop(0) for file in templates}
        found.setdefault(name, []).append(stack(ready, case, CASES[case]))
    return found


def problems(of: Stack) -> list[str]:
    return [problem for rule in reference_rules.RULES for problem in rule(of)]


@pytest.mark.parametrize("case", CASES)
def test_every_reference_leads_to_something_that_is_made(case: str):
    (of,) = [one for one in everything()[""] if one.case == case]
    assert not [resource.type for resource in of.resources() if resource.type.startswith("AWS::Serverless::")]
    walked = Counter(name for resource in of.resources() for name, _ in names_in(resource.body))
    assert sum(walked.values()) > 100
    assert problems(of) == []


@pytest.mark.parametrize("name", BROKEN)
def test_reference_that_leads_nowhere_is_told(name: str):
    (of,) = everything()[name]
    assert [problem for problem in problems(of) if BROKEN[name][1] in problem] != []


def test_what_is_handed_to_cloudformation_is_as_its_schemas_say():
    translated_parents: list[dict[str, Node]] = [
        one.parent.document for one in everything()[""] if one.case == "steady"
    ]
    matches = [match for document in translated_parents for match in lint(json.dumps(document))]
    assert [f"{match.rule.id} {match.message}" for match in matches if match.rule.id.startswith("E")] == []
