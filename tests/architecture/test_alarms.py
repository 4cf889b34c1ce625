"""Every alarm looks at a metric that is there, and everything that must have an alarm has one."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import pytest

from infra.bootstrap import ROOT
from infra.local import cloudformation as cfn
from infra.local.cloudformation import Node
from shared.settings import Settings
from shared.telemetry.metrics import NAMESPACE, Metric
from tests.support.stacks import PARENT, PROFILES, declared, rendered

FILE: Final = "infra/stacks/alarms.yaml"
DOCUMENT: Final = cfn.read(ROOT / FILE)
WHOLE: Final = cfn.read(ROOT / PARENT)
RESOURCES: Final = declared(PARENT, "Resources")
PASSED: Final = cfn.table(cfn.properties_of(cfn.table(RESOURCES["Alarms"], "Alarms"), "Alarms")["Parameters"], "Alarms")

# What AWS documents of the metrics that it measures by itself: by namespace the names, and the dimensions they can be
# asked by. Lambda: monitoring-metrics-types; SQS: sqs-available-cloudwatch-metrics; API Gateway:
# api-gateway-metrics-and-dimensions; Aurora: Aurora.AuroraMonitoring.Metrics and dimensions.
DOCUMENTED: Final[dict[str, tuple[set[str], set[tuple[str, ...]]]]] = {
    "AWS/Lambda": ({"Errors", "Throttles", "Duration", "ConcurrentExecutions"}, {("FunctionName",)}),
    "AWS/SQS": ({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}, {("QueueName",)}),
    "AWS/ApiGateway": ({"Count", "Latency", "4XXError", "5XXError"}, {("ApiName",), ("ApiName", "Stage")}),
    "AWS/RDS": ({"ACUUtilization", "DatabaseConnections"}, {("DBClusterIdentifier",)}),
}
# Emitted at each visit of tick; the others when something happens.
GAUGES: Final = {
    *(Metric.OLDEST_PENDING_AGE, Metric.PENDING_ITEMS, Metric.PARKED_ITEMS, Metric.WAKE_UPS_RELAYED),
    *(Metric.UNINDEXED_CONCLUSIONS, Metric.REFUSED_CONCLUSIONS),
}
EMITS = """
from shared.telemetry.metrics import Metric, emit
emit({metric: 1 for metric in Metric})
"""
Alarms = dict[str, dict[str, Node]]


def given(profile: str) -> dict[str, str]:
    """Parameters as template.yaml passes them in `profile`."""
    canary = {} if profile == "zero" else {"CanaryFunction": "CanaryFunction"}
    return {"Profile": profile, "Name": "stack", "Cluster": "cluster", **canary}


def alarms(profile: str = "warm", **more: str) -> Alarms:
    """The properties of the alarms that are made."""
    template = rendered(FILE, given(profile) | more)
    found = template.of_type("AWS::CloudWatch::Alarm")
    return {name: {key: template.choices.looked_up(value) for key, value in a.items()} for name, a in found.items()}


def body() -> dict[str, Any]:
    """The dashboard, as JSON."""
    dashboard = cfn.properties_of(cfn.table(cfn.table(DOCUMENT["Resources"], "R")["Dashboard"], "D"), "D")
    sub = cfn.table(dashboard["DashboardBody"], "DashboardBody")["Fn::Sub"]
    return json.loads(cast(str, cast(list[Node], sub)[0]))


def dimensions(alarm: Mapping[str, Node]) -> dict[str, Node]:
    found = cast(list[dict[str, Node]], alarm["Dimensions"])
    return {str(one["Name"]): one["Value"] for one in found}


def shown() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric on the dashboard."""
    for widget in body()["widgets"]:
        for metric in widget["properties"]["metrics"]:
            namespace, name, *pairs = [part for part in metric if isinstance(part, str)]
            yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


def looked_at() -> list[tuple[str, str, tuple[str, ...]]]:
    mine = [(str(a["Namespace"]), str(a["MetricName"]), tuple(dimensions(a))) for a in alarms().values()]
    return mine + [(namespace, name, tuple(named)) for namespace, name, named in shown()]


@pytest.fixture(scope="module")
def emitted() -> dict[str, Any]:
    """The line that a function writes for CloudWatch when everything is emitted, under the template's variables."""
    environment = {**os.environ, "POWERTOOLS_SERVICE_NAME": "stack"}
    environment.pop("POWERTOOLS_METRICS_DISABLED", None)
    command = [sys.executable, "-c", EMITS]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_metrics_of_ours_are_looked_at_as_they_are_emitted(emitted: dict[str, Any]):
    [directive] = emitted["_aws"]["CloudWatchMetrics"]
    names = {metric["Name"] for metric in directive["Metrics"]}
    [dimension_names] = directive["Dimensions"]
    found = [(name, named) for namespace, name, named in looked_at() if namespace == NAMESPACE]
    assert directive["Namespace"] == NAMESPACE
    assert len(found) >= len(Metric) - 2
    assert {name for name, _ in found} <= names
    assert {named for _, named in found} == {tuple(dimension_names)} == {("service",)}
    # And the value of it is what the template gives the functions.
    common = cfn.table(cfn.table(cfn.table(WHOLE["Globals"], "G")["Function"], "F"), "F")
    assert cfn.variables_of(common)["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    assert emitted["service"] == "stack"


def test_metrics_of_aws_are_documented_with_these_dimensions():
    for namespace, name, named in looked_at():
        if namespace != NAMESPACE:
            names, sets = DOCUMENTED[namespace]
            assert name in names, (namespace, name)
            assert named in sets, (namespace, named)


def of(namespace: str, metric: str, dimension: str, profile: str = "warm") -> set[str]:
    """What has an alarm on the metric: names of parameters, which are logical ids of template.yaml."""
    found = [a for a in alarms(profile).values() if (a["Namespace"], a["MetricName"]) == (namespace, metric)]
    return {str(cast(dict[str, Node], dimensions(one)[dimension])["Ref"]) for one in found}


def logical_ids(kind: str) -> set[str]:
    return {name for name, resource in RESOURCES.items() if cfn.table(resource, name)["Type"] == kind}


def test_every_function_and_queue_has_its_alarms():
    functions = logical_ids("AWS::Serverless::Function")
    queues = logical_ids("AWS::SQS::Queue")
    dead = {queue for queue in queues if queue.endswith("DeadLetters")}
    # A migration that fails makes the deploy fail, which nobody overlooks.
    assert of("AWS/Lambda", "Errors", "FunctionName") == functions - {"MigrateFunction"}
    assert of("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName") == dead
    assert of("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName") == queues - dead


def test_parent_gives_every_parameter_what_bears_its_name():
    passed = cfn.table(
        cfn.properties_of(cfn.table(RESOURCES["Alarms"], "Alarms"), "Alarms")["Parameters"], "Parameters"
    )
    assert set(passed) == set(cfn.table(DOCUMENT["Parameters"], "Parameters"))
    for name, value in PASSED.items():
        if name.endswith(("Queue", "DeadLetters")):
            assert value == {"Fn::GetAtt": [name, "QueueName"]}
        elif name.endswith("Function"):
            assert re.search(rf"'Ref': '{name}'", str(value))


@pytest.mark.parametrize("profile", PROFILES)
def test_silence_is_bad_news_where_a_metric_must_come_and_nowhere_else(profile: str):
    breaching = {name for name, alarm in alarms(profile).items() if alarm["TreatMissingData"] == "breaching"}
    others = {str(alarm["TreatMissingData"]) for name, alarm in alarms(profile).items() if name not in breaching}
    assert breaching == (set() if profile == "zero" else {"TickSilent", "CanaryUnheard"})
    assert others == {"notBreaching"}


def test_zero_has_no_alarm_on_what_comes_at_a_rate():
    ours = {str(alarm["MetricName"]) for alarm in alarms("zero").values() if alarm["Namespace"] == NAMESPACE}
    assert ours == {Metric.BUDGET_STOPS}
    assert {str(a["MetricName"]) for a in alarms("warm").values()} >= {
        *(Metric.OLDEST_PENDING_AGE, Metric.PARKED_ITEMS, Metric.UNINDEXED_CONCLUSIONS, Metric.REFUSED_CONCLUSIONS),
        *(Metric.BUDGET_STOPS, Metric.CANARY_OK),
    }
    assert GAUGES.isdisjoint(ours)


def test_database_of_ones_own_has_no_alarm_on_another():
    names = {str(alarm["Namespace"]) for alarm in alarms(Cluster="").values()}
    assert "AWS/RDS" not in names
    assert "AWS/RDS" in {str(alarm["Namespace"]) for alarm in alarms().values()}


@pytest.mark.parametrize("profile", PROFILES)
def test_connections_are_told_before_the_database_refuses_some(profile: str):
    data = cfn.read(ROOT / "infra" / "stacks" / "data.yaml")
    size = cfn.table(cfn.table(cfn.table(data["Mappings"], "M")["Size"], "Size")[profile], profile)
    most = cfn.whole(size["MaxConnections"], 0)
    assert 0.8 * most < cfn.whole(alarms(profile)["DatabaseCrowded"]["Threshold"], 0) < most


@pytest.mark.parametrize("profile", PROFILES)
def test_times_that_are_alarming_are_beyond_what_is_meant_to_happen(profile: str):
    settings, found = Settings(), alarms(profile)
    functions = {name: cfn.properties_of(cfn.table(RESOURCES[name], name), name) for name in ("ChatFunction",)}
    aged_s = settings.deriver.representation_batch_max_age_seconds
    if "OldWork" in found:
        assert cfn.whole(found["OldWork"]["Threshold"], 0) > aged_s + settings.queue.visibility_seconds
    for kind in ("Derive", "Summary", "Dream", "Chores"):
        queue = cfn.properties_of(cfn.table(RESOURCES[f"{kind}Queue"], kind), kind)
        visibility = cfn.whole(queue["VisibilityTimeout"], 0)
        assert visibility < cfn.whole(found[f"{kind}QueueOld"]["Threshold"], 0)
    assert cfn.whole(found["ApiSlow"]["Threshold"], 0) < 29_000
    assert cfn.whole(found["ChatSlow"]["Threshold"], 0) < 1000 * cfn.whole(functions["ChatFunction"]["Timeout"], 0)


def test_canary_is_looked_at_as_often_as_it_comes():
    rates = cfn.table(cfn.table(WHOLE["Mappings"], "M")["Canary"], "Canary")
    periods = cfn.table(cfn.table(DOCUMENT["Mappings"], "M")["Canary"], "Canary")
    assert rates.keys() == periods.keys()
    for minutes in rates:
        assert cfn.table(rates[minutes], minutes)["Rate"] == f"rate({minutes} minutes)"
        assert cfn.table(periods[minutes], minutes)["Seconds"] == 60 * int(minutes)
        assert alarms(CanaryMinutes=minutes)["CanaryUnheard"]["Period"] == 60 * int(minutes)
        # Whoever is asked whether it was in time must be asked after that time.
        assert Settings().canary.minutes < int(minutes)


def test_whoever_gave_an_address_is_told_when_it_begins_and_ends():
    for name, alarm in alarms(Email="ops@example.com").items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Topic"}], name
    for name, alarm in alarms().items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [], name


def test_every_alarm_says_what_it_means_under_a_name_of_its_own():
    names = [str(cast(dict[str, Node], alarm["AlarmName"])["Fn::Sub"]) for alarm in alarms().values()]
    assert len(set(names)) == len(names)
    assert all(name.startswith("${Name}-") for name in names)
    assert all(len(str(alarm["AlarmDescription"])) > 30 for alarm in alarms().values())


def test_dashboard_shows_every_metric_that_has_an_alarm_and_nothing_overlaps():
    watched = {(str(a["Namespace"]), str(a["MetricName"])) for a in alarms().values()}
    # Whether the canary is well shows in how long it waits.
    assert watched - {(namespace, name) for namespace, name, _ in shown()} == {(NAMESPACE, Metric.CANARY_OK)}
    cells = [
        (x, y)
        for w in body()["widgets"]
        for x in range(w["x"], w["x"] + w["width"])
        for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_decision_says_how_many_alarms_there_are():
    [page] = (ROOT / "infra" / "decisions").glob("0058-*.md")
    assert f"{len(alarms())} alarms in `warm` and `steady`, {len(alarms('zero'))} in `zero`" in page.read_text()
    assert len(alarms()) == len(alarms("steady"))


def test_door_is_named_as_its_alarm_knows_it():
    door = cfn.properties_of(cfn.table(RESOURCES["Door"], "Door"), "Door")
    assert door["Name"] == {"Fn::Sub": "${AWS::StackName}"}
    assert PASSED["Name"] == {"Ref": "AWS::StackName"}
    assert dimensions(alarms()["DoorErrors"]) == {"ApiName": {"Ref": "Name"}}
