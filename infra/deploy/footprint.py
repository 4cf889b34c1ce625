"""What a template makes of a profile, as far as it costs something: read from the template, so that it cannot drift."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local import cloudformation as cfn
from infra.local.choices import Choices
from infra.local.cloudformation import Node

HOURS: Final = 730.0
_PER_MONTH: Final = {"minute": HOURS * 60, "hour": HOURS, "day": HOURS / 24}
_UNKNOWN: Final = "worked out at the deploy"
_NESTED: Final = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True)
class FunctionFootprint:
    """A function: its memory, how much of it is kept ready or reserved, and how often a schedule calls it a month."""

    name: str
    memory_gb: float
    ready: int
    reserved: int
    keeps_snapshot: bool
    scheduled: float
    queues: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """What there is in one profile. `kinds` counts resources by type, those of nested stacks included."""

    kinds: Counter[str]
    functions: tuple[FunctionFootprint, ...]
    least_acu: float
    pauses: bool
    backup_days: int
    log_days: int
    secrets: int
    alarm_metrics: int
    detailed_metrics: int
    endpoint_zones: int


@dataclass(frozen=True, slots=True)
class _Settled:
    """One template with its parameters: the resources that are made, as they are then."""

    resources: dict[str, dict[str, Node]]
    defaults: dict[str, Node]
    choices: Choices
    values: Mapping[str, str]

    def of(self, kind: str) -> Iterator[dict[str, Node]]:
        for name, resource in self.resources.items():
            if resource.get("Type") == kind:
                yield cfn.properties_of(resource, name)

    def number(self, node: Node, otherwise: float) -> float:
        plain = self.choices.looked_up(node)
        if isinstance(plain, dict) and isinstance(name := plain.get("Ref"), str):
            plain = self.values.get(name)
        try:
            return float(str(plain))
        except ValueError:
            return otherwise


def footprint(template: Path, given: Mapping[str, str]) -> Footprint:
    """What the template and its nested ones make with these parameters."""
    parts = list(_parts(template, given))
    functions = [one for part in parts for one in _functions(part)]
    clusters = [(part, node) for part in parts for node in part.of("AWS::RDS::DBCluster")]
    kinds = Counter(str(resource["Type"]) for part in parts for resource in part.resources.values())
    scaling = [(part, cfn.table(node["ServerlessV2ScalingConfiguration"], "scaling")) for part, node in clusters]
    # The owner's password is kept in a secret that no resource stands for.
    managed = sum(node.get("ManageMasterUserPassword") is True for _, node in clusters)
    return Footprint(
        kinds,
        tuple(functions),
        least_acu=max((part.number(one.get("MinCapacity"), 0) for part, one in scaling), default=0),
        pauses=any(part.number(one.get("MinCapacity"), 1) == 0 for part, one in scaling),
        backup_days=int(max((part.number(node.get("BackupRetentionPeriod"), 1) for part, node in clusters), default=0)),
        log_days=int(max((part.number(one.get("RetentionInDays"), 30) for part in parts
                          for one in part.of("AWS::Logs::LogGroup")), default=0)),
        secrets=kinds["AWS::SecretsManager::Secret"] + managed,
        alarm_metrics=sum(_watched(one) for part in parts for one in part.of("AWS::CloudWatch::Alarm")),
        detailed_metrics=sum(_detailed(part) for part in parts),
        endpoint_zones=sum(_zones(one) for part in parts for one in part.of("AWS::EC2::VPCEndpoint")),
    )  # fmt: skip


def types_of(template: Path) -> set[str]:
    """Every type of resource in a template and its nested ones, whatever the parameters."""
    resources = cfn.table(cfn.read(template)["Resources"], "Resources")
    tables = [cfn.table(node, name) for name, node in resources.items()]
    nested = [_place(template, one) for one in tables if one["Type"] == _NESTED]
    return {str(one["Type"]) for one in tables}.union(*(types_of(path) for path in nested))


def _parts(template: Path, given: Mapping[str, str]) -> Iterator[_Settled]:
    document = cfn.read(template)
    parameters = cfn.table(document.get("Parameters") or {}, "Parameters")
    defaults = {
        name: cfn.attribute(cfn.table(node, name).get("Default", _UNKNOWN)) for name, node in parameters.items()
    }
    values = defaults | {name: value for name, value in given.items() if name in parameters}
    choices = Choices(document, values)
    resources = {
        name: cfn.table(choices.settled(node), name)
        for name, node in cfn.table(document["Resources"], "Resources").items()
        if _is_made(choices, cfn.table(node, name))
    }
    common = choices.settled(cfn.table(document.get("Globals") or {}, "Globals").get("Function") or {})
    part = _Settled(resources, cfn.table(common, "Globals.Function"), choices, values)
    yield part
    for name, resource in resources.items():
        if resource["Type"] == _NESTED:
            passed = cfn.table(cfn.properties_of(resource, name).get("Parameters") or {}, name)
            yield from _parts(_place(template, resource), {key: _passed(part, value) for key, value in passed.items()})


def _is_made(choices: Choices, resource: dict[str, Node]) -> bool:
    condition = resource.get("Condition")
    return not isinstance(condition, str) or choices.holds(condition)


def _place(template: Path, nested: dict[str, Node]) -> Path:
    return template.parent / str(cfn.properties_of(nested, _NESTED)["TemplateURL"])


def _passed(part: _Settled, node: Node) -> str:
    match part.choices.looked_up(node):
        case {"Ref": str(name)} if name in part.values:
            return part.values[name]
        case dict() | list() | None:
            return _UNKNOWN
        case plain:
            return cfn.attribute(plain)


def _functions(part: _Settled) -> Iterator[FunctionFootprint]:
    for name, resource in part.resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        own = cfn.properties_of(resource, name)
        memory = part.number(own.get("MemorySize") or part.defaults.get("MemorySize"), 128)
        ready = cfn.table(own.get("ProvisionedConcurrencyConfig") or {}, name).get("ProvisionedConcurrentExecutions")
        events = [cfn.table(node, name) for node in cfn.table(own.get("Events") or {}, name).values()]
        yield FunctionFootprint(
            name,
            memory / 1024,
            int(part.number(ready, 0)),
            int(part.number(own.get("ReservedConcurrentExecutions"), 0)),
            keeps_snapshot="SnapStart" in own,
            scheduled=sum(_calls(part, one) for one in events if str(one["Type"]).startswith("Schedule")),
            queues=sum(one["Type"] == "SQS" for one in events),
        )


def _calls(part: _Settled, event: dict[str, Node]) -> float:
    expression = cfn.table(event["Properties"], "Properties").get("ScheduleExpression")
    return calls_per_month(str(part.choices.looked_up(expression)))


def calls_per_month(expression: str) -> float:
    """How often a schedule fires: `rate(n unit)`, or a `cron` that names minutes and hours; once for `at`."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate is not None:
        return _PER_MONTH[rate[2]] / int(rate[1])
    cron = re.fullmatch(r"cron\((\S+) (\S+) .*\)", expression)
    return 1.0 if cron is None else _times(cron[1], 60) * _times(cron[2], 24) * _PER_MONTH["day"]


def _times(field: str, whole: int) -> float:
    if field == "*":
        return whole
    step = re.fullmatch(r"(?:\*|\d+)/(\d+)", field)
    return whole / int(step[1]) if step is not None else float(len(field.split(",")))


def _watched(alarm: dict[str, Node]) -> int:
    """An alarm over several metrics is charged for each of them."""
    metrics = alarm.get("Metrics")
    if not isinstance(metrics, list):
        return 1
    return sum("MetricStat" in cfn.table(one, "Metrics") for one in metrics) or 1


def _detailed(part: _Settled) -> int:
    """Detailed metrics of a door are five for each of its methods, and charged like one's own."""
    settings = [
        cfn.table(one, "MethodSettings")
        for door in part.of("AWS::Serverless::Api")
        for one in cfn.items([door], "MethodSettings")
    ]
    if not any(one.get("MetricsEnabled") is True for one in settings):
        return 0
    events = [
        cfn.table(node, "Events")
        for function in part.of("AWS::Serverless::Function")
        for node in cfn.table(function.get("Events") or {}, "Events").values()
    ]
    return 5 * sum(one["Type"] == "Api" for one in events)


def _zones(endpoint: dict[str, Node]) -> int:
    """Gateways cost nothing; an interface costs for each subnet that it stands in."""
    if endpoint.get("VpcEndpointType") != "Interface":
        return 0
    subnets = endpoint.get("SubnetIds")
    return len(subnets) if isinstance(subnets, list) else 2
