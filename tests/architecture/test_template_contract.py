"""The contract and the linter together find every mistake that was ever made or thought of, and nothing else."""

import json
from functools import cache

import pytest
from cfnlint.api import lint

from infra.tools.contract import verb
from infra.tools.contract.stack import Documents
from tests.support.template_defects import Defect, defects, real, with_defect

DEFECTS = defects()


@cache
def said_of_the_real_ones() -> frozenset[str]:
    return frozenset(verb.problems(real()))


@cache
def linted(file: str) -> frozenset[str]:
    return frozenset(_lint(real(), file))


def _lint(templates: Documents, file: str) -> list[str]:
    document = templates["" if file == "template.yaml" else file]
    return [f"{match.rule.id} {match.message}" for match in lint(json.dumps(document))]


@pytest.mark.parametrize("defect", [d for d in DEFECTS if d.said is not None], ids=lambda d: d.name)
def test_contract_tells_a_mistake_and_what_to_do(defect: Defect):
    assert defect.said is not None
    news = [problem for problem in verb.problems(with_defect(defect)) if problem not in said_of_the_real_ones()]
    assert [problem for problem in news if defect.said in problem] != [], news


@pytest.mark.parametrize("defect", [d for d in DEFECTS if d.lint is not None], ids=lambda d: d.name)
def test_linter_sees_what_the_contract_leaves_to_it(defect: Defect):
    found = [match for match in _lint(with_defect(defect), defect.file) if match not in linted(defect.file)]
    assert [match for match in found if match.startswith(f"{defect.lint} ")] != [], found


def test_every_mistake_is_told_by_one_of_the_two():
    assert [defect.name for defect in DEFECTS if defect.said is None and defect.lint is None] == []
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 40
