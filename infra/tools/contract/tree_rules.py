"""Folders, the Makefile and the environment of the code against what the template declares, in either direction."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from infra.bootstrap import ROOT
from infra.tools.contract import code
from infra.tools.contract.lambdas import FUNCTION, module, variables
from infra.tools.contract.stack import Stack, declared

_LAYER: Final = "AWS::Serverless::LayerVersion"
# Read where they are set, and of no harm where they are not.
_MAY_BE_MISSING: Final = {
    "AWS_LAMBDA_FUNCTION_NAME": "the runtime sets it: this is how the code knows that it is on Lambda",
    "AWS_REGION": "the runtime sets it",
    "POWERTOOLS_METRICS_DISABLED": "elsewhere than on Lambda metrics are not written",
    "PROMETHEUS_MULTIPROC_DIR": "several processes of one machine share their numbers there",
}


def folders(stack: Stack) -> Iterator[str]:
    """Each folder of a handler has its function, in some case of the template."""
    run = {module(function) for function in declared(stack, FUNCTION)}
    for path in sorted((ROOT / "functions").glob("*/handler.py")):
        name = f"functions.{path.parent.name}.handler"
        if name not in run:
            yield f"{path.relative_to(ROOT)}: no function of the template runs it; declare one or take it out"


def build_targets(stack: Stack) -> Iterator[str]:
    """What `sam build` makes is declared, and what is declared it can make."""
    targets = targets_of(_makefile())
    wanted = {made.name for made in declared(stack, FUNCTION, _LAYER)}
    for name in sorted(wanted - targets):
        yield f"{name}: layers/Makefile has no target for it; `sam build` would stop there"
    for name in sorted(targets - wanted):
        yield f"layers/Makefile: builds {name}, which the template does not declare; take it out"


def descriptions(stack: Stack) -> Iterator[str]:
    """The layers keep botocore's description of each service that is called; without it a client cannot be made."""
    called = {call.service for function in stack.of(FUNCTION) for call in code.calls(module(function))}
    for service in sorted(called - services_kept(_makefile())):
        yield f"layers/Makefile: SERVICES lacks {service}, so the layers would not know how to call it"


def read_variables(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        for name in sorted(code.variables_read(module(function)) - variables(function).keys() - _MAY_BE_MISSING.keys()):
            yield f"{function.label}: its code reads {name}, which nothing sets; set it, or say why it may be missing"


RULES: Final = (folders, build_targets, descriptions, read_variables)


def targets_of(makefile: str) -> set[str]:
    """What it builds: layers by a rule of their own, functions by one for all."""
    layers = re.findall(r"^build-(\w+):", makefile, re.MULTILINE)
    return {*layers, *re.findall(r"call FUNCTION,(\w+),", makefile)}


def services_kept(makefile: str) -> set[str]:
    """The services whose description it leaves in the layers; all others are thrown away there."""
    kept = re.search(r"^SERVICES = (.+)$", makefile, re.MULTILINE)
    return set(kept[1].split()) if kept else set()


@cache
def _makefile() -> str:
    return (ROOT / "layers" / "Makefile").read_text()
