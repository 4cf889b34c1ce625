"""The timer, through the genuine client and the protocol of EventBridge Scheduler."""

from datetime import timedelta, timezone
from typing import Any, Final

import pytest

from shared.backends import open_backends
from shared.domain.errors import TimerUnavailable
from shared.queue.timer import NoTimer, Timer, open_timer
from shared.settings import Settings
from shared.settings.sections import TickSettings
from tests.support.backends import THEN, FrozenClock
from tests.support.scheduler_server import SchedulerServer

SETTINGS: Final = TickSettings(schedule="stack-tick", schedule_group="stack-timers")
TARGET: Final[dict[str, Any]] = {
    "Arn": "arn:aws:lambda:eu-west-1:123456789012:function:stack-tick",
    "RoleArn": "arn:aws:iam::123456789012:role/stack-timer",
    "RetryPolicy": {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 600},
}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def server(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch):
    with SchedulerServer(clock.now) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SCHEDULER", running.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        running.makes("stack-timers", "stack-tick", Target=TARGET, Description="made by the template", State="DISABLED")
        yield running


@pytest.fixture
def timer(server: SchedulerServer) -> Timer:
    return open_timer(SETTINGS)


def values(server: SchedulerServer) -> dict[str, Any]:
    return server.schedules["stack-timers", "stack-tick"].values


def test_timer_moves_the_schedule_of_its_settings_and_no_other(server: SchedulerServer, timer: Timer):
    for group, name in (("default", "stack-tick"), ("stack-timers", "other")):
        server.makes(group, name)
    others = {key: made.values for key, made in server.schedules.items() if key != ("stack-timers", "stack-tick")}

    # Wherever the clock is that tells it, the schedule is in UTC.
    timer.set((THEN + timedelta(hours=3, seconds=7)).astimezone(timezone(timedelta(hours=-5))))

    assert values(server)["ScheduleExpression"] == "at(2031-05-06T10:00:07)"
    assert (values(server)["ScheduleExpressionTimezone"], values(server)["State"]) == ("UTC", "ENABLED")
    assert {key: made.values for key, made in server.schedules.items() if key in others} == others


def test_timer_replaces_the_schedule_with_all_that_the_template_made(server: SchedulerServer, timer: Timer):
    timer.set(THEN + timedelta(minutes=1))

    assert values(server)["Target"] == TARGET
    assert values(server)["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert values(server)["Description"] == "made by the template"


def test_timer_that_is_not_needed_is_far_away_and_disabled(server: SchedulerServer, timer: Timer, clock: FrozenClock):
    timer.set(THEN + timedelta(minutes=1))
    timer.set(None)

    assert (values(server)["ScheduleExpression"], values(server)["State"]) == ("at(2099-12-31T00:00:00)", "DISABLED")
    clock.advance(minutes=2)
    assert server.fires() == []


def test_timer_fires_once_and_can_be_set_again(server: SchedulerServer, timer: Timer, clock: FrozenClock):
    timer.set(THEN + timedelta(minutes=1))
    clock.advance(seconds=59)
    assert server.fires() == []
    clock.advance(seconds=1)
    assert [server.fires(), server.fires()] == [["stack-tick"], []]

    timer.set(clock.now() + timedelta(minutes=1))
    clock.advance(minutes=1)
    assert server.fires() == ["stack-tick"]


def test_timer_asks_once_what_is_to_be_kept_and_again_after_a_refusal(server: SchedulerServer, timer: Timer):
    for minutes in (3, 2):
        timer.set(THEN + timedelta(minutes=minutes))
    with pytest.raises(TimerUnavailable):
        timer.set(THEN - timedelta(seconds=1))
    server.schedules["stack-timers", "stack-tick"].values["Target"] = {**TARGET, "RoleArn": "arn:aws:iam::1:role/new"}
    timer.set(THEN + timedelta(minutes=1))

    asked = ["GetSchedule", "UpdateSchedule", "UpdateSchedule", "UpdateSchedule", "GetSchedule", "UpdateSchedule"]
    assert [operation for operation, _ in server.asked] == asked
    assert values(server)["Target"]["RoleArn"] == "arn:aws:iam::1:role/new"


def test_timer_when_the_schedule_is_gone_or_nobody_answers_is_unavailable(server: SchedulerServer, timer: Timer):
    server.refuses = 2
    with pytest.raises(TimerUnavailable, match="InternalServerException"):
        timer.set(THEN + timedelta(minutes=1))
    # One refusal is tried again by the client itself.
    server.refuses = 1
    timer.set(THEN + timedelta(minutes=1))
    server.schedules.clear()
    with pytest.raises(TimerUnavailable):
        timer.set(THEN + timedelta(minutes=2))


def test_backends_have_the_timer_of_their_settings_or_none(server: SchedulerServer):
    assert isinstance(open_backends(Settings()).timer, NoTimer)
    assert not open_backends(Settings()).timer.is_used

    timer = open_backends(Settings(tick=SETTINGS)).timer
    timer.set(THEN + timedelta(minutes=1))

    assert timer.is_used
    assert values(server)["ScheduleExpression"] == "at(2031-05-06T07:01:00)"
