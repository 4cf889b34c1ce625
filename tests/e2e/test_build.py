"""`infra build`: SAM builds every function and layer of the template, and Lambda would take them."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.deploy import sam
from infra.local import template
from tests.support.stacks import NESTED, PARENT, PROFILES, declared

pytestmark = pytest.mark.slow


def test_build_makes_every_function_and_layer_for_arm64(tmp_path: Path) -> None:
    built = tmp_path / "build"
    command = [sys.executable, "-m", "infra", "build", "--into", str(built)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    functions = template.load(ROOT / "template.yaml").functions
    for name in functions:
        assert (built / name / "shared" / "backends.py").is_file()
    assert (built / "MigrateFunction" / "infra" / "migrations" / "versions").is_dir()
    assert (built / "MigrateFunction" / "alembic").is_dir()
    assert (built / "ModelsLayer" / "encodings").is_dir()
    for name, resource in declared(PARENT, "Resources").items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            assert (built / name / "template.yaml").is_file()
    lines = done.stdout.splitlines()[1:]
    assert lines.pop() == "arm64: measured and looked at, not run here; --machine x86_64 builds a twin that runs"
    layers = {"RuntimeLayer", "ModelsLayer", "ObserveLayer"}
    assert {line.split()[0] for line in lines} == {*functions, *layers}


@pytest.mark.parametrize("file", [PARENT, *NESTED])
def test_validate_finds_nothing_wrong_with_a_template(file: str) -> None:
    done = sam.run(["validate", "--lint", "--template", file], quietly=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_validate_takes_each_environment_of_samconfig(profile: str) -> None:
    done = sam.run(["validate", "--lint", "--config-env", "default" if profile == "warm" else profile], quietly=True)
    assert done.returncode == 0, done.stdout
