"""The contract and the linter together find every mistake that was ever made or thought of, and nothing else."""

import json
from functools import cache

import pytest
from cfnlint.api import lint

from infra.tools.contract import verb
from infra.tools.contract.lambdas import schedules
from infra.tools.contract.stack import CASES, Documents, stack
from tests.support.template_defects import Defect, defects, real, with_defect, with_defects

DEFECTS = defects()


@cache
def said_of_the_real_ones() -> frozenset[str]:
    return frozenset(sentence for _, sentence in verb.broken(real()))


@cache
def linted(file: str) -> frozenset[str]:
    """What the linter says of a template with every mistake in it that is left to the linter, and not without them."""
    left = [defect for defect in DEFECTS if defect.lint is not None and defect.file == file]
    return _lint(with_defects(left), file) - _lint(real(), file)


def _lint(templates: Documents, file: str) -> frozenset[str]:
    document = templates["" if file == "template.yaml" else file]
    return frozenset(f"{match.rule.id} {match.message}" for match in lint(json.dumps(document)))


@pytest.mark.parametrize("defect", [d for d in DEFECTS if d.said is not None], ids=lambda d: d.name)
def test_contract_tells_a_mistake_and_what_to_do(defect: Defect):
    assert defect.said is not None
    heard: list[str] = []
    for _, sentence in verb.broken(with_defect(defect)):
        if sentence in said_of_the_real_ones():
            continue
        heard.append(sentence)
        if defect.said in sentence:
            # The first case that shows it is enough: ten times quicker than all.
            return
    pytest.fail(f"nobody says {defect.said!r}, but {heard}")


@pytest.mark.parametrize("defect", [d for d in DEFECTS if d.lint is not None], ids=lambda d: d.name)
def test_linter_sees_what_the_contract_leaves_to_it(defect: Defect):
    assert [match for match in linted(defect.file) if match.startswith(f"{defect.lint} ")] != []


def test_real_templates_keep_every_rule_in_every_case():
    assert verb.problems(real()) == []


@pytest.mark.parametrize(
    ("case", "sleeps"), [("zero", True), ("all keys in zero", True), ("warm", False), ("steady", False)]
)
def test_zero_has_no_proxy_and_nothing_that_comes_to_the_database_by_a_rate(case: str, sleeps: bool):
    rendered = stack(real(), case, CASES[case])
    often = [one for one in schedules(rendered) if one.is_active and one.every_s is not None and one.every_s < 86_400]
    assert (rendered.of("AWS::RDS::DBProxy") == []) == sleeps
    assert (often == []) == sleeps
    assert rendered.of("AWS::RDS::DBCluster") != []


def test_every_mistake_is_told_by_one_of_the_two():
    assert [defect.name for defect in DEFECTS if defect.said is None and defect.lint is None] == []
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 40
    rules = [(defect.file, defect.lint) for defect in DEFECTS if defect.lint is not None]
    assert len(set(rules)) == len(rules), "one rule must not answer for two mistakes of a file"
