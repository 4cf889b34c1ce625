"""What shall be deployed, and every check that can be made before anything is built or changed."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from botocore.exceptions import ClientError

from infra.bootstrap import ROOT
from infra.deploy import parameters, sam, samconfig, settings_file
from infra.deploy.account import Account, Refused, open_account
from infra.deploy.change_set import Target
from infra.deploy.footprint import footprint
from infra.deploy.parameters import Parameter
from infra.deploy.stack import Stack, describe

PROFILES: Final = ("zero", "warm", "steady")
USUAL: Final = "warm"
TEMPLATE: Final = ROOT / "template.yaml"
SAMCONFIG: Final = ROOT / "samconfig.toml"
# What AWS leaves unreserved in any case: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_UNRESERVED: Final = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    profile: str | None
    stack: str | None
    region: str | None
    parameters: tuple[str, ...]
    bucket: str | None
    built: Path
    is_built: bool
    may_ask: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall be deployed, after everything that can be known beforehand was looked at."""

    account: Account
    profile: str
    target: Target
    before: Stack | None
    values: dict[str, str]

    @property
    def is_new(self) -> bool:
        return self.before is None or not self.before.is_made


def planned(wanted: Wanted) -> Plan:
    """All checks; nothing is built or changed before they hold. Raises `Refused` with everything that is wrong."""
    known, asked = parameters.declared(TEMPLATE), parameters.given(wanted.parameters)
    problems = settings_file.objections(ROOT)
    account = open_account(wanted.region)
    name = wanted.stack or samconfig.stack_name(SAMCONFIG, wanted.profile or USUAL)
    before = describe(account, name)
    is_made = before is not None and before.is_made
    had = before.parameters if before is not None and is_made else None
    profile = wanted.profile or (had or {}).get("Profile") or USUAL
    values = {**samconfig.overrides(SAMCONFIG, profile), **asked}
    if "Profile" in known.parameters:
        values["Profile"] = profile
    problems += parameters.objections(known, values, before=had)
    problems += _unready(before, wanted)
    if not problems and had is None:
        problems += _too_few_executions(account, values)
    if problems:
        raise Refused("\n".join([*problems, "Nothing was built or changed."]))
    sam.check()
    _warn(known.parameters, values, had)
    return Plan(account, profile, Target(name, wanted.built, wanted.bucket), before, values)


def _unready(before: Stack | None, wanted: Wanted) -> list[str]:
    found: list[str] = []
    if before is not None and not before.is_ours:
        found.append(f"The stack {before.name} is something else ({before.description}): choose another --stack-name.")
    if before is not None and before.is_moving:
        found.append(f"The stack {before.name} is busy ({before.status}): wait until it is done.")
    if before is not None and before.status in ("UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "ROLLBACK_FAILED"):
        found.append(
            f"The stack {before.name} is stuck ({before.status}): `aws cloudformation continue-update-rollback"
            f" --stack-name {before.name}`, or `python3 -m infra destroy --stack-name {before.name}`."
        )
    if wanted.is_built and not (wanted.built / "template.yaml").is_file():
        found.append("Nothing was built yet: leave --no-build away.")
    if not wanted.is_built:
        # Says itself what is missing.
        sam.python()
    if not wanted.may_ask:
        found.append("There is nobody to ask here: give --yes to deploy without a question.")
    return found


def _too_few_executions(account: Account, values: Mapping[str, str]) -> list[str]:
    """A quota that new accounts have is too small for what the functions reserve, which CloudFormation finds late."""
    wanted = sum(one.reserved for one in footprint(TEMPLATE, values).functions)
    try:
        limit = account.client("lambda").get_account_settings()["AccountLimit"]
    except ClientError:
        # Whoever may deploy need not be allowed to look at quotas.
        return []
    free = int(limit["UnreservedConcurrentExecutions"])
    if not wanted or free - wanted >= _UNRESERVED:
        return []
    return [
        f"The functions reserve {wanted} concurrent executions and AWS keeps {_UNRESERVED} for others, but this account"
        f" has {free} left in {account.region}: give --parameter Reserve=false, or raise the quota (Service Quotas, AWS"
        " Lambda, Concurrent executions)."
    ]


def _warn(known: Mapping[str, Parameter], values: Mapping[str, str], had: Mapping[str, str] | None) -> None:
    keys = [name for name in parameters.MODEL_KEYS if name in known]
    if had is not None or any(values.get(name) for name in keys) or (ROOT / settings_file.NAME).is_file():
        return
    offline = known.get("OfflineModel")
    works = offline is not None and values.get("OfflineModel", offline.default) == "true"
    print(
        "warning: no model is configured, so that "
        + ("the offline one works, which is modest" if works else "nothing can be derived or answered yet")
        + f": give {' or '.join(f'--parameter {name}=<ARN of a secret>' for name in keys)}, or write a config.toml"
        " with [llm]. Deploying all the same.",
        file=sys.stderr,
    )
