"""Schedules: expressions that EventBridge takes, targets that take what it sends, and quiet where a database sleeps."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from infra.local.cloudformation import Node, table
from infra.tools.contract.grants import of_role
from infra.tools.contract.lambdas import QUEUE, is_true, schedules
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

_STANDING_ALONE: Final = ("AWS::Scheduler::Schedule", "AWS::Events::Rule")
_RATE: Final = re.compile(r"rate\((?:1 (?:minute|hour|day)|(?!1 |0)\d+ (?:minute|hour|day)s)\)")
# Minutes, hours, day of month, month, day of week, year.
_CRON: Final = re.compile(r"cron\([\d*/,-]+ [\d*/,-]+ [\d*/,?LW-]+ [\dA-Z*/,-]+ [\dA-Z*/,?L#-]+ [\d*/,-]+\)")
_RARELY_S: Final = 86_400
# A moving one-time schedule stands for long in the past or far in the future; both are good.
_AT: Final = re.compile(r"at\((.+)\)")


def expressions(stack: Stack) -> Iterator[str]:
    for schedule in schedules(stack):
        if not _is_understood(schedule.expression):
            yield (
                f"{schedule.label}: {schedule.expression} is no schedule; write rate(1 minute), rate(5 minutes), "
                "cron(0 3 * * ? *) or at(2030-01-31T12:00:00)"
            )


def _is_understood(expression: str) -> bool:
    if _RATE.fullmatch(expression):
        return True
    if _CRON.fullmatch(expression):
        # One of the two days must be left open.
        return expression.removesuffix(")").split(" ")[2] == "?" or expression.split(" ")[4] == "?"
    moment = _AT.fullmatch(expression)
    try:
        return moment is not None and datetime.strptime(moment[1], "%Y-%m-%dT%H:%M:%S").year > 0  # noqa: DTZ007
    except ValueError:
        return False


def targets(stack: Stack) -> Iterator[str]:
    for resource in stack.of(*_STANDING_ALONE):
        for target in _targets(resource):
            queue = stack.behind(target.get("Arn"), resource)
            if queue is not None and queue.type == QUEUE and is_true(queue.properties.get("FifoQueue")):
                yield from _fifo_target(resource, target, queue)
            role = stack.behind(target.get("RoleArn"), resource)
            if role is not None and role.type == "AWS::IAM::Role":
                yield from _may_reach(stack, resource, target, role)


def _fifo_target(resource: Resource, target: dict[str, Node], queue: Resource) -> Iterator[str]:
    if not table(target.get("SqsParameters") or {}, resource.label).get("MessageGroupId"):
        yield f"{resource.label}: a FIFO target needs SqsParameters.MessageGroupId"
    if not is_true(queue.properties.get("ContentBasedDeduplication")):
        yield f"{resource.label}: sends without a deduplication id, so {queue.label} needs ContentBasedDeduplication"


def _may_reach(stack: Stack, resource: Resource, target: dict[str, Node], role: Resource) -> Iterator[str]:
    aim = stack.behind(target.get("Arn"), resource)
    if aim is None:
        return
    action = "sqs:SendMessage" if aim.type == QUEUE else "lambda:InvokeFunction"
    if not any(
        action in grant.actions and any(stack.behind(one, grant.near) == aim for one in grant.resources)
        for grant in of_role(stack, role)
    ):
        yield f"{resource.label}: its role {role.label} lacks {action} on {aim.label}; nothing would be started"


def _targets(resource: Resource) -> list[dict[str, Node]]:
    several = resource.properties.get("Targets") or [resource.properties.get("Target")]
    return [one for one in (several if isinstance(several, list) else []) if isinstance(one, dict)]


def sleep(stack: Stack) -> Iterator[str]:
    """In `zero` the database pauses when nobody comes for five minutes: whoever comes by the clock keeps it awake."""
    if stack.profile != "zero":
        return
    for schedule in schedules(stack):
        if schedule.is_active and schedule.every_s is not None and schedule.every_s < _RARELY_S:
            yield (
                f"{schedule.label}: {schedule.expression} keeps the database of zero awake; "
                "disable it there, or let it come once a day"
            )


def quiet(stack: Stack) -> Iterator[str]:
    """What never lets a database pause, or costs by the hour."""
    if stack.profile != "zero":
        return
    for proxy in stack.of("AWS::RDS::DBProxy"):
        yield f"{proxy.label}: a proxy holds connections and never lets the database of zero pause; leave it out there"
    for gateway in stack.of("AWS::EC2::NatGateway"):
        yield f"{gateway.label}: a NAT gateway costs by the hour; zero goes out by IPv6"
    for cluster in stack.of("AWS::RDS::DBCluster"):
        scaling = table(cluster.properties.get("ServerlessV2ScalingConfiguration") or {}, cluster.label)
        if str(scaling.get("MinCapacity")) not in ("0", "0.0"):
            yield f"{cluster.label}: MinCapacity {scaling.get('MinCapacity')} never pauses; zero means 0"


RULES: Final = (expressions, targets, sleep, quiet)
