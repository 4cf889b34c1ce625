"""The `destroy` verb: a stack and everything of it, gone; its data too, unless it is to be kept."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import leftovers, samconfig
from infra.deploy.account import Account, Refused, code_of, open_account
from infra.deploy.follow import POLL_S, Watch, advice, first_failure
from infra.deploy.plan import PROFILES, SAMCONFIG, USUAL
from infra.deploy.stack import Resource, Stack, describe, resources

_PATIENCE_S: Final = 3600.0


def destroy(argv: list[str]) -> int:
    """Delete a deployed stack with all its data, and look that nothing of it is left."""
    arguments = _parser().parse_args(argv)
    try:
        account = open_account(arguments.region)
        name = arguments.stack_name or samconfig.stack_name(SAMCONFIG, arguments.profile or USUAL)
        stack = describe(account, name)
        if stack is None:
            print(f"There is no stack {name} in account {account.number}, region {account.region}.")
            return 0
        if not stack.is_ours:
            raise Refused(f"The stack {name} is something else ({stack.description}): nothing was changed.")
        if stack.is_moving:
            raise Refused(f"The stack {name} is busy ({stack.status}): wait until it is done.")
        had = _everything(account, stack)
        _tell(account, stack, had, keeps_data=arguments.keep_data)
        if not _agreed(name, is_asked=not arguments.yes):
            print("Nothing was changed.")
            return 1
        return _destroyed(account, stack, had, arguments)
    except Refused as error:
        print(error, file=sys.stderr)
    except (ClientError, BotoCoreError) as error:
        print(f"AWS answered: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra destroy", description=destroy.__doc__)
    parser.add_argument("--profile", choices=PROFILES, help="the stack that samconfig.toml names for it")
    parser.add_argument("--stack-name", help="default: the one of samconfig.toml")
    parser.add_argument("--region", help="default: the one of the AWS configuration")
    parser.add_argument("--keep-data", action="store_true", help="leave a last snapshot of the database")
    parser.add_argument("--bucket", help="where deploys uploaded to (default: the bucket that SAM made for itself)")
    parser.add_argument("--yes", action="store_true", help="do not ask for the stack's name")
    parser.add_argument("--poll", type=float, default=POLL_S, help=argparse.SUPPRESS)
    return parser


def _everything(account: Account, stack: Stack) -> list[Resource]:
    """The resources of the stack; after a deletion that stopped half-way also what that one took, to look after it."""
    found = {one.path: one for one in resources(account, stack.arn)}
    if stack.status == "DELETE_FAILED":
        for event in Watch(account, stack.arn).before:
            if event.physical and event.status == "DELETE_COMPLETE":
                found.setdefault(event.path, Resource(event.path, event.kind, event.physical))
    return list(found.values())


def _tell(account: Account, stack: Stack, had: Sequence[Resource], *, keeps_data: bool) -> None:
    print(f"Stack {stack.name} in account {account.number}, region {account.region}: {len(had)} resources will go.")
    for kind, number in sorted(Counter(one.kind for one in had).items()):
        print(f"  {number:>3}  {kind}")
    for cluster in leftovers.clusters(had):
        fate = "of which a last snapshot is made" if keeps_data else "and no copy of it stays (--keep-data leaves one)"
        print(f"The database {cluster} goes with everything that was remembered, {fate}.")


def _agreed(name: str, *, is_asked: bool) -> bool:
    if not is_asked:
        return True
    if not sys.stdin.isatty():
        raise Refused("There is nobody to ask here: give --yes to destroy it without a question.")
    return input(f"Type the name of the stack ({name}) to destroy it: ").strip() == name


def _destroyed(account: Account, stack: Stack, had: Sequence[Resource], arguments: argparse.Namespace) -> int:
    if arguments.keep_data:
        _make_last_snapshot(account, stack, had, arguments.poll)
    snapshots = leftovers.snapshots_of(account, had)
    _unprotect(account, stack, had)
    watch = Watch(account, stack.arn, poll_s=arguments.poll)
    account.client("cloudformation").delete_stack(StackName=stack.arn)
    rests = watch.until_rest()
    if rests.status != "DELETE_COMPLETE":
        failed = first_failure(watch.seen)
        lines = [f"The stack could not be deleted ({rests.status})."]
        if failed is not None:
            hint = advice(failed)
            lines += [f"First to fail: {failed.path} ({failed.kind})", f"  {failed.reason}", *([hint] if hint else [])]
        lines.append("Often something is still in use, such as a network interface of Lambda, for up to 40 minutes:")
        raise Refused("\n".join([*lines, "run the same command again then; it goes on where it stopped."]))
    # Deploys of before, too, have left old versions of layers, and so has a deletion that stopped half-way.
    happened = [*watch.before, *watch.seen]
    left = leftovers.clear(account, stack.name, had, happened, bucket=arguments.bucket, snapshots=snapshots)
    return _report(left)


def _make_last_snapshot(account: Account, stack: Stack, had: Sequence[Resource], poll_s: float) -> None:
    """Make one, and wait until it can be restored from. Nothing is deleted before."""
    found = leftovers.clusters(had)
    if not found:
        print("There is no database in this stack: what is kept elsewhere stays there.")
        return
    name, client = f"{stack.name}-final-{datetime.now(UTC):%Y%m%d-%H%M%S}", account.client("rds")
    print(f"Making the snapshot {name} of {found[0]}; this takes some minutes.", flush=True)
    client.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=found[0])
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        answered = client.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
        status = str(answered["DBClusterSnapshots"][0]["Status"])
        if status == "available":
            return
        if status == "failed" or time.monotonic() > deadline:
            raise Refused(f"The snapshot {name} was not made ({status}). Nothing was deleted.")
        time.sleep(poll_s)


def _unprotect(account: Account, stack: Stack, had: Sequence[Resource]) -> None:
    """Take away what would refuse the deletion: the question has been answered."""
    if stack.is_protected:
        account.client("cloudformation").update_termination_protection(
            StackName=stack.arn, EnableTerminationProtection=False
        )
        print("Termination protection of the stack is off now.")
    client = account.client("rds")
    for cluster in leftovers.clusters(had):
        try:
            (found,) = client.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
        except ClientError as error:
            # A second try after the first one got that far.
            if code_of(error) == "DBClusterNotFoundFault":
                continue
            raise
        if found.get("DeletionProtection"):
            client.modify_db_cluster(DBClusterIdentifier=cluster, DeletionProtection=False, ApplyImmediately=True)
            print(f"Deletion protection of the database {cluster} is off now.")


def _report(left: leftovers.Remains) -> int:
    print("\nThe stack is deleted.")
    for heading, found in (
        ("Cleared away after it", left.cleared),
        ("Stays on purpose", left.kept),
        ("Still there", left.unwanted),
    ):
        if found:
            print("\n".join([f"{heading}:", *(f"  {one}" for one in found)]))
    if not left.kept and not left.unwanted:
        print("Nothing is left of it.")
    return 1 if left.unwanted else 0
