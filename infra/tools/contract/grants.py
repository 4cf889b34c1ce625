"""What roles allow: every statement of the stack, and those that reach a function."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from infra.local.cloudformation import Node, table
from infra.tools.contract.lambdas import FUNCTION, several
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

# What AWS's own policies allow, as far as functions are given them.
_ENI: Final = (
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
)  # fmt: skip
_LOGS: Final = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
_XRAY: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
OF_AWS: Final[dict[str, tuple[str, ...]]] = {
    "AWSLambdaBasicExecutionRole": _LOGS,
    "AWSLambdaVPCAccessExecutionRole": (*_LOGS, *_ENI),
    "AWSXRayDaemonWriteAccess": (*_XRAY, "xray:GetSamplingRules", "xray:GetSamplingTargets"),
    "AmazonAPIGatewayPushToCloudWatchLogs": _LOGS,
}
ENI: Final = frozenset(("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"))
_POLICIES: Final = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")


@dataclass(frozen=True, slots=True)
class Grant:
    """One statement that allows something. `near` is the resource it is written in."""

    near: Resource
    actions: tuple[str, ...]
    resources: tuple[Node, ...]
    condition: dict[str, Node]


def statements(resource: Resource) -> Iterator[dict[str, Node]]:
    """Every statement in any policy of a resource, trust and resource policies among them."""
    yield from _below(resource.properties)


def _below(node: Node) -> Iterator[dict[str, Node]]:
    match node:
        case dict():
            for key, value in node.items():
                if key == "Statement":
                    yield from (one for one in several(value) if isinstance(one, dict))
                else:
                    yield from _below(value)
        case list():
            for one in node:
                yield from _below(one)
        case _:
            return


def words(node: Node) -> tuple[str, ...]:
    return tuple(str(one) for one in several(node))


def of_function(stack: Stack, function: Resource) -> list[Grant]:
    """What a function may do: by its own policies or by those of its role."""
    found = [grant for policy in several(function.properties.get("Policies")) for grant in _of(stack, policy, function)]
    if (role := role_of(stack, function)) is not None:
        found += of_role(stack, role)
    elif function.properties.get("VpcConfig"):
        # SAM adds it to the role that it makes itself.
        found.append(Grant(function, OF_AWS["AWSLambdaVPCAccessExecutionRole"], ("*",), {}))
    return found


def role_of(stack: Stack, function: Resource) -> Resource | None:
    """The role a function names; None where SAM makes one from its policies."""
    return stack.behind(function.properties.get("Role"), function)


def of_role(stack: Stack, role: Resource) -> list[Grant]:
    found = [_grant(role, one) for one in statements(role) if "Principal" not in one and _allows(one)]
    for policy in several(role.properties.get("ManagedPolicyArns")):
        found += _of(stack, policy, role)
    for policy in stack.of(*_POLICIES):
        if any(stack.behind(one, policy) == role for one in several(policy.properties.get("Roles"))):
            found += [_grant(policy, one) for one in statements(policy) if _allows(one)]
    return found


def unread(stack: Stack, holder: Resource) -> Iterator[str]:
    """The policies of a function or role whose statements are not to be seen here."""
    for policy in (*several(holder.properties.get("Policies")), *several(holder.properties.get("ManagedPolicyArns"))):
        if isinstance(policy, dict) and ("Statement" in policy or "PolicyDocument" in policy):
            continue
        if _named(policy) in OF_AWS or stack.behind(policy, holder) is not None:
            continue
        yield _named(policy)


def _of(stack: Stack, policy: Node, holder: Resource) -> list[Grant]:
    if isinstance(policy, dict) and "Statement" in policy:
        return [_grant(holder, one) for one in _below(policy) if _allows(one)]
    if (made := stack.behind(policy, holder)) is not None:
        return [_grant(made, one) for one in statements(made) if _allows(one)]
    name = _named(policy)
    return [Grant(holder, OF_AWS[name], ("*",), {})] if name in OF_AWS else []


def _named(policy: Node) -> str:
    """The name of a policy of AWS, given as such or as an ARN; SAM's templates of policies by their own."""
    if isinstance(policy, dict):
        value = policy.get("Fn::Sub")
        return value.rpartition("/")[2] if isinstance(value, str) else next(iter(policy))
    return str(policy).rpartition("/")[2]


def _allows(statement: dict[str, Node]) -> bool:
    return statement.get("Effect") == "Allow"


def _grant(near: Resource, statement: dict[str, Node]) -> Grant:
    condition = table(statement.get("Condition") or {}, near.label)
    return Grant(near, words(statement.get("Action")), tuple(several(statement.get("Resource"))), condition)


def holders(stack: Stack) -> list[Resource]:
    """Whoever has policies: functions and roles."""
    return stack.of(FUNCTION, "AWS::IAM::Role")
