"""The `contract` verb: hold every rule against the templates, in every case that a deploy offers."""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Final

from infra.bootstrap import ROOT
from infra.local.cloudformation import Node, TemplateError
from infra.tools.contract import (
    alarm_rules,
    capacity_rules,
    code_rules,
    data_rules,
    door_rules,
    function_rules,
    network_rules,
    order_rules,
    permission_rules,
    queue_rules,
    reference_rules,
    schedule_rules,
    secret_rules,
    setting_rules,
    tree_rules,
)
from infra.tools.contract.stack import CASES, Documents, Stack, documents, stack

Rule = Callable[[Stack], Iterator[str]]
RULES: Final[tuple[Rule, ...]] = (
    *reference_rules.RULES,
    *queue_rules.RULES,
    *function_rules.RULES,
    *door_rules.RULES,
    *schedule_rules.RULES,
    *data_rules.RULES,
    *network_rules.RULES,
    *order_rules.RULES,
    *permission_rules.RULES,
    *secret_rules.RULES,
    *code_rules.RULES,
    *tree_rules.RULES,
    *setting_rules.RULES,
    *capacity_rules.RULES,
    *alarm_rules.RULES,
)


def contract(argv: list[str]) -> int:
    """Say what is wrong with the templates that no linter sees, or that nothing is."""
    parser = argparse.ArgumentParser(prog="python3 -m infra contract", description=contract.__doc__)
    parser.parse_args(argv)
    try:
        found = problems(documents(ROOT))
    except TemplateError as error:
        found = [str(error)]
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print(f"{len(RULES)} rules hold in {len(CASES)} cases: {', '.join(CASES)}.")
    return 1 if found else 0


def problems(templates: Documents) -> list[str]:
    """A sentence for each thing that is wrong, with the cases it is wrong in unless it is in all of them."""
    found: dict[str, list[str]] = {}
    for case, sentence in broken(templates):
        cases = found.setdefault(sentence, [])
        if case not in cases:
            cases.append(case)
    return [
        sentence if len(cases) == len(CASES) else f"{sentence} [{', '.join(cases)}]"
        for sentence, cases in found.items()
    ]


def broken(templates: Documents) -> Iterator[tuple[str, str]]:
    """Each case with each sentence, as the rules are asked."""
    for case, given in CASES.items():
        for sentence in _in_case(templates, case, given):
            yield case, sentence


def _in_case(templates: Documents, case: str, given: dict[str, Node]) -> Iterator[str]:
    try:
        rendered = stack(templates, case, given)
    except TemplateError as error:
        # A template that cannot be put together is wrong before any rule is asked.
        yield str(error)
        return
    for rule in RULES:
        yield from rule(rendered)


if __name__ == "__main__":
    # For `check`, which is in the environment already.
    sys.exit(contract(sys.argv[1:]))
