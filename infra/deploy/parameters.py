"""The template's parameters: which there are, and whether what was given can be deployed."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.deploy.account import Refused
from infra.local import cloudformation as cfn
from infra.local.choices import Choices

MODEL_KEYS: Final = ("OpenAiKey", "AnthropicKey", "GeminiKey")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the template. `form` says in words what `pattern` demands."""

    name: str
    default: str | None
    allowed: tuple[str, ...]
    pattern: str | None
    form: str
    least: float | None
    most: float | None

    def objection(self, value: str) -> str | None:
        """The end of a sentence about a value that CloudFormation would refuse. Never the value: it may be secret."""
        if self.allowed and value not in self.allowed:
            return f"must be one of {', '.join(self.allowed)}"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"is not of the right form: {self.form}"
        return None if self.least is None and self.most is None else self._out_of_range(value)

    def _out_of_range(self, value: str) -> str | None:
        try:
            number = float(value)
        except ValueError:
            return "must be a number"
        if self.least is not None and number < self.least:
            return f"must be at least {self.least:g}"
        return f"must be at most {self.most:g}" if self.most is not None and number > self.most else None


@dataclass(frozen=True, slots=True)
class Declared:
    """The parameters of a template, and the rules between them."""

    document: dict[str, cfn.Node]
    parameters: dict[str, Parameter]


def declared(template: Path) -> Declared:
    """What a template asks for."""
    document = cfn.read(template)
    tables = cfn.table(document.get("Parameters") or {}, "Parameters")
    return Declared(document, {name: _read(name, cfn.table(node, name)) for name, node in tables.items()})


def _read(name: str, node: dict[str, cfn.Node]) -> Parameter:
    default, allowed, pattern = node.get("Default"), node.get("AllowedValues"), node.get("AllowedPattern")
    is_number = node.get("Type") == "Number"
    return Parameter(
        name,
        None if default is None else cfn.attribute(default),
        tuple(cfn.attribute(value) for value in allowed) if isinstance(allowed, list) else (),
        pattern if isinstance(pattern, str) else None,
        str(node.get("ConstraintDescription") or pattern),
        _number(node.get("MinValue"), float("-inf") if is_number else None),
        _number(node.get("MaxValue"), float("inf") if is_number else None),
    )


def _number(node: cfn.Node, otherwise: float | None) -> float | None:
    return float(node) if isinstance(node, int | float | str) else otherwise


def given(pairs: Sequence[str]) -> dict[str, str]:
    """`K=V` from the command line. Raises `Refused` for anything else, without repeating what may be a secret."""
    found: dict[str, str] = {}
    for number, pair in enumerate(pairs, 1):
        name, is_pair, value = pair.partition("=")
        if not is_pair or not re.fullmatch(r"[A-Za-z0-9]+", name):
            raise Refused(f"--parameter number {number} is not of the form Name=value.")
        found[name] = value
    return found


def objections(known: Declared, values: Mapping[str, str], *, before: Mapping[str, str] | None) -> list[str]:
    """What is wrong with `values`, a sentence each. `before` is what the stack has; None where it is new."""
    parameters = known.parameters
    if unknown := [_unknown(name, parameters) for name in values if name not in parameters]:
        return unknown
    wrong = [
        f"The parameter {name} {told}."
        for name, value in values.items()
        if (told := parameters[name].objection(value)) is not None
    ]
    in_force = {**dict(before or {}), **values}
    missing = [
        f"The parameter {name} has no default: give --parameter {name}=..."
        for name, one in parameters.items()
        if one.default is None and name not in in_force
    ]
    return wrong or missing or list(_broken_rules(known, in_force))


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(name.lower(), [one.lower() for one in known], n=1)
    meant = next((one for one in known if near and one.lower() == near[0]), None)
    hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}."
    return f"The template has no parameter {name}: {hint}"


def _broken_rules(known: Declared, in_force: Mapping[str, str]) -> Iterator[str]:
    """What CloudFormation would refuse by the template's own rules, after everything was built and uploaded."""
    own = {name: value for name, value in in_force.items() if name in known.parameters}
    choices = Choices(known.document, own)
    for name, node in cfn.table(known.document.get("Rules") or {}, "Rules").items():
        rule = cfn.table(node, name)
        if "RuleCondition" in rule and not choices.decides(rule["RuleCondition"]):
            continue
        for assertion in cfn.items([rule], "Assertions"):
            one = cfn.table(assertion, name)
            if not choices.decides(one["Assert"]):
                yield f"{one.get('AssertDescription', name)}."
