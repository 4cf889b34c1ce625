"""`infra build`: SAM builds every function and layer of the template, and Lambda would take them."""

import hashlib
import platform
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.deploy import build, contents, sam, sizes
from infra.local import template
from tests.support.artefact import Build
from tests.support.stacks import NESTED, PARENT, PROFILES, declared

pytestmark = pytest.mark.slow

FUNCTIONS = template.load(ROOT / "template.yaml").functions
LAYERS = {"RuntimeLayer", "ModelsLayer", "ObserveLayer"}
NOT_RUN = "arm64: measured and looked at, not run here; --machine x86_64 builds a twin that runs"


def test_build_makes_every_function_and_layer_for_arm64(arm64_build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    built = arm64_build.folder
    assert build.report(built, "arm64") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[-1] == NOT_RUN) is (platform.machine() != "aarch64")
    assert {line.split()[0] for line in lines} - {"arm64:"} == {*FUNCTIONS, *LAYERS}
    for name in FUNCTIONS:
        assert (built / name / "shared" / "backends.py").is_file()
    assert (built / "MigrateFunction" / "infra" / "migrations" / "versions").is_dir()
    assert (built / "MigrateFunction" / "alembic").is_dir()
    for name, resource in declared(PARENT, "Resources").items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            assert (built / name / "template.yaml").is_file()


def test_libraries_of_the_layers_are_made_for_arm64(arm64_build: Build) -> None:
    for layer in sorted(LAYERS):
        libraries = [*(arm64_build.folder / layer).rglob("*.so*")]
        assert libraries
        assert {sizes.machine_of(library) for library in libraries} == {"arm64"}


@pytest.mark.parametrize("name", sorted([*LAYERS, "MigrateFunction"]))
def test_twin_holds_the_packages_that_are_deployed(native_build: Build, arm64_build: Build, name: str) -> None:
    deployed, run = (contents.versions(_packages(each, name)) for each in (arm64_build, native_build))
    assert len(deployed) > 3
    assert run == deployed


def test_vocabulary_in_the_layer_is_the_one_that_was_published(arm64_build: Build, native_build: Build) -> None:
    [ranks] = [file for file in (ROOT / "layers" / "models" / "encodings").iterdir() if file.suffix == ""]
    for each in (arm64_build, native_build):
        copy = each.folder / "ModelsLayer" / "encodings" / ranks.name
        # What the published hash of these is, tests/unit/layers knows.
        assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(ranks.read_bytes()).digest()


@pytest.mark.parametrize("file", [PARENT, *NESTED])
def test_validate_finds_nothing_wrong_with_a_template(file: str) -> None:
    done = sam.run(["validate", "--lint", "--template", file], quietly=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_validate_takes_each_environment_of_samconfig(profile: str) -> None:
    done = sam.run(["validate", "--lint", "--config-env", "default" if profile == "warm" else profile], quietly=True)
    assert done.returncode == 0, done.stdout


def _packages(made: Build, name: str) -> Path:
    folder = made.folder / name
    return folder / "python" if name in LAYERS else folder
