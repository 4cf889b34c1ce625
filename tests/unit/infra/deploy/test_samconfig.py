"""What `samconfig.toml` says for a profile, in the forms that SAM takes."""

from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.deploy import samconfig
from infra.deploy.plan import PROFILES

REAL = ROOT / "samconfig.toml"


@pytest.mark.parametrize(
    "written",
    [
        "'Profile=zero LogDays=7'",
        '\'Profile="zero" LogDays="7"\'',
        '["Profile=zero", "LogDays=7"]',
        '{Profile = "zero", LogDays = 7}',
    ],
)
def test_overrides_in_every_form_are_the_same(tmp_path: Path, written: str):
    place = tmp_path / "samconfig.toml"
    place.write_text(f"version = 0.1\n[zero.deploy.parameters]\nparameter_overrides = {written}\n")
    assert samconfig.overrides(place, "zero") == {"Profile": "zero", "LogDays": "7"}


def test_profile_without_an_environment_has_the_default_one(tmp_path: Path):
    place = tmp_path / "samconfig.toml"
    place.write_text('version = 0.1\n[default.global.parameters]\nstack_name = "mine"\n')
    assert samconfig.environment_of(place, "zero") == "default"
    assert samconfig.stack_name(place, "zero") == "mine"
    assert samconfig.overrides(place, "zero") == {}


def test_without_a_file_there_is_a_name_all_the_same(tmp_path: Path):
    assert samconfig.stack_name(tmp_path / "none.toml", "warm") == "honcho"


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_of_the_real_file_says_which_it_is(profile: str):
    assert samconfig.overrides(REAL, profile)["Profile"] == profile


def test_profiles_have_stacks_of_their_own():
    assert len({samconfig.stack_name(REAL, profile) for profile in PROFILES}) == len(PROFILES)
