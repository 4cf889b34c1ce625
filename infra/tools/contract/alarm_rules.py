"""Alarms and dashboards look at metrics that exist, under the dimensions they are written with."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from infra.local.cloudformation import Node, table
from infra.tools.contract.lambdas import FUNCTION, several, variables
from infra.tools.contract.metrics_known import code_of, gauges, known
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack
from shared.telemetry.metrics import NAMESPACE, Metric

_ALARM: Final = "AWS::CloudWatch::Alarm"
_DASHBOARD: Final = "AWS::CloudWatch::Dashboard"
_FOR_THE_CURIOUS: Final = {
    Metric.QUOTES_VERIFIED.value: "how models quote: to be compared by who changes one, not to be woken by",
    Metric.QUOTES_UNVERIFIED.value: "the same",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One metric that something looks at. A dimension's value is None where only a deploy knows it."""

    label: str
    namespace: str
    metric: str
    dimensions: dict[str, str | None]


def metrics(stack: Stack) -> Iterator[str]:
    services = {str(variables(function).get("POWERTOOLS_SERVICE_NAME")) for function in stack.of(FUNCTION)}
    here, everywhere = code_of(stack), code_of(stack, made_or_not=True)
    boards = {board.label for board in stack.of(_DASHBOARD)}
    for look in looks(stack):
        # A dashboard may have a place for what this case has not.
        found = known(everywhere if look.label in boards else here, look.namespace)
        if found is None:
            yield f"{look.label}: no namespace {look.namespace} is known; the code's own is {NAMESPACE}"
        elif look.metric not in found:
            yield f"{look.label}: {look.namespace} has no metric {look.metric}, or no code of this stack writes it"
        elif frozenset(look.dimensions) not in found[look.metric]:
            yield (
                f"{look.label}: {look.metric} never comes with the dimensions {_listed(look.dimensions)}, but with "
                f"{' or '.join(sorted(_listed(one) for one in found[look.metric]))}"
            )
        elif (service := look.dimensions.get("service")) is not None and service not in services:
            yield f"{look.label}: no function calls itself {service}; POWERTOOLS_SERVICE_NAME says {_listed(services)}"


def watched(stack: Stack) -> Iterator[str]:
    """What the functions of this case measure for alarms is looked at by one, or by the dashboard."""
    seen = {look.metric for look in looks(stack) if look.namespace == NAMESPACE} | _FOR_THE_CURIOUS.keys()
    measured = gauges(code_of(stack))
    if stack.of(_ALARM, _DASHBOARD):
        for name in sorted(measured.keys() - seen):
            yield f"no alarm and no dashboard looks at {name}, which the code measures for them"


def silence(stack: Stack) -> Iterator[str]:
    """In `zero` nobody measures while everything sleeps: what is missing is no bad news there."""
    if stack.profile == "zero":
        for alarm in stack.of(_ALARM):
            ours = any(look.label == alarm.label and look.namespace == NAMESPACE for look in looks(stack))
            if ours and alarm.properties.get("TreatMissingData") == "breaching":
                yield f"{alarm.label}: would ring whenever zero sleeps; set TreatMissingData: notBreaching there"


def pages(stack: Stack) -> Iterator[str]:
    for board in stack.of(_DASHBOARD):
        if _page(board) is None:
            yield f"{board.label}: DashboardBody is no JSON; CloudWatch would refuse it"


RULES: Final = (metrics, watched, silence, pages)


def looks(stack: Stack) -> list[Look]:
    alarms = (look for alarm in stack.of(_ALARM) for look in _of_alarm(alarm))
    return [*alarms, *(look for board in stack.of(_DASHBOARD) for look in _of_dashboard(board))]


def _of_alarm(alarm: Resource) -> Iterator[Look]:
    if "MetricName" in alarm.properties:
        yield _look(alarm.label, alarm.properties)
    for query in several(alarm.properties.get("Metrics")):
        stat = table(table(query, alarm.label).get("MetricStat") or {}, alarm.label)
        if stat:
            yield _look(alarm.label, table(stat.get("Metric"), alarm.label))


def _look(label: str, metric: dict[str, Node]) -> Look:
    dimensions = (table(one, label) for one in several(metric.get("Dimensions")))
    values = {str(one.get("Name")): _known_text(one.get("Value")) for one in dimensions}
    return Look(label, str(metric.get("Namespace")), str(metric.get("MetricName")), values)


def _known_text(value: Node) -> str | None:
    return value if isinstance(value, str) else None


def _page(board: Resource) -> dict[str, Any] | None:
    """What a dashboard shows; None where it is no JSON even with its references as they are written."""
    body = board.properties.get("DashboardBody")
    match body:
        case {"Fn::Sub": [str(text), _]} | {"Fn::Sub": str(text)}:
            pass
        case _:
            text = str(body)
    try:
        return cast(dict[str, Any], json.loads(text))
    except json.JSONDecodeError:
        return None


def _of_dashboard(board: Resource) -> Iterator[Look]:
    for widget in (_page(board) or {}).get("widgets", []):
        before: list[Any] = []
        for row in widget.get("properties", {}).get("metrics", []):
            named = _written_out([one for one in row if not isinstance(one, dict)], before)
            before = named
            if named:
                dimensions = dict(zip(named[2::2], named[3::2], strict=False))
                values = {str(k): None if "${" in str(v) else str(v) for k, v in dimensions.items()}
                yield Look(board.label, str(named[0]), str(named[1]), values)


def _written_out(row: list[Any], before: list[Any]) -> list[Any]:
    """A row of a widget with what "." and "..." stand for: the same as in the row before."""
    if "..." in row:
        at = row.index("...")
        rest = row[at + 1 :]
        row = [*row[:at], *before[at : len(before) - len(rest)], *rest]
    return [before[i] if one == "." and i < len(before) else one for i, one in enumerate(row)]


def _listed(names: "dict[str, str | None] | frozenset[str] | set[str]") -> str:
    return ", ".join(sorted(names)) or "none"
