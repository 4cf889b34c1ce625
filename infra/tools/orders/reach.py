"""Where an order goes: the stack on this machine, or one on AWS. The same function carries it out in both."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import account, samconfig, tick
from infra.deploy.account import Account
from infra.deploy.plan import PROFILES, SAMCONFIG, USUAL
from infra.deploy.stack import Stack, describe
from infra.local import state
from shared.domain.errors import ServiceError
from shared.domain.order import Order

Send = Callable[[Order], dict[str, Any]]
_PATIENCE_S: Final = 60.0


def add_place(parser: argparse.ArgumentParser, *, is_below: bool = False) -> None:
    """Let a verb be told which service is meant; `is_below`: after its second word, where it was not told before."""

    def usually(value: object) -> object:
        return argparse.SUPPRESS if is_below else value

    here = parser.add_argument_group("the stack on this machine (default)")
    here.add_argument("--data", type=Path, default=usually(state.USUAL), help="data folder (default .dev)")
    there = parser.add_argument_group("a stack on AWS, with the credentials of this machine")
    there.add_argument(
        "--profile", choices=PROFILES, default=usually(None), help="the stack that samconfig.toml names for it"
    )
    there.add_argument("--stack-name", default=usually(None), help="the stack of this name")
    there.add_argument("--region", default=usually(None), help="default: the one of the AWS configuration")


def is_remote(arguments: argparse.Namespace) -> bool:
    return any((arguments.profile, arguments.stack_name, arguments.region))


def told(arguments: argparse.Namespace, run: Callable[[Send], int]) -> int:
    """The exit code of `run`, with the way to the service that is meant; what fails is told in a sentence."""
    return explained(lambda: run(_there(arguments) if is_remote(arguments) else _here(arguments.data)))


def explained(run: Callable[[], int]) -> int:
    """The exit code of `run`; what fails on the way is told in a sentence."""
    try:
        return run()
    except (state.Refused, account.Refused, ServiceError) as refused:
        print(refused, file=sys.stderr)
    except urllib.error.URLError as error:
        print(f"The stack does not answer: {error.reason}.", file=sys.stderr)
    except (ClientError, BotoCoreError) as error:
        print(f"AWS answered: {error}", file=sys.stderr)
    return 1


def deployed(arguments: argparse.Namespace) -> tuple[Account, Stack]:
    """The stack on AWS that is meant, with the account it is in. Raises `Refused` when there is none."""
    found = account.open_account(arguments.region)
    name = arguments.stack_name or samconfig.stack_name(SAMCONFIG, arguments.profile or USUAL)
    stack = describe(found, name)
    if stack is None or not stack.is_made:
        raise account.Refused(f"There is no stack {name} in account {found.number}, region {found.region}.")
    if not stack.is_ours:
        raise account.Refused(f"The stack {name} is something else ({stack.description}).")
    return found, stack


def _here(data: Path) -> Send:
    stack = state.running(data.absolute())
    if stack is None:
        up = state.command("up", data.absolute())
        raise state.Refused(
            f"No stack is running: start one with `{up}`, or name one on AWS (--profile, --stack-name)."
        )
    url = f"{stack.base_url}/_local/invoke/{tick.NAME}"

    def send(order: Order) -> dict[str, Any]:
        asked = urllib.request.Request(url, data=json.dumps(order.event()).encode())
        with urllib.request.urlopen(asked, timeout=_PATIENCE_S) as answer:
            payload = json.loads(answer.read())
            if answer.headers.get("x-amz-function-error"):
                logs = state.command(f"logs {tick.NAME}", data.absolute())
                doctor, down = (state.command(verb, data.absolute()) for verb in ("doctor", "down"))
                look = f"`{doctor}` looks at it; `{down}` and `up` start it anew."
                raise state.Refused(tick.failure(payload, f"`{logs}`", away=look))
        return _answered(payload, order, f"`{state.command('down', data.absolute())}` and `up`")

    return send


def _there(arguments: argparse.Namespace) -> Send:
    found, stack = deployed(arguments)
    return lambda order: _answered(tick.ask(found, stack.arn, order.event()), order, "`python3 -m infra deploy`")


def _answered(payload: dict[str, Any], order: Order, renewal: str) -> dict[str, Any]:
    if payload.get("order") != order.kind:
        raise state.Refused(f"The service is of a release that takes no such order: {renewal} renew it.")
    return payload
