"""The environments of `samconfig.toml`: one for each profile, alike in everything but what tells them apart."""

import tomllib
from typing import Any, Final

import pytest

from infra.bootstrap import ROOT
from infra.local import template as sam
from tests.architecture.test_rules import broken
from tests.support.stacks import PARENT, PROFILES, declared

CONFIG: Final[dict[str, Any]] = tomllib.loads((ROOT / "samconfig.toml").read_text())
ENVIRONMENTS: Final = {"zero": "zero", "warm": "default", "steady": "steady"}


def parameters(profile: str, command: str) -> dict[str, Any]:
    return CONFIG[ENVIRONMENTS[profile]][command]["parameters"]


def overrides(profile: str) -> dict[str, str]:
    """The values that an environment gives to parameters of the template."""
    return dict(pair.split("=", 1) for pair in parameters(profile, "deploy")["parameter_overrides"].split())


def test_every_profile_has_an_environment_and_a_stack_of_its_own():
    assert {name for name, one in CONFIG.items() if isinstance(one, dict)} == set(ENVIRONMENTS.values())
    names = [parameters(profile, "global")["stack_name"] for profile in PROFILES]
    assert len(set(names)) == len(PROFILES)
    assert parameters("warm", "global")["stack_name"] == sam.STACK_NAME
    # The database takes the name of the stack, and knows small letters only.
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize("profile", PROFILES)
def test_environment_says_its_profile_and_what_the_template_takes(profile: str):
    given = overrides(profile)
    assert given["Profile"] == profile
    assert f"profile={profile}" in parameters(profile, "deploy")["tags"].split()
    for name, value in given.items():
        allowed = declared(PARENT, "Parameters")[name].get("AllowedValues")
        assert allowed is None or value in [str(one) for one in allowed]
    assert broken(given) == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_environments_differ_in_nothing_else(profile: str):
    own = {"stack_name", "parameter_overrides", "tags"}
    for command, section in CONFIG["default"].items():
        usual = {key: value for key, value in section["parameters"].items() if key not in own}
        assert usual == {key: value for key, value in parameters(profile, command).items() if key not in own}
    assert {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"} == set(parameters(profile, "deploy")["capabilities"].split())
