"""The estimate of a month's bill: prices that are there for everything, facts that come from the template."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.deploy.bill import MESSAGES_TO, SECONDS, Traffic, bill, by_service, calls, total
from infra.deploy.cost import cost
from infra.deploy.footprint import HOURS, Footprint, FunctionFootprint, calls_per_month, footprint, types_of
from infra.deploy.prices import FROM_MEMORY, price_table

TEMPLATE = ROOT / "template.yaml"
TRAFFIC = Traffic(requests=75_000, messages=30_000, chats=3_000, storage_gb=5, awake_hours=90)
PROFILES = ("zero", "warm", "steady")
NOTHING = Footprint(
    Counter(),
    (),
    least_acu=0,
    pauses=False,
    backup_days=0,
    log_days=0,
    secrets=0,
    alarm_metrics=0,
    detailed_metrics=0,
    endpoint_zones=0,
)


def lines(there: Footprint, traffic: Traffic = TRAFFIC, *, free: bool = False) -> dict[str, float]:
    return {line.unit: line.usd for line in bill(there, traffic, price_table(), with_free_tier=free)}


def test_every_type_of_resource_in_the_templates_has_a_price_or_is_known_to_cost_nothing():
    assert price_table().unpriced(types_of(TEMPLATE)) == set()


def test_every_price_says_where_it_stood_and_when():
    for price in price_table().prices.values():
        assert price.usd > 0
        assert price.source == FROM_MEMORY or price.source.startswith("https://")
        assert price.seen <= datetime.now(UTC).date()


def test_every_function_of_the_template_has_an_assumed_duration():
    functions = {one.name for one in footprint(TEMPLATE, {"Profile": "warm"}).functions}
    assert functions <= set(SECONDS)
    assert set(MESSAGES_TO) <= functions


@pytest.mark.parametrize("profile", PROFILES)
def test_footprint_is_what_the_template_says_of_a_profile(profile: str):
    there = footprint(TEMPLATE, {"Profile": profile})
    gateways = {"zero": 0, "warm": 1, "steady": 2}[profile]
    assert there.kinds["AWS::EC2::NatGateway"] == gateways
    assert there.kinds["AWS::RDS::DBProxy"] == (profile != "zero")
    assert there.pauses == (profile == "zero")
    assert {one.memory_gb for one in there.functions if one.name == "ApiFunction"} == {1.0}
    assert bool(sum(one.ready for one in there.functions)) == (profile == "steady")
    (tick,) = [one for one in there.functions if one.name == "TickFunction"]
    assert tick.scheduled == pytest.approx(HOURS / 24 if profile == "zero" else HOURS * 60)


def test_footprint_with_a_database_of_ones_own_has_none():
    there = footprint(TEMPLATE, {"Profile": "warm", "DbConnectionUri": "x", "OwnerConnectionUri": "y"})
    assert there.kinds["AWS::RDS::DBCluster"] == 0
    assert "Aurora" not in by_service(bill(there, TRAFFIC, price_table(), with_free_tier=False))


def test_footprint_follows_the_template(tmp_path: Path):
    text = TEMPLATE.read_text()
    (tmp_path / "infra").symlink_to(ROOT / "infra")
    changed = tmp_path / "template.yaml"
    alarm = """
  Late:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - {Id: a, MetricStat: {Stat: Sum}}
        - {Id: b, MetricStat: {Stat: Sum}}
        - {Id: c, Expression: a / b}
  Failing:
    Type: AWS::CloudWatch::Alarm
    Properties: {MetricName: Errors}
"""
    changed.write_text(text.replace("MemorySize: 1024", "MemorySize: 2048").replace("\nOutputs:", f"{alarm}\nOutputs:"))
    before, after = footprint(TEMPLATE, {"Profile": "warm"}), footprint(changed, {"Profile": "warm"})
    assert after.alarm_metrics == before.alarm_metrics + 3
    doubled = {one.name: one.memory_gb * 2 for one in before.functions if one.memory_gb == 1}
    assert doubled
    assert {one.name: one.memory_gb for one in after.functions if one.name in doubled} == doubled


def test_bill_of_a_door_and_one_function_is_what_a_person_works_out():
    api = FunctionFootprint("ApiFunction", 0.5, ready=0, reserved=0, keeps_snapshot=False, scheduled=0, queues=0)
    there = replace(NOTHING, functions=(api,), log_days=30, secrets=2)
    found = lines(there, Traffic(requests=2_000_000, messages=0, chats=0, storage_gb=0, awake_hours=0))
    assert found["million requests"] == pytest.approx(2 * 0.20)
    assert found["GB-second, arm64"] == pytest.approx(2_000_000 * 0.08 * 0.5 * 0.0000133334)
    assert found["million requests, REST"] == pytest.approx(7.00)
    assert found["secret"] == pytest.approx(0.80)


def test_bill_of_a_database_counts_each_instance_for_every_hour():
    kinds = Counter({"AWS::RDS::DBInstance": 2, "AWS::RDS::DBProxy": 1})
    idle = Traffic(requests=0, messages=0, chats=0, storage_gb=10, awake_hours=90)
    found = lines(replace(NOTHING, kinds=kinds, least_acu=2, backup_days=7), idle)
    assert found["ACU-hour"] == pytest.approx(2 * 2 * 730 * 0.12)
    assert found["ACU-hour, at least 8 ACU"] == pytest.approx(8 * 730 * 0.015)
    assert found["GB-month"] == pytest.approx(1.00)


def test_bill_of_a_database_that_pauses_counts_the_hours_in_which_it_does_not():
    kinds = Counter({"AWS::RDS::DBInstance": 1})
    idle = Traffic(requests=0, messages=0, chats=0, storage_gb=0, awake_hours=90)
    found = lines(replace(NOTHING, kinds=kinds, pauses=True), idle)
    assert found["ACU-hour"] == pytest.approx(0.5 * 90 * 0.12)


@pytest.mark.parametrize("profile", PROFILES)
def test_bill_grows_with_traffic_and_never_with_the_free_tier(profile: str):
    there = footprint(TEMPLATE, {"Profile": profile})
    more = Traffic(*(10 * one for one in (75_000, 30_000, 3_000, 5, 9)))
    plain = total(bill(there, TRAFFIC, price_table(), with_free_tier=False))
    assert total(bill(there, more, price_table(), with_free_tier=False)) > plain
    assert total(bill(there, TRAFFIC, price_table(), with_free_tier=True)) < plain


def test_bill_of_the_profiles_rises_from_zero_to_steady():
    sums = [
        total(bill(footprint(TEMPLATE, {"Profile": one}), TRAFFIC, price_table(), with_free_tier=False))
        for one in PROFILES
    ]
    assert sums == sorted(sums)


def test_calls_of_a_function_that_nobody_knows_are_those_of_its_schedule():
    unknown = FunctionFootprint("NewFunction", 1, ready=0, reserved=0, keeps_snapshot=False, scheduled=12, queues=0)
    assert calls(unknown, TRAFFIC, pauses=False) == 12


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("rate(1 minute)", HOURS * 60),
        ("rate(15 minutes)", HOURS * 4),
        ("rate(1 day)", HOURS / 24),
        ("cron(17 3 * * ? *)", HOURS / 24),
        ("cron(0/15 * * * ? *)", HOURS * 4),
        ("cron(0 6,18 * * ? *)", HOURS / 12),
        ("at(2026-11-28T00:00:00)", 1),
    ],
)
def test_calls_per_month_of_a_schedule(expression: str, times: float):
    assert calls_per_month(expression) == pytest.approx(times)


def test_cost_as_json_gives_every_line_and_the_models_apart(capsys: pytest.CaptureFixture[str]):
    assert cost(["--json", "--messages", "1000", "--model", "anthropic/claude-haiku-4-5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["profiles"]) == set(PROFILES)
    for one in found["profiles"].values():
        assert one["usd"] == pytest.approx(sum(line["usd"] for line in one["lines"]), abs=0.01)
    assert found["models"][0]["model"] == "anthropic/claude-haiku-4-5"
    assert found["models"][0]["usd"] > 0


def test_cost_as_a_table_shows_each_service_once_and_what_was_not_looked_up(capsys: pytest.CaptureFixture[str]):
    assert cost([]) == 0
    said = capsys.readouterr().out
    assert said.count("\nRDS Proxy") == 1
    assert "From memory and not looked up" in said
    assert "proxy.acu" in said


def test_cost_of_tokens_that_are_given_is_theirs(capsys: pytest.CaptureFixture[str]):
    given = ["--json", "--model", "openai/gpt-5.4-mini", "--input-tokens", "2e6", "--output-tokens", "1e6"]
    assert cost(given) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["usd"] == pytest.approx(2 * 0.75 + 4.50)


def test_cost_of_a_model_without_a_price_says_so(capsys: pytest.CaptureFixture[str]):
    assert cost(["--model", "custom/nobodys"]) == 0
    assert "no price known" in capsys.readouterr().out


def test_cost_with_a_parameter_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]):
    assert cost(["--parameter", "Profiles=warm"]) == 1
    assert "did you mean Profile?" in capsys.readouterr().err
