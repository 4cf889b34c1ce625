"""A stack that is watched while it is made: what is told, and what failed first."""

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.deploy.account import Account, open_account
from infra.deploy.follow import Watch, advice, first_failure
from infra.deploy.stack import Event, describe, resources
from tests.support.aws.deployment import Machine, machine


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Machine]:
    with machine(tmp_path, monkeypatch) as one:
        yield one


def watched(here: Machine, account: Account) -> tuple[Watch, list[str]]:
    told: list[str] = []
    change_set = here.begun()
    found = describe(account, "honcho")
    assert found is not None
    watch = Watch(account, found.arn, say=told.append, poll_s=0.01)
    account.client("cloudformation").execute_change_set(ChangeSetName=change_set)
    return watch, told


def test_watch_tells_every_resource_of_nested_stacks_once_by_its_path(here: Machine):
    account = open_account(None)
    watch, told = watched(here, account)
    assert watch.until_rest().status == "CREATE_COMPLETE"
    assert first_failure(watch.seen) is None
    made = [line.split("CREATE_COMPLETE")[1].split()[0] for line in told if "CREATE_COMPLETE" in line]
    assert len(made) == len(set(made))
    assert {*made} - {"the"} == {one.path for one in resources(account, "honcho")}
    assert "Data/Cluster" in made


def test_watch_begins_where_it_was_begun(here: Machine):
    here.given_stack()
    found = describe(account := open_account(None), "honcho")
    assert found is not None
    told: list[str] = []
    watch = Watch(account, found.arn, say=told.append, poll_s=0.01)
    assert watch.until_rest().status == "CREATE_COMPLETE"
    assert (watch.seen, told) == ([], [])


def test_first_failure_is_the_part_and_not_the_stack_around_it_nor_what_was_cancelled(here: Machine):
    here.account.stacks.failing["Proxy/Proxy"] = "The maximum number of proxies was reached"
    watch, told = watched(here, open_account(None))
    assert watch.until_rest().status == "ROLLBACK_COMPLETE"
    failed = first_failure(watch.seen)
    assert failed is not None
    assert (failed.path, failed.reason) == ("Proxy/Proxy", "The maximum number of proxies was reached")
    assert any("Proxy/Proxy" in line and "maximum number" in line for line in told)


@pytest.mark.parametrize(
    ("kind", "reason", "told"),
    [
        (
            "AWS::ApiGateway::Stage",
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
            "ApiGatewayLogRole=set",
        ),
        (
            "AWS::Lambda::Function",
            "Specified ReservedConcurrentExecutions decreases account's UnreservedConcurrentExecution below 10",
            "Reserve=false",
        ),
        ("AWS::RDS::DBCluster", "User is not authorized to perform: rds:CreateDBCluster", "with a role"),
        ("AWS::SQS::Queue", "honcho-derive.fifo already exists in stack arn:...", "--stack-name"),
        ("AWS::EC2::VPC", "The maximum number of VPCs has been reached", "Service Quotas"),
        ("Custom::Migration", "0015 failed: relation already exists", "MigrateFunction"),
        ("AWS::SQS::Queue", "Something else", ""),
    ],
)
def test_advice_on_a_failure_says_what_to_do(kind: str, reason: str, told: str):
    failed = Event("1", datetime.now(UTC), "Here", kind, "", "CREATE_FAILED", reason)
    assert told in advice(failed)
    assert bool(told) == bool(advice(failed))
