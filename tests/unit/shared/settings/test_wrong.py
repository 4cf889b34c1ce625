"""Every wrong configuration is answered by one sentence that names the setting and what to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.settings import load
from shared.settings.sources import SettingsInvalid

WRONG: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[3] / "support/wrong_settings.yaml").read_text())


def told(folder: Path, *, env: Mapping[str, str] | None = None, dotenv: str = "", toml: str = "") -> list[str]:
    """What is said about this configuration."""
    (folder / "config.toml").write_text(toml)
    (folder / ".env").write_text(dotenv)
    with pytest.raises(SettingsInvalid) as caught:
        load(env=env or {}, folder=folder)
    return str(caught.value).splitlines()


def test_wrong_configurations_are_at_least_forty_and_all_different():
    assert len(WRONG) >= 40
    assert len({str(one) for one in WRONG}) == len(WRONG)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda one: str(one.get("env") or one.get("dotenv") or one.get("toml")))
def test_load_of_a_wrong_configuration_says_one_sentence(tmp_path: Path, wrong: dict[str, Any]):
    said = wrong.pop("said")
    assert told(tmp_path, **wrong) == [said]


@pytest.mark.parametrize("name", [".env", "config.toml"])
def test_load_of_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str):
    (tmp_path / name).write_text("# Größe", encoding="utf-16")
    with pytest.raises(SettingsInvalid, match=f"^{name} cannot be read: it is not UTF-8; save it as that.$"):
        load(env={}, folder=tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(SettingsInvalid, match=f"^{name} cannot be read: Is a directory.$"):
        load(env={}, folder=tmp_path)


def test_load_of_several_mistakes_tells_all_of_them(tmp_path: Path):
    said = told(
        tmp_path,
        env={"DB_POOL_SIZE": "0", "DERIVER_PROVIDER": "acme", "DERIVER_MAX_ATTEMPTS": "x", "AUTH_USE_AUTH": "true"},
        toml="[summary]\nmessages_per_short_summary = 60\nmodle = 'm'\n",
    )
    names = ["DB_POOL_SIZE", "DERIVER_PROVIDER", "DERIVER_MAX_ATTEMPTS", "AUTH_JWT_SECRET", "modle", "SHORT_SUMMARY"]
    assert len(said) == len(names)
    assert all(any(name in line for line in said) for name in names)


def test_load_of_a_wrong_section_keeps_quiet_about_rules_that_its_values_would_decide(tmp_path: Path):
    said = told(tmp_path, env={"SUMMARY_MESSAGES_PER_LONG_SUMMARY": "x", "SUMMARY_MESSAGES_PER_SHORT_SUMMARY": "90"})
    assert said == ["SUMMARY_MESSAGES_PER_LONG_SUMMARY must be a whole number from 1 to 500."]


@pytest.mark.parametrize(
    "env",
    [
        {"DB_POOL_SIZE": "hunter2"},
        {"DB_CONNECTION_URI": "mysql://u:hunter2@h/d"},
        {"TELEMETRY_HEADERS": '["hunter2"]'},
        {"CACHE_URL": "hunter2"},
        {"LLM_OPENAI_BASE_URL": "hunter2"},
    ],
)
def test_load_never_repeats_a_value_in_its_complaint(tmp_path: Path, env: dict[str, str]):
    assert "hunter2" not in "".join(told(tmp_path, env=env))
