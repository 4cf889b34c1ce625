"""Asking the scheduled function of a deployed stack for a visit, or for what an operator orders."""

import json
from typing import Any, Final, cast

from botocore.config import Config
from botocore.exceptions import ClientError

from infra.deploy.account import Account, Refused, code_of
from infra.deploy.stack import resources

NAME: Final = "TickFunction"
# Longer than the function may take, so that its own answer arrives; one at a time runs, and others are put off.
_PATIENCE_S: Final = 70
_ATTEMPTS: Final = 6
_DENIED: Final = ("AccessDeniedException", "AccessDenied")


class MayNotAsk(Refused):
    """Whoever deploys need not be somebody who may invoke functions."""


def ask(account: Account, stack: str, event: object) -> dict[str, Any]:
    """What the function answers. Raises `MayNotAsk`, and `Refused` when it is not there or fails."""
    function = next((one.physical for one in resources(account, stack) if one.path == NAME), None)
    if function is None:
        raise Refused(f"The stack {stack} has no {NAME}: deploy it first.")
    patience = Config(
        connect_timeout=10, read_timeout=_PATIENCE_S, retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"}
    )
    client = account.session.client("lambda", config=patience)
    try:
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    except ClientError as error:
        if code_of(error) in _DENIED:
            raise MayNotAsk(f"{account.arn} may not invoke {function}: it needs lambda:InvokeFunction.") from error
        raise
    payload = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        asleep = "One that sleeps wakes up within half a minute: try again then."
        raise Refused(failure(payload, f"the log of {NAME} in CloudWatch", away=asleep))
    return cast(dict[str, Any], payload or {})


def failure(payload: object, log: str, *, away: str) -> str:
    """What to tell of a function that failed: its kind of error and where to look, since texts may hold anything.

    `away`: what helps against a database that does not answer.
    """
    kind = str(cast(dict[str, object], payload).get("errorType", "")) if isinstance(payload, dict) else ""
    if kind == "DatabaseUnavailable":
        return f"The database does not answer. {away}"
    return f"The visit failed ({kind or 'no answer'}): see {log}."
