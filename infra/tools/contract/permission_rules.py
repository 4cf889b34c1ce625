"""Least privilege: actions that exist, no wildcards but those AWS forces, and each function at what is its own."""

from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import Node, table
from infra.tools.contract import grants
from infra.tools.contract.actions import exists
from infra.tools.contract.grants import ENI, Grant, of_function, role_of, statements, words
from infra.tools.contract.lambdas import FUNCTION, mappings, several
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

# Actions that AWS does not let be limited to a resource.
_EVERYWHERE: Final = {
    "xray:PutTraceSegments": "traces belong to the account",
    "xray:PutTelemetryRecords": "traces belong to the account",
    "ec2:CreateNetworkInterface": "a function in a VPC makes its interfaces itself, before any of them has a name",
    "ec2:DescribeNetworkInterfaces": "lists cannot be limited",
    "ec2:DescribeSubnets": "lists cannot be limited",
    "ec2:DeleteNetworkInterface": "of the interfaces that Lambda made",
    "ec2:AssignPrivateIpAddresses": "of the interfaces that Lambda made",
    "ec2:UnassignPrivateIpAddresses": "of the interfaces that Lambda made",
    "cloudwatch:PutMetricData": "metrics belong to the account; a condition may name the namespace",
}
# Resource policies: there `*` is the resource that they hang on.
_HANG_ON: Final = ("AWS::KMS::Key", "AWS::SecretsManager::ResourcePolicy", "AWS::EC2::VPCEndpoint")
_TAKES: Final = frozenset(("sqs:ReceiveMessage", "sqs:DeleteMessage"))


def actions(stack: Stack) -> Iterator[str]:
    for resource in stack.resources():
        for statement in statements(resource):
            for action in words(statement.get("Action")):
                if not exists(action):
                    yield f"{resource.label}: IAM has no action {action}"
            if "NotAction" in statement or "NotResource" in statement:
                yield f"{resource.label}: NotAction and NotResource allow whatever comes to be; name what is meant"


def wildcards(stack: Stack) -> Iterator[str]:
    for resource in stack.resources():
        for statement in statements(resource):
            if statement.get("Effect") == "Allow" and resource.type not in _HANG_ON:
                yield from _too_wide(resource, statement)


def _too_wide(resource: Resource, statement: dict[str, Node]) -> Iterator[str]:
    named = words(statement.get("Action"))
    for action in named:
        if "*" in action:
            yield f"{resource.label}: the wildcard action {action} allows more than is meant; list the actions"
    for target in several(statement.get("Resource")):
        if target == "":
            yield f"{resource.label}: a statement names an empty resource; leave it out with a condition"
        if _is_anything(target) and (free := [action for action in named if action not in _EVERYWHERE]):
            yield f"{resource.label}: {', '.join(free)} may be limited, but are allowed on {_shown(target)}"
    if _is_everybody(statement.get("Principal")) and not statement.get("Condition"):
        yield f"{resource.label}: trusts everybody; name the principal"


def _is_anything(target: Node) -> bool:
    text = target.get("Fn::Sub") if isinstance(target, dict) else target
    # The part of an ARN after the account: `arn:aws:service:region:account:what`.
    parts = str(text).split(":", 5)
    return isinstance(text, str) and (text == "*" or (len(parts) == 6 and parts[5].split(":")[-1].startswith("*")))


def _is_everybody(principal: Node) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in several(principal.get("AWS")))


def _shown(target: Node) -> str:
    return str(target.get("Fn::Sub")) if isinstance(target, dict) else str(target)


def visible(stack: Stack) -> Iterator[str]:
    for holder in grants.holders(stack):
        for name in grants.unread(stack, holder):
            yield f"{holder.label}: nothing here tells what policy {name} allows; write its statements out"


def own_queues(stack: Stack) -> Iterator[str]:
    fed = {(function.label, queue.label) for function, _, queue in mappings(stack)}
    for function in stack.of(FUNCTION):
        for grant in of_function(stack, function):
            if not _TAKES.intersection(grant.actions):
                continue
            for target in grant.resources:
                queue = stack.behind(target, grant.near)
                if queue is None or (function.label, queue.label) not in fed:
                    name = _shown(target) if queue is None else queue.label
                    yield f"{function.label}: may take messages from {name}, which feeds it not"
        if role_of(stack, function) is not None:
            yield from _can_be_fed(stack, function, {queue for name, queue in fed if name == function.label})


def _can_be_fed(stack: Stack, function: Resource, queues: set[str]) -> Iterator[str]:
    given = of_function(stack, function)
    for queue in sorted(queues):
        for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
            if not any(action in grant.actions and _reaches(stack, grant, queue) for grant in given):
                yield f"{function.label}: its role lacks {action} on {queue}, without which the mapping is refused"


def _reaches(stack: Stack, grant: Grant, label: str) -> bool:
    reached = (origin for target in grant.resources for origin, _ in stack.origins(target, grant.near))
    return any(resource.label == label for resource in reached)


def interfaces(stack: Stack) -> Iterator[str]:
    for function in stack.of(FUNCTION):
        if not function.properties.get("VpcConfig"):
            continue
        allowed = {action for grant in of_function(stack, function) for action in grant.actions}
        if missing := sorted(ENI - allowed):
            yield f"{function.label}: is in a VPC, but its role may not {', '.join(missing)}; Lambda refuses that"


def roles(stack: Stack) -> Iterator[str]:
    """A role of one's own per function, and none that nobody has."""
    had: dict[str, str] = {}
    for function in stack.of(FUNCTION):
        role = role_of(stack, function)
        if role is not None and role.label in had:
            yield f"{function.label}: shares {role.label} with {had[role.label]}; each function has a role of its own"
        if role is not None:
            had[role.label] = function.label
            if "lambda.amazonaws.com" not in _trusted(role):
                yield f"{role.label}: Lambda cannot assume it; trust lambda.amazonaws.com"


def _trusted(role: Resource) -> tuple[str, ...]:
    found: list[str] = []
    for statement in statements(role):
        principal = statement.get("Principal")
        if isinstance(principal, dict):
            found += words(table(principal, role.label).get("Service"))
    return tuple(found)


def traces_and_logs(stack: Stack) -> Iterator[str]:
    """What SAM gives to a role that it makes, and nobody else does."""
    for function in stack.of(FUNCTION):
        if role_of(stack, function) is None:
            continue
        given = of_function(stack, function)
        log = table(function.properties.get("LoggingConfig") or {}, function.label).get("LogGroup")
        group = stack.behind(log, function)
        writes = [grant for grant in given if "logs:PutLogEvents" in grant.actions]
        if group is not None and not any(_reaches(stack, grant, group.label) for grant in writes):
            yield f"{function.label}: its role lacks logs:PutLogEvents on {group.label}; it would fall silent"
        traced = any("xray:PutTraceSegments" in grant.actions for grant in given)
        if function.properties.get("Tracing") == "Active" and not traced:
            yield f"{function.label}: its role lacks xray:PutTraceSegments, but Tracing is Active"


RULES: Final = (actions, wildcards, visible, own_queues, interfaces, roles, traces_and_logs)
