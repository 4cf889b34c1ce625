"""Where no rate brings tick, whoever may make something due can move the schedule that does, and nobody else."""

import pytest

from infra.local import cloudformation as cfn
from infra.local.cloudformation import Node
from shared.settings import Settings
from tests.support.stacks import PARENT, Rendered, rendered

# Migrations make nothing due that could not wait for the sweep; the canary is not where the database sleeps.
MOVES = {f"{name}Function" for name in ("Api", "Chat", "Deriver", "Summary", "Dream", "Chores", "Tick")}


def zero() -> Rendered:
    return rendered(PARENT, {"Profile": "zero"})


def variables(template: Rendered, name: str) -> dict[str, Node]:
    common = cfn.table(cfn.table(cfn.table(template.document["Globals"], "G")["Function"], "F"), "F")
    own = template.of_type("AWS::Serverless::Function")[name]
    return {**cfn.variables_of(cfn.table(template.choices.settled(common), "F")), **cfn.variables_of(own)}


def test_schedule_that_is_moved_is_the_one_of_the_settings_and_begins_as_never():
    template = zero()
    timer = template.of_type("AWS::Scheduler::Schedule")["Timer"]
    group = template.of_type("AWS::Scheduler::ScheduleGroup")["TimerGroup"]
    assert group["Name"] == {"Fn::Sub": "${AWS::StackName}-timers"}
    for function in MOVES:
        found = variables(template, function)
        assert found["TICK_SCHEDULE"] == timer["Name"], function
        assert found["TICK_SCHEDULE_GROUP"] == timer["GroupName"] == group["Name"], function
    assert (timer["ScheduleExpression"], timer["State"]) == ("at(2099-12-31T00:00:00)", "DISABLED")
    assert timer["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert cfn.table(timer["Target"], "Target")["Arn"] == {"Fn::GetAtt": ["TickFunction", "Arn"]}


def test_functions_that_make_something_due_may_move_the_schedule_and_others_may_not():
    template = zero()
    roles = template.of_type("AWS::IAM::Role")
    may = {name for name, role in roles.items() if {"Ref": "TimerPolicy"} in (role.get("ManagedPolicyArns") or [])}  # type: ignore[operator]
    assert may == {name.removesuffix("Function") + "Role" for name in MOVES}
    policy = cfn.table(template.of_type("AWS::IAM::ManagedPolicy")["TimerPolicy"]["PolicyDocument"], "document")
    move, hand_over = [cfn.table(one, "statement") for one in cfn.items([policy], "Statement")]
    assert move["Action"] == ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    assert str(move["Resource"]).count("schedule/${Group}/${AWS::StackName}-due") == 1
    assert str(move["Resource"]).endswith("{'Group': {'Ref': 'TimerGroup'}}]}")
    assert (hand_over["Action"], hand_over["Resource"]) == ("iam:PassRole", {"Fn::GetAtt": ["TimerRole", "Arn"]})
    assert hand_over["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


@pytest.mark.parametrize("profile", ["warm", "steady"])
def test_where_tick_has_its_rate_there_is_no_schedule_to_move(profile: str):
    template = rendered(PARENT, {"Profile": profile})
    assert not [name for name in template.resources if name.startswith("Timer")]
    for function in MOVES:
        found = variables(template, function)
        # An empty value counts as not set.
        assert found["TICK_SCHEDULE"] == Settings().tick.schedule == "", function
    assert "TimerPolicy" not in str(template.of_type("AWS::IAM::Role"))


def test_nothing_that_sleeps_is_woken_at_a_rate():
    functions = zero().of_type("AWS::Serverless::Function")
    assert "CanaryFunction" not in functions
    schedules = [
        cfn.properties_of(cfn.table(event, name), name)["ScheduleExpression"]
        for name, function in functions.items()
        for event in cfn.table(function.get("Events") or {}, name).values()
        if cfn.table(event, name)["Type"] in ("Schedule", "ScheduleV2")
    ]
    # The sweep, once a day.
    assert [str(one).split()[-1] for one in schedules] == ["*)"]
    assert all(str(one).startswith("cron(") for one in schedules)
