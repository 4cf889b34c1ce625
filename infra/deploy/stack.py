"""A stack of CloudFormation as it stands: status, parameters, outputs, resources, events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botocore.exceptions import ClientError

from infra.deploy.account import Account, Fields, code_of

NESTED: Final = "AWS::CloudFormation::Stack"
# How the description of template.yaml begins, which a stack keeps.
NAME: Final = "Honcho Serverless"


@dataclass(frozen=True, slots=True)
class Stack:
    """What CloudFormation says of a stack at this moment."""

    name: str
    arn: str
    status: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    is_protected: bool
    description: str

    @property
    def is_ours(self) -> bool:
        """Whether it was made from this template; one that is only asked for was made from nothing yet."""
        return self.status == "REVIEW_IN_PROGRESS" or self.description.startswith(NAME)

    @property
    def is_moving(self) -> bool:
        """Whether an operation is under way, so that none may begin."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def is_made(self) -> bool:
        """Whether it was ever made: not only asked for, and not undone after its first attempt."""
        return self.status not in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; `path` leads to it from the stack, `Data/Cluster`."""

    path: str
    kind: str
    physical: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a resource. `path` as in `Resource`."""

    key: str
    at: datetime
    path: str
    kind: str
    physical: str
    status: str
    reason: str

    @property
    def is_of_stack(self) -> bool:
        """Whether it speaks of a whole stack and not of one of its parts."""
        return self.kind == NESTED


def describe(account: Account, name: str) -> Stack | None:
    """The stack of a name or an ARN; None when there is none."""
    try:
        found = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if code_of(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return Stack(
        str(found["StackName"]),
        str(found["StackId"]),
        str(found["StackStatus"]),
        {str(one["ParameterKey"]): str(one["ParameterValue"]) for one in found.get("Parameters", [])},
        {str(one["OutputKey"]): str(one["OutputValue"]) for one in found.get("Outputs", [])},
        bool(found.get("EnableTerminationProtection")),
        str(found.get("Description", "")),
    )


def resources(account: Account, name: str, above: str = "") -> Iterator[Resource]:
    """Every resource of a stack, those of its nested stacks after each of these."""
    for page in account.pages("cloudformation", "list_stack_resources", StackName=name):
        for one in page["StackResourceSummaries"]:
            if one["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            found = Resource(
                f"{above}{one['LogicalResourceId']}", str(one["ResourceType"]), str(one.get("PhysicalResourceId", ""))
            )
            yield found
            if found.kind == NESTED and found.physical:
                yield from resources(account, found.physical, f"{found.path}/")


def events(account: Account, arn: str, above: str = "") -> Iterator[Event]:
    """Every event of one stack, without those of nested ones, newest first."""
    for page in account.pages("cloudformation", "describe_stack_events", StackName=arn):
        for one in page["StackEvents"]:
            yield _event(one, arn, above)


def _event(one: Fields, arn: str, above: str) -> Event:
    is_itself = one.get("PhysicalResourceId") == arn
    path = above.rstrip("/") if is_itself else f"{above}{one['LogicalResourceId']}"
    return Event(
        str(one["EventId"]),
        one["Timestamp"],
        path,
        str(one["ResourceType"]),
        str(one.get("PhysicalResourceId") or ""),
        str(one["ResourceStatus"]),
        str(one.get("ResourceStatusReason") or ""),
    )
