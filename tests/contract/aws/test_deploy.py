"""`deploy` with the genuine SAM CLI and boto3 against an account on this machine."""

import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import jwt
import pytest

from infra.bootstrap import ROOT
from infra.deploy.deploy import deploy
from infra.deploy.package import package
from infra.local import cloudformation as cfn
from tests.support.aws.account import NUMBER
from tests.support.aws.deployment import KEY_SECRET, MODEL_KEY, SIGNING, Machine, machine
from tests.support.aws.protocol import Fault
from tests.support.aws.stacks import Stack


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Machine]:
    with machine(tmp_path, monkeypatch) as one:
        one.account.stacks.outputs["BaseUrl"] = "https://api.example.com/"
        yield one


def stack_of(here: Machine, name: str = "honcho") -> Stack:
    return here.account.stacks.find(name)


def deployed(here: Machine, *more: str):
    return here.run(deploy, *here.deploying, "--no-smoke", "--parameter", MODEL_KEY, *more)


def test_deploy_when_new_makes_every_resource_and_prints_url_and_key_once(here: Machine):
    ran = deployed(here)

    assert (ran.code, ran.err) == (0, "")
    assert stack_of(here).status == "CREATE_COMPLETE"
    assert {"Network", "Data", "ApiFunction", "KeySecret"} <= set(stack_of(here).resources)
    assert "base URL: https://api.example.com\n" in ran.out
    assert "Data/Cluster" in ran.out
    key = re.findall(r"eyJ[\w.-]+", ran.out)
    assert len(key) == 1
    claims = jwt.decode(key[0], SIGNING, algorithms=["HS256"])
    assert claims["ad"] is True
    assert "exp" not in claims


@pytest.mark.slow
def test_deploy_when_nothing_changed_says_so_and_keeps_the_key_to_itself(here: Machine):
    deployed(here)
    ran = deployed(here)
    assert (ran.code, ran.err) == (0, "")
    assert "Nothing changes" in ran.out
    assert "eyJ" not in ran.out
    assert "eyJ" in deployed(here, "--new-key").out


@pytest.mark.slow
def test_deploy_with_a_changed_parameter_updates_and_keeps_the_others(here: Machine):
    deployed(here, "--profile", "warm")
    ran = here.run(deploy, *here.deploying, "--no-smoke", "--parameter", "LogLevel=DEBUG")
    assert (ran.code, ran.err) == (0, "")
    found = stack_of(here)
    assert found.status == "UPDATE_COMPLETE"
    assert (found.parameters["LogLevel"], found.parameters["Profile"]) == ("DEBUG", "warm")
    assert MODEL_KEY.partition("=")[2] == found.parameters["OpenAiKey"]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["zero", "steady"])
def test_deploy_of_a_profile_takes_its_environment_of_samconfig(here: Machine, profile: str):
    assert deployed(here, "--profile", profile).code == 0
    found = stack_of(here, f"honcho-{profile}")
    assert found.parameters["Profile"] == profile
    assert {"Key": "profile", "Value": profile} in found.tags
    assert any(one.startswith(f"{NUMBER}") or f"honcho-{profile}/" in one for one in here.account.buckets.objects)


@pytest.mark.slow
def test_deploy_when_a_resource_of_a_nested_stack_fails_tells_which_and_why(here: Machine):
    here.account.stacks.failing["Data/Cluster"] = "Cannot find version 18.4 for aurora-postgresql"
    ran = deployed(here)
    assert ran.code == 1
    assert "First to fail: Data/Cluster (AWS::RDS::DBCluster)" in ran.err
    assert "Cannot find version 18.4" in ran.err
    assert "another region" in ran.err
    assert "eyJ" not in ran.out

    here.account.stacks.failing.clear()
    again = deployed(here)
    assert (again.code, again.err) == (0, "")
    assert "what is left of the first attempt" in again.out


@pytest.mark.slow
def test_deploy_when_an_update_fails_says_that_the_old_version_runs_on(here: Machine):
    deployed(here)
    here.account.stacks.failing["ChatFunction"] = "Layer version is not accessible"
    ran = deployed(here, "--parameter", "LogLevel=DEBUG")
    assert ran.code == 1
    assert "First to fail: ChatFunction" in ran.err
    assert "old version runs on" in ran.err
    assert stack_of(here).status == "UPDATE_ROLLBACK_COMPLETE"


@pytest.mark.slow
def test_deploy_that_would_replace_what_holds_data_is_refused_in_spite_of_yes(here: Machine):
    here.given_stack()
    ran = deployed(here, "--parameter", "JwtSecret=a secret of the operator's own, long enough")
    assert ran.code == 1
    assert "KeySecret" in ran.err
    assert "Nothing was changed" in ran.err
    assert "KeySecret" in stack_of(here).resources
    assert all("operator" not in said for said in (ran.out, ran.err))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--parameter", "Profil=warm"), "did you mean Profile?"),
        (("--parameter", "LogDays=8"), "LogDays must be one of"),
        (("--parameter", "BackupDays=99"), "BackupDays must be at most 35"),
        (("--parameter", "BackupDays=many"), "BackupDays must be a number"),
        (("--parameter", "AnthropicKey=sk-planted"), "give the ARN of a secret"),
        (("--parameter", "DbConnectionUri=planted"), "give OwnerConnectionUri"),
        (("--parameter", "Vpc=given"), "give VpcId, SubnetIds and SecurityGroupIds"),
        (("--parameter", "VectorStore=turbopuffer"), "give TurbopufferKey"),
        (("--parameter", "planted"), "--parameter number 2 is not of the form"),
    ],
)
def test_deploy_with_a_parameter_that_cannot_be_is_refused_before_anything_is_uploaded(
    here: Machine, given: tuple[str, ...], told: str
):
    ran = deployed(here, *given)
    assert ran.code == 1
    assert told in ran.err
    assert "planted" not in ran.err
    assert here.account.buckets.objects == {}
    assert here.account.stacks.all == []


def test_deploy_in_an_account_with_too_small_a_quota_says_so_before_anything_is_built(here: Machine):
    here.account.executions = 10
    ran = deployed(here)
    assert ran.code == 1
    assert "has 10 left in eu-west-1" in ran.err
    assert "Reserve=false" in ran.err
    assert here.account.stacks.all == []


def test_deploy_over_a_stack_of_something_else_is_refused(here: Machine):
    here.given_stack().document["Description"] = "Payroll"
    ran = deployed(here)
    assert ran.code == 1
    assert "something else (Payroll)" in ran.err


@pytest.mark.slow
def test_deploy_without_a_model_warns_and_goes_on(here: Machine):
    ran = here.run(deploy, *here.deploying, "--no-smoke")
    assert ran.code == 0
    assert "warning: no model is configured" in ran.err


def test_deploy_without_credentials_says_how_to_log_in(here: Machine, monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    ran = deployed(here)
    assert ran.code == 1
    assert "no AWS credentials" in ran.err
    assert "aws sso login" in ran.err


@pytest.mark.parametrize(
    ("code", "told"),
    [("ExpiredToken", "have expired"), ("InvalidClientTokenId", "does not know the credentials")],
)
def test_deploy_with_credentials_that_do_not_hold_says_so(here: Machine, code: str, told: str):
    here.account.refusal = Fault(code, "The security token included in the request is not good", 403)
    ran = deployed(here)
    assert ran.code == 1
    assert told in ran.err
    assert "Nothing was built or changed" in ran.err


def test_deploy_without_a_region_asks_for_one(here: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    ran = deployed(here)
    assert ran.code == 1
    assert "--region" in ran.err


@pytest.mark.slow
def test_deploy_where_credentials_may_not_change_stacks_repeats_what_aws_says(here: Machine):
    here.account.stacks.failing["DoorLogRole"] = "User tester is not authorized to perform: iam:CreateRole"
    ran = deployed(here)
    assert ran.code == 1
    assert "iam:CreateRole" in ran.err
    assert "deploy with a role" in ran.err


def test_deploy_without_a_terminal_demands_yes(here: Machine):
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from infra.deploy.deploy import deploy; sys.exit(deploy(sys.argv[1:]))",
         "--no-build", "--built", str(here.built)],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert "Traceback" not in done.stderr
    assert here.account.buckets.objects == {}


@pytest.mark.slow
def test_deploy_into_a_bucket_that_is_not_there_repeats_what_sam_says(here: Machine):
    here.account.buckets.missing.add("nowhere")
    ran = deployed(here, "--bucket", "nowhere")
    assert ran.code == 1
    assert "nowhere" in ran.err


@pytest.mark.slow
def test_deploy_signs_no_key_with_a_secret_it_cannot_read(here: Machine):
    del here.account.secrets[KEY_SECRET]
    ran = deployed(here)
    assert "ResourceNotFoundException" in ran.err
    assert "base URL" in ran.out
    assert "eyJ" not in ran.out


@pytest.mark.slow
def test_package_leaves_a_template_without_a_path_of_this_machine(here: Machine, tmp_path: Path):
    into = tmp_path / "packaged.yaml"
    ran = here.run(package, "--bucket", "artefacts", "--no-build", "--built", str(here.built), "--into", str(into))
    assert (ran.code, ran.err) == (0, "")
    resources = cfn.table(cfn.read(into)["Resources"], "Resources")
    uris = [
        str(cfn.properties_of(cfn.table(one, name), name)[part])
        for name, one in resources.items()
        for kind, part in (("Function", "CodeUri"), ("LayerVersion", "ContentUri"))
        if cfn.table(one, name)["Type"] == f"AWS::Serverless::{kind}"
    ]
    assert uris
    assert all(uri.startswith("s3://artefacts/honcho-package/") for uri in uris)
    assert str(tmp_path) not in into.read_text()
    assert {uri.removeprefix("s3://") for uri in uris} <= set(here.account.buckets.objects)
