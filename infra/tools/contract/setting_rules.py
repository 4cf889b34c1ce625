"""The variables of each function, taken together, are settings that a start accepts."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from infra.local.cloudformation import Node
from infra.tools.contract.lambdas import FUNCTION, variables
from infra.tools.contract.stack import Stack
from shared.settings.knobs import by_variable
from shared.settings.secret import is_arn
from shared.settings.sources import resolve

# No `.env` and no `config.toml` of this machine may have a say.
_NOWHERE: Final = Path("/nonexistent")
_ADDRESS: Final = "postgresql+psycopg://role:word@db.example.com:5432/honcho"
# Long enough for whatever asks for a length.
_SECRET: Final = "a-secret-that-only-a-deploy-knows-0123456789"
_URL: Final = "https://sqs.us-east-1.amazonaws.com/000000000000/queue.fifo"


def accepted(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        given = {name: _guessed(name, value) for name, value in variables(function).items() if name in by_variable()}
        for problem in _problems(frozenset(given.items())):
            yield f"{function.label}: its settings would be refused at every start: {problem}"


def _guessed(name: str, value: Node) -> str:
    """The value, or one of its kind where only a deploy knows it."""
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else None
    if text is None and isinstance(value, int | float):
        text = str(value)
    if text is not None and not (by_variable()[name].is_secret and is_arn(text)):
        return text
    pattern = value.get("Fn::Sub") if isinstance(value, dict) else None
    if isinstance(pattern, str) and "://" in pattern:
        return re.sub(r"\$\{[^}]*\}", "db.example.com", pattern)
    if name.endswith("_CONNECTION_URI"):
        return _ADDRESS
    return _SECRET if by_variable()[name].is_secret else _URL


@cache
def _problems(given: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    return resolve(env=dict(given), folder=_NOWHERE).problems


RULES: Final = (accepted,)
