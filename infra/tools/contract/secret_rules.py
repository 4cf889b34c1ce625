"""Secrets: never in a template, each readable by the functions whose variables name it, and by no other."""

import re
from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import Node, table
from infra.local.intrinsics import names_in
from infra.tools.contract.grants import of_function
from infra.tools.contract.lambdas import FUNCTION, is_true, variables
from infra.tools.contract.render import Resource, section
from infra.tools.contract.stack import Stack
from shared.settings.knobs import by_variable

_READ: Final = "secretsmanager:GetSecretValue"
_ARN: Final = re.compile(r"arn:[\w-]+:secretsmanager:")
_WITH_PASSWORD: Final = re.compile(r"://[^/@:]*:[^@/]+@")
# RDS keeps the password of the owner in a secret of its own.
_MADE_BY_RDS: Final = "MasterUserSecret.SecretArn"


def kept_apart(stack: Stack) -> Iterator[str]:
    """A secret comes as the ARN of one, or through a parameter that is not shown."""
    parameters = section(stack.parent.document, "Parameters")
    for name, body in section(stack.parent.document, "Resources").items():
        if table(body, name).get("Type") == FUNCTION:
            given = variables(Resource(name, name, FUNCTION, table(table(body, name)["Properties"], name), {}))
            yield from _plain(name, given, parameters)
    usual = table(section(stack.parent.document, "Globals").get("Function") or {}, "Globals")
    yield from _plain("Globals", variables(Resource("Globals", "Globals", FUNCTION, usual, {})), parameters)


def _plain(label: str, given: dict[str, Node], parameters: dict[str, Node]) -> Iterator[str]:
    for name, node in given.items():
        if not _is_secret(name):
            continue
        for text in _texts(node):
            if "{{resolve:" in text:
                yield f"{label}: {name} would hold the secret itself for everybody who sees the function; give its ARN"
            elif _WITH_PASSWORD.search(text) or (text and "://" not in text and not _ARN.match(text)):
                yield f"{label}: {name} is a secret and stands in the template; give the ARN of one"
        for parameter, _ in names_in(node):
            if parameter in parameters and not is_true(table(parameters[parameter], parameter).get("NoEcho")):
                yield f"{label}: {name} comes from {parameter}, which is shown to everybody; set NoEcho: true"


def _texts(node: Node) -> Iterator[str]:
    """The texts that a value may become; not the names of conditions, nor separators, nor references."""
    match node:
        case str():
            yield node
        case {"Fn::If": [_, yes, no]}:
            yield from _texts(yes)
            yield from _texts(no)
        case {"Fn::Sub": [str(pattern), _]} | {"Fn::Sub": str(pattern)}:
            # A pattern that is nothing but references has no text of its own.
            text = re.sub(r"\$\{[^}]*\}", "", pattern)
            if "{{resolve:" in text or "://" in text:
                yield text
        case {"Fn::Join": [_, [*parts]]}:
            yield from (part for part in parts if isinstance(part, str) and "{{resolve:" in part)
        case _:
            return


def _is_secret(name: str) -> bool:
    knob = by_variable().get(name)
    return knob is not None and knob.is_secret


def readable(stack: Stack) -> Iterator[str]:
    """Both ways: what a variable names may be read, and of the stack's own secrets nothing else."""
    for function in stack.of(FUNCTION):
        given = [grant for grant in of_function(stack, function) if _READ in grant.actions]
        may = {
            secret for grant in given for target in grant.resources for secret in _secrets(stack, target, grant.near)
        }
        named = {
            (secret, name)
            for name, value in variables(function).items()
            if _is_secret(name)
            for secret in _secrets(stack, value, function)
        }
        for secret, name in sorted(named):
            if secret not in may:
                yield f"{function.label}: {name} names {secret}, which its role may not read; allow {_READ}"
        for secret in sorted(may - {secret for secret, _ in named}):
            if not _ARN.match(secret):
                yield f"{function.label}: its role may read {secret}, which none of its variables names; take it out"


def _secrets(stack: Stack, node: Node, near: Resource) -> Iterator[str]:
    """What a value names: a secret of this stack by its label, any other by its ARN."""
    if isinstance(node, str) and _ARN.match(node):
        yield node.partition("#")[0]
    for resource, attribute in stack.origins(node, near):
        if resource.type == "AWS::SecretsManager::Secret" or attribute == _MADE_BY_RDS:
            yield resource.label


RULES: Final = (kept_apart, readable)
