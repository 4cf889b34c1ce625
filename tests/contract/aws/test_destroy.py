"""`destroy` with the genuine boto3 against an account on this machine: what goes, what is cleared, what stays."""

from collections.abc import Generator
from pathlib import Path

import pytest

from infra.deploy.destroy import destroy
from tests.support.aws.deployment import KEY_SECRET, Machine, Ran, machine
from tests.support.aws.stacks import Stack

BUCKET = "artefacts"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Machine]:
    with machine(tmp_path, monkeypatch) as one:
        yield one


@pytest.fixture
def stack(here: Machine) -> Stack:
    """A deployed stack with everything that services leave beside it, and some of other stacks."""
    found = here.given_stack()
    account = here.account
    account.clusters[cluster_of(here)] = False
    # The second version is that of another stack from the same template.
    account.layers = {"RuntimeLayer": {1, 2}, "ModelsLayer": {1}, "SomebodyElses": {1}}
    account.log_groups = {
        f"/aws/lambda/{found.resources['ApiFunction'][1]}",
        f"API-Gateway-Execution-Logs_{found.resources['Door'][1]}/v3",
        f"/aws/rds/cluster/{cluster_of(here)}/postgresql",
        *of_others(here),
    }
    account.buckets.objects[f"{BUCKET}/other/part"] = b""
    return found


def cluster_of(here: Machine) -> str:
    (found,) = [
        one
        for stack in here.account.stacks.all
        for kind, one in stack.resources.values()
        if kind == "AWS::RDS::DBCluster"
    ]
    return found


def of_others(here: Machine) -> set[str]:
    """Log groups of other stacks, one of which has a name that begins like this one's."""
    return {"/aws/lambda/somebody-elses", f"/aws/rds/cluster/{cluster_of(here)}-zero/postgresql"}


def destroyed(here: Machine, *more: str) -> Ran:
    return here.run(destroy, "--yes", "--poll", "0.01", "--bucket", BUCKET, *more)


def test_destroy_leaves_nothing_but_what_is_the_accounts(here: Machine, stack: Stack):
    others = of_others(here)
    ran = destroyed(here)

    assert (ran.code, ran.err) == (0, "")
    account = here.account
    assert stack.status == "DELETE_COMPLETE"
    assert account.clusters == {}
    assert account.snapshots == {}
    assert account.layers == {"RuntimeLayer": {2}, "ModelsLayer": set(), "SomebodyElses": {1}}
    assert account.log_groups == others
    assert list(account.buckets.objects) == [f"{BUCKET}/other/part"]
    assert "one for the whole account" in ran.out
    assert "Still there" not in ran.out


def test_destroy_lists_what_will_go_before_it_goes(here: Machine, stack: Stack):
    ran = destroyed(here)
    listed = ran.out.partition("The stack is deleted")[0]
    assert "AWS::Lambda::Function" in listed
    assert "AWS::RDS::DBCluster" in listed
    assert "--keep-data leaves one" in listed


def test_destroy_that_keeps_the_data_makes_a_snapshot_first_and_says_its_name(here: Machine, stack: Stack):
    cluster = cluster_of(here)
    ran = destroyed(here, "--keep-data")
    assert ran.code == 0
    (kept,) = here.account.snapshots
    assert kept.startswith("honcho-final-")
    assert here.account.snapshots == {kept: cluster}
    assert f"the snapshot {kept}" in ran.out.partition("Stays on purpose")[2]
    asked = here.server.asked
    assert asked.index("rds.CreateDBClusterSnapshot") < asked.index("cloudformation.DeleteStack")


def test_destroy_takes_no_snapshot_away_that_somebody_made(here: Machine, stack: Stack):
    here.account.snapshots["my-snapshot-of-june"] = cluster_of(here)
    ran = destroyed(here)
    assert set(here.account.snapshots) == {"my-snapshot-of-june"}
    assert "my-snapshot-of-june" in ran.out


def test_destroy_of_what_is_protected_takes_the_protection_away(here: Machine, stack: Stack):
    here.account.clusters[cluster_of(here)] = True
    stack.is_protected = True
    ran = destroyed(here)
    assert ran.code == 0
    assert stack.status == "DELETE_COMPLETE"
    assert ran.out.count("is off now") == 2


def test_destroy_that_stops_half_way_says_why_and_goes_on_later(here: Machine, stack: Stack):
    others = of_others(here)
    here.account.stacks.failing["delete FunctionSecurityGroup"] = "resource sg-1 has a dependent object"
    ran = destroyed(here)
    assert ran.code == 1
    assert "Network/FunctionSecurityGroup" in ran.err
    assert "dependent object" in ran.err
    assert "run the same command again" in ran.err

    here.account.stacks.failing.clear()
    again = destroyed(here)
    assert (again.code, again.err) == (0, "")
    assert here.account.layers["RuntimeLayer"] == {2}
    assert here.account.log_groups == others


def test_destroy_tells_what_it_could_not_take_away(here: Machine, stack: Stack):
    here.account.interfaces = [{"NetworkInterfaceId": "eni-1"}]
    here.account.pending_secrets = {KEY_SECRET}
    ran = destroyed(here)
    assert ran.code == 1
    assert "eni-1" in ran.out.partition("Still there")[2]
    assert "the secret KeySecret, deleted" in ran.out


def test_destroy_of_a_stack_that_is_not_there_changes_nothing(here: Machine):
    ran = destroyed(here, "--stack-name", "nobody")
    assert (ran.code, ran.err) == (0, "")
    assert "There is no stack nobody" in ran.out


def test_destroy_of_a_stack_of_something_else_is_refused(here: Machine, stack: Stack):
    stack.document["Description"] = "Payroll"
    ran = destroyed(here)
    assert ran.code == 1
    assert "something else (Payroll)" in ran.err
    assert stack.status == "CREATE_COMPLETE"


def test_destroy_without_a_terminal_demands_yes(here: Machine, stack: Stack):
    ran = here.run(destroy, "--poll", "0.01")
    assert ran.code == 1
    assert "--yes" in ran.err
    assert stack.status == "CREATE_COMPLETE"


@pytest.mark.parametrize(("answer", "gone"), [("honcho", True), ("yes", False), ("", False)])
def test_destroy_asks_for_the_name(
    here: Machine, stack: Stack, monkeypatch: pytest.MonkeyPatch, answer: str, gone: bool
):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    ran = here.run(destroy, "--poll", "0.01")
    assert (ran.code == 0, stack.status == "DELETE_COMPLETE") == (gone, gone)
