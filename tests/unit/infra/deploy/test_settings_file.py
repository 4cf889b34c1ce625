"""What may be deployed in `config.toml`, and what is refused before anything is built."""

import subprocess
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.deploy import settings_file

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:models-AbCdEf"


def objections(folder: Path, text: str) -> list[str]:
    (folder / "config.toml").write_text(text)
    return settings_file.objections(folder)


def test_objections_without_a_file_are_none(tmp_path: Path):
    assert settings_file.objections(tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        '[deriver]\nmodel = "anthropic/claude-haiku-4-5"',
        f'[llm]\nanthropic_api_key = "{ARN}#anthropic"',
        f'[cache]\nenabled = true\nurl = "{ARN}#cache"',
        '[cache]\nenabled = true\nurl = "redis://cache.internal:6379/0"',
        f'[webhook]\nsecret = "{ARN}"',
    ],
)
def test_objections_to_settings_and_to_secrets_by_name_are_none(tmp_path: Path, text: str):
    assert objections(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[llm]\nopenai_api_key = "sk-planted"', "[llm] openai_api_key"),
        ('[cache]\nenabled = true\nurl = "redis://:planted@cache.internal:6379/0"', "[cache] url"),
        ('[auth]\njwt_secret = "planted"', "[auth] jwt_secret"),
    ],
)
def test_objections_to_a_plain_secret_name_its_place_and_not_the_secret(tmp_path: Path, text: str, place: str):
    (told,) = objections(tmp_path, text)
    assert place in told
    assert "ARN" in told
    assert "planted" not in told


def test_objections_are_those_that_a_function_would_start_with(tmp_path: Path):
    (told,) = objections(tmp_path, "[deriver]\nmodle = 'x'")
    assert "did you mean model?" in told


PRICED = "[usage]\nprices_file = 'prices.toml'"
ROW = "[[price]]\nmodel = 'custom/tiny'\nsince = 2026-01-01\ninput = 1\noutput = 2\n"


@pytest.mark.parametrize(
    ("text", "prices", "why"),
    [
        ("[usage]\nprices_file = 'elsewhere/prices.toml'", ROW, "names a file that is not deployed: write prices.toml"),
        (PRICED, None, "No such file"),
        (PRICED, ROW + "colour = 'red'", "price.0.colour"),
    ],
)
def test_objections_to_prices_that_no_function_could_read(tmp_path: Path, text: str, prices: str | None, why: str):
    if prices is not None:
        (tmp_path / "prices.toml").write_text(prices)
    (told,) = objections(tmp_path, text)
    assert why in told


def test_objections_to_prices_that_go_along_are_none(tmp_path: Path):
    (tmp_path / "prices.toml").write_text(ROW)
    assert objections(tmp_path, PRICED) == []


def test_objections_do_not_read_what_is_not_deployed(tmp_path: Path):
    (tmp_path / ".env").write_text("DERIVER_MAX_INPUT_TOKENS=many\n")
    assert objections(tmp_path, '[app]\nlog_level = "DEBUG"') == []


def test_makefile_puts_the_file_where_functions_look_for_it(tmp_path: Path):
    planned = subprocess.run(
        ["make", "--dry-run", "-f", "layers/Makefile", "build-TickFunction", f"ARTIFACTS_DIR={tmp_path}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    copies = [line for line in planned.splitlines() if "config.toml" in line]
    assert copies
    assert copies[-1].endswith(f'cp "{ROOT}/layers/../config.toml" "{tmp_path}/"; fi')
