"""The functions of a rendered stack: what starts them, how often, and what they are given."""

import re
from dataclasses import dataclass
from typing import Final

from infra.local.cloudformation import Node, table
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

FUNCTION: Final = "AWS::Serverless::Function"
# Whoever imports this has connections to Postgres.
DATABASE: Final = "shared.store.database"
QUEUE: Final = "AWS::SQS::Queue"
_SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that starts a function."""

    name: str
    type: str
    properties: dict[str, Node]


def events(function: Resource, *types: str) -> list[Event]:
    """The events of a function of those types; of every type when none is named."""
    found: list[Event] = []
    for name, body in table(function.properties.get("Events") or {}, function.label).items():
        declared = table(body, name)
        kind = str(declared.get("Type"))
        if not types or kind in types:
            found.append(Event(name, kind, table(declared.get("Properties") or {}, name)))
    return found


def mappings(stack: Stack) -> list[tuple[Resource, Event, Resource]]:
    """Each function with a queue that feeds it."""
    found: list[tuple[Resource, Event, Resource]] = []
    for function in stack.of(FUNCTION):
        for event in events(function, "SQS"):
            queue = stack.behind(event.properties.get("Queue"), function)
            if queue is not None and queue.type == QUEUE:
                found.append((function, event, queue))
    return found


def dead_letters(stack: Stack, queue: Resource) -> Resource | None:
    redrive = table(queue.properties.get("RedrivePolicy") or {}, queue.label)
    return stack.behind(redrive["deadLetterTargetArn"], queue) if "deadLetterTargetArn" in redrive else None


def variables(function: Resource) -> dict[str, Node]:
    environment = table(function.properties.get("Environment") or {}, function.label)
    return table(environment.get("Variables") or {}, function.label)


def module(function: Resource) -> str:
    """The module that is imported first: that of the handler, or of the application that uvicorn serves."""
    local = table(table(function.body.get("Metadata") or {}, function.label).get("Local") or {}, function.label)
    served = str(local.get("Uvicorn") or "")
    return served.partition(":")[0] if served else str(function.properties.get("Handler")).rpartition(".")[0]


def number(node: Node, default: float) -> float:
    """A number as templates write it, also in quotes."""
    try:
        return float(node) if isinstance(node, int | float | str) else default
    except ValueError:
        return default


def several(node: Node) -> list[Node]:
    return node if isinstance(node, list) else [] if node is None else [node]


def is_true(node: Node) -> bool:
    return str(node).lower() == "true"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A time at which something is started. `every_s` is None for one single moment."""

    label: str
    expression: str
    every_s: float | None
    target: Resource | None
    is_active: bool


def schedules(stack: Stack) -> list[Schedule]:
    """Those of functions and those that stand alone."""
    found: list[Schedule] = []
    for function in stack.of(FUNCTION):
        for event in events(function, "Schedule", "ScheduleV2"):
            expression = event.properties.get("Schedule") or event.properties.get("ScheduleExpression")
            active = _active(event.properties)
            label = f"{function.label}.{event.name}"
            found.append(Schedule(label, str(expression), every(str(expression)), function, active))
    for resource in stack.of("AWS::Scheduler::Schedule", "AWS::Events::Rule"):
        expression = str(resource.properties.get("ScheduleExpression") or "")
        target = stack.behind(_target(resource).get("Arn"), resource)
        if expression:
            found.append(Schedule(resource.label, expression, every(expression), target, _active(resource.properties)))
    return found


def _active(properties: dict[str, Node]) -> bool:
    enabled = properties.get("Enabled", True)
    return str(properties.get("State", "ENABLED")) == "ENABLED" and is_true(enabled)


def _target(resource: Resource) -> dict[str, Node]:
    several = resource.properties.get("Targets")
    one = several[0] if isinstance(several, list) and several else resource.properties.get("Target")
    return table(one or {}, resource.label)


def every(expression: str) -> float | None:
    """The shortest time between two starts, in seconds; None for a single moment or what is not understood."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return float(rate[1]) * _SECONDS[rate[2]]
    if cron := re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression):
        minute, hour = cron[1], cron[2]
        if not minute.isdigit():
            return 60
        return 86_400 if hour.isdigit() else 3600
    return None
