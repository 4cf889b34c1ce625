"""What a deploy would change: uploaded and worked out by `sam deploy`, looked at here, and carried out."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from infra.bootstrap import ROOT
from infra.deploy import sam
from infra.deploy.account import Account, Refused

# Where the data is: replacing one of these means to begin with an empty database.
_HOLD_DATA: Final = frozenset({"AWS::RDS::DBCluster", "AWS::SecretsManager::Secret"})
_NOTHING: Final = "no_changes"
_NO_RESULT: Final[dict[str, Any]] = {}
_LAST_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that would be added, modified or removed; a replacement is a new one in place of the old."""

    action: str
    name: str
    kind: str
    is_replacement: bool

    @property
    def loses_data(self) -> bool:
        return self.kind in _HOLD_DATA and (self.is_replacement or self.action == "Remove")


@dataclass(frozen=True, slots=True)
class Target:
    """Which stack, made from which folder of built parts, with which bucket in between (None: SAM's own)."""

    stack: str
    built: Path
    bucket: str | None


def prepare(account: Account, target: Target, values: Mapping[str, str], *, environment: str) -> str | None:
    """Upload everything and work out a change set: its ARN; None when there is nothing to change.

    Raises `Refused` with what SAM or CloudFormation said.
    """
    with tempfile.TemporaryDirectory() as place:
        # In a file that only its owner can read: a command line can be read by everybody on the machine.
        file = Path(place) / "parameters.yaml"
        # JSON is YAML, and SAM takes that by its name only.
        file.touch(mode=0o600)
        file.write_text(json.dumps(values))
        done = sam.ask([*_arguments(account, target, environment), "--parameter-overrides", f"file://{file}"])
    result = next((one for one in reversed(_lines(done.stdout)) if one.get("type") == "result"), _NO_RESULT)
    if done.returncode == 0 and result.get("status") == _NOTHING:
        return None
    if done.returncode != 0 or "changeset_id" not in result:
        where = f" Uploads go to the bucket {target.bucket}." if target.bucket else ""
        raise Refused(
            f"`sam deploy` ended with code {done.returncode}: {_reason(result, done.stderr)}{where}"
            " Nothing was changed."
        )
    return str(result["changeset_id"])


def _arguments(account: Account, target: Target, environment: str) -> list[str]:
    # Tags, and what else samconfig.toml may say, come from its environment; what is said here wins.
    return [
        *("deploy", "--config-file", str(ROOT / "samconfig.toml"), "--config-env", environment),
        *("--template-file", str(target.built / "template.yaml"), "--stack-name", target.stack),
        *("--region", account.region, "--s3-prefix", target.stack),
        *(("--s3-bucket", target.bucket, "--no-resolve-s3") if target.bucket else ("--resolve-s3",)),
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--no-execute-changeset", "--no-confirm-changeset", "--no-fail-on-empty-changeset"),
        *("--no-progressbar", "--output", "json"),
    ]


def changes(account: Account, change_set: str) -> Iterator[Change]:
    """What it would do, resource by resource; nested stacks count as one."""
    for page in account.pages("cloudformation", "describe_change_set", ChangeSetName=change_set):
        for change in page.get("Changes", []):
            one = change["ResourceChange"]
            replaced = one.get("Replacement") in ("True", "Conditional")
            yield Change(
                str(one["Action"]),
                str(one["LogicalResourceId"]),
                str(one["ResourceType"]),
                one["Action"] == "Modify" and replaced,
            )


def summary(found: Sequence[Change]) -> list[str]:
    """A few lines for a person: how many of each, and by name what would be removed or replaced."""
    counts = {action: sum(one.action == action for one in found) for action in ("Add", "Modify", "Remove")}
    lines = [f"{counts['Add']} resources to add, {counts['Modify']} to modify, {counts['Remove']} to remove"]
    lines += [f"  replaced: {one.name} ({one.kind})" for one in found if one.is_replacement]
    lines += [f"  removed: {one.name} ({one.kind})" for one in found if one.action == "Remove"]
    return lines


def execute(account: Account, change_set: str) -> None:
    """Begin to carry it out."""
    account.client("cloudformation").execute_change_set(ChangeSetName=change_set)


def discard(account: Account, change_set: str, *, stack: str, is_new: bool) -> None:
    """Forget it, and the empty stack that was made to hold it."""
    client = account.client("cloudformation")
    client.delete_change_set(ChangeSetName=change_set)
    if is_new:
        client.delete_stack(StackName=stack)


def _lines(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            one = cast(object, json.loads(line))
        except ValueError:
            continue
        if isinstance(one, dict):
            found.append(cast(dict[str, Any], one))
    return found


def _reason(result: Mapping[str, Any], stderr: str) -> str:
    """What SAM says was wrong; the end of everything it said, where it does not say."""
    error = cast(object, result.get("error"))
    if isinstance(error, dict) and "message" in error:
        return str(cast(dict[str, object], error)["message"])
    return "\n".join([line for line in stderr.splitlines() if line.strip()][-_LAST_LINES:])
