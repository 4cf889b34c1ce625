"""The `deploy` verb: from the tree to a running service, with its URL and its first key."""

import argparse
import sys
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from infra.bootstrap import ROOT
from infra.deploy import build, change_set, first_key, sam, samconfig, tick
from infra.deploy.account import Refused
from infra.deploy.follow import POLL_S, Watch, advice, first_failure
from infra.deploy.plan import PROFILES, SAMCONFIG, USUAL, Plan, Wanted, planned
from infra.deploy.smoke import PATIENCE_S, SmokeFailed, run
from infra.deploy.stack import Stack, describe

# Exit codes: the service is there and does not work, as against not there.
NOT_WORKING: Final = 3


def deploy(argv: list[str]) -> int:
    """Build everything, deploy it to the AWS account of this machine's credentials, and try it out."""
    arguments = _parser().parse_args(argv)
    try:
        plan = planned(_wanted(arguments))
        if not arguments.no_build:
            print("Building.", flush=True)
            if (code := build.build([])) != 0:
                return code
        stack = _deployed(plan, arguments)
        return 0 if stack is None else _finished(plan, stack, arguments)
    except (Refused, sam.CannotBuild) as error:
        print(error, file=sys.stderr)
    except (ClientError, BotoCoreError) as error:
        print(f"AWS answered: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped here. What CloudFormation has begun it ends by itself: look there.", file=sys.stderr)
        return 130
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra deploy",
        description=deploy.__doc__,
        epilog="Exit code 1: not deployed. 3: deployed, but tick or the smoke test failed. AWS credentials come from"
        " where the AWS CLI has them (AWS_PROFILE, AWS_ACCESS_KEY_ID ..., SSO).",
    )
    parser.add_argument("--profile", choices=PROFILES, help=f"size and cost (default: what is deployed, else {USUAL})")
    parser.add_argument(
        "--stack-name", help="default: the profile's own in samconfig.toml; so a stack can change its profile"
    )
    parser.add_argument("--region", help="default: the one of the AWS configuration")
    parser.add_argument("--parameter", action="append", default=[], metavar="K=V", help="a parameter of template.yaml")
    parser.add_argument("--bucket", help="where to upload to (default: the bucket that SAM makes for itself)")
    parser.add_argument("--yes", action="store_true", help="do not ask before anything is changed")
    parser.add_argument("--new-key", action="store_true", help="print an admin key also when the stack is not new")
    parser.add_argument("--no-build", action="store_true", help="deploy what was built before")
    parser.add_argument("--no-smoke", action="store_true", help="do not try it out afterwards")
    parser.add_argument("--built", type=Path, default=ROOT / ".aws-sam" / "build", help=argparse.SUPPRESS)
    parser.add_argument("--poll", type=float, default=POLL_S, help=argparse.SUPPRESS)
    return parser


def _wanted(arguments: argparse.Namespace) -> Wanted:
    return Wanted(
        arguments.profile,
        arguments.stack_name,
        arguments.region,
        tuple(arguments.parameter),
        arguments.bucket,
        arguments.built,
        is_built=arguments.no_build,
        may_ask=arguments.yes or sys.stdin.isatty(),
    )


def _deployed(plan: Plan, arguments: argparse.Namespace) -> Stack | None:
    """The stack after the deploy; None when it was called off. Raises `Refused` when it failed."""
    place = f"account {plan.account.number}, region {plan.account.region}"
    print(f"Stack {plan.target.stack} ({plan.profile}) in {place}, as {plan.account.arn}.", flush=True)
    if plan.before is not None and not plan.before.is_made and plan.before.status != "REVIEW_IN_PROGRESS":
        _clear_away(plan, plan.before, arguments)
    print("Uploading, and working out what changes.", flush=True)
    environment = samconfig.environment_of(SAMCONFIG, plan.profile)
    prepared = change_set.prepare(plan.account, plan.target, plan.values, environment=environment)
    if prepared is None:
        print("Nothing changes: the stack is up to date.")
        return _there(plan)
    found = list(change_set.changes(plan.account, prepared))
    print("\n".join(change_set.summary(found)))
    losses = [one.name for one in found if one.loses_data]
    if (losses and arguments.yes) or not _agreed(losses, is_asked=not arguments.yes):
        change_set.discard(plan.account, prepared, stack=plan.target.stack, is_new=plan.is_new)
        if not losses:
            print("Nothing was changed.")
            return None
        raise Refused(
            f"This would replace or remove {', '.join(losses)}, and what is stored there with it. Nothing was changed:"
            " only without --yes, and with an answer to the question, it is done."
        )
    stack = _there(plan)
    watch = Watch(plan.account, stack.arn, poll_s=arguments.poll)
    change_set.execute(plan.account, prepared)
    return _succeeded(plan, watch)


def _there(plan: Plan) -> Stack:
    stack = describe(plan.account, plan.target.stack)
    if stack is None:
        raise Refused(f"The stack {plan.target.stack} is not there any more.")
    return stack


def _agreed(losses: list[str], *, is_asked: bool) -> bool:
    """Whether to go on. What would lose data is never done without a word from a person."""
    if not is_asked:
        return True
    if losses:
        return (
            input(f"The data in {', '.join(losses)} will be lost. Type 'lose the data' to go on: ") == "lose the data"
        )
    return input("Deploy this? [y/N] ").strip().lower() in ("y", "yes")


def _clear_away(plan: Plan, before: Stack, arguments: argparse.Namespace) -> None:
    """What is left of a first deploy that failed cannot be deployed to; it was never in use."""
    print("Removing what is left of the first attempt, which failed.", flush=True)
    watch = Watch(plan.account, before.arn, poll_s=arguments.poll)
    plan.account.client("cloudformation").delete_stack(StackName=before.arn)
    if watch.until_rest().status != "DELETE_COMPLETE":
        raise Refused(f"It could not be removed: `python3 -m infra destroy --stack-name {before.name}` says more.")


def _succeeded(plan: Plan, watch: Watch) -> Stack:
    stack = watch.until_rest()
    if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return stack
    failed = first_failure(watch.seen)
    lines = [f"The deploy failed; CloudFormation undid it ({stack.status})."]
    if failed is not None:
        lines += [f"First to fail: {failed.path or 'the stack'} ({failed.kind})", f"  {failed.reason}"]
        lines += [advice(failed)]
    again = "then deploy again" + (": what is left is removed first." if plan.is_new else "; the old version runs on.")
    lines.append(f"Repair it, {again}")
    raise Refused("\n".join(line for line in lines if line))


def _finished(plan: Plan, stack: Stack, arguments: argparse.Namespace) -> int:
    """URL and key are printed first, because the service is there whatever the smoke test says."""
    url = stack.outputs.get("BaseUrl", "").rstrip("/")
    print(f"\nbase URL: {url}")
    secret = None
    if first_key.asks_for_keys(stack):
        try:
            secret = first_key.signing_secret(plan.account, stack, plan.values)
        except Refused as error:
            print(error, file=sys.stderr)
        else:
            if plan.is_new or arguments.new_key:
                print(f"admin key (shown this once, and kept nowhere): {first_key.lasting(secret)}")
    code = _visited(plan, stack)
    if arguments.no_smoke:
        return code
    if secret is None and first_key.asks_for_keys(stack):
        print(f"smoke test: left out for want of a key; `python3 -m infra smoke --url {url}` does it.")
        return code
    return _tried(url, None if secret is None else first_key.passing(secret)) or code


def _visited(plan: Plan, stack: Stack) -> int:
    """Have tick come by once. In `zero` the deploy may have put its schedule back to never, and only tick sets it."""
    try:
        answer = tick.ask(plan.account, stack.arn, {})
    except tick.MayNotAsk as error:
        print(f"tick: not asked to come by. {error} It comes by its schedule, in `zero` once a day.", file=sys.stderr)
        return 0
    except (Refused, ClientError, BotoCoreError) as error:
        print(f"The service is deployed, but tick, which does what is due, fails.\n{error}", file=sys.stderr)
        return NOT_WORKING
    due = answer.get("next_due_at")
    print(f"tick: came by, {answer.get('sent', 0)} wake-ups sent, next due {due or 'nothing'}", flush=True)
    return 0


def _tried(url: str, key: str | None) -> int:
    print("\nsmoke test", flush=True)
    try:
        run(url, key, patience_s=PATIENCE_S)
    except SmokeFailed as error:
        print(f"The service is deployed, but the smoke test failed.\n{error}", file=sys.stderr)
        return NOT_WORKING
    print("smoke test: passed")
    return 0
