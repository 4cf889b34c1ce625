"""What `config` and `doctor` show of the settings, and what they hide."""

import json

import pytest

from infra.tools import config_verb, doctor
from infra.tools.config_verb import shown
from shared.settings.knobs import by_variable


@pytest.fixture
def here(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A folder of one's own for `.env` and `config.toml`."""
    monkeypatch.setattr(config_verb, "ROOT", tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = config_verb.config(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_config_shows_each_value_with_its_source(here, monkeypatch, capsys):
    (here / "config.toml").write_text("[deriver]\nmax_attempts = 7\n")
    (here / ".env").write_text("DB_SCHEMA=other\n")
    monkeypatch.setenv("DREAM_ENABLED", "false")
    code, out, err = told(capsys, "--json")
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(out)["settings"]}
    assert (code, err) == (0, "")
    assert rows["DERIVER_MAX_ATTEMPTS"] == ("7", "config.toml")
    assert rows["DB_SCHEMA"] == ("other", ".env")
    assert rows["DREAM_ENABLED"] == ("false", "environment")
    assert rows["OFFLINE_ENABLED"] == ("true", "local stack")
    assert rows["SENTRY_DSN"] == (None, "default")
    assert len(rows) > 200


def test_config_changed_leaves_the_defaults_out(here, monkeypatch, capsys):
    monkeypatch.setenv("DREAM_ENABLED", "false")
    _, out, _ = told(capsys, "--changed")
    assert "DREAM_ENABLED  false  environment" in out
    assert "DREAM_MODEL" not in out


def test_config_of_what_is_wrong_shows_no_table_and_tells_everything(here, monkeypatch, capsys):
    monkeypatch.setenv("DB_POOL_SIZE", "0")
    monkeypatch.setenv("DERIVER_MODLE", "x")
    (here / "config.toml").write_text("[auth]\nuse_auth = true\n")
    code, out, err = told(capsys)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "warning: DERIVER_MODLE is not a setting: did you mean DERIVER_MODEL?",
        "problem: DB_POOL_SIZE must be a whole number from 1 to 1000.",
        "problem: AUTH_JWT_SECRET is needed when AUTH_USE_AUTH is true: set it to a long random text.",
    ]


def test_config_and_doctor_of_prices_that_cannot_be_read_say_so(here, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("USAGE_PRICES_FILE", str(here / "none.toml"))
    code, _, err = told(capsys)
    assert (code, err) == (1, f"problem: USAGE_PRICES_FILE: {here}/none.toml: No such file or directory\n")
    assert doctor.doctor(["--data", str(tmp_path / "data"), "--no-models"]) == 1
    assert "prices        PROBLEM  USAGE_PRICES_FILE: " in capsys.readouterr().out


def test_config_and_doctor_of_a_hard_budget_and_a_model_without_a_price_say_that_it_is_not_called(
    here, tmp_path, monkeypatch, capsys
):
    reach = {"LLM_OPENAI_COMPATIBLE_BASE_URL": "http://127.0.0.1:9/v1", "LLM_OPENAI_COMPATIBLE_API_KEY": "hunter2"}
    for name, value in {**reach, "LLM_DEFAULT_MODEL": "tiny", "LLM_EMBEDDING_PROVIDER": "offline"}.items():
        monkeypatch.setenv(name, value)
    assert told(capsys)[0] == 0
    monkeypatch.setenv("BUDGET_HARD_USD_PER_MONTH", "5")
    code, _, err = told(capsys)
    assert code == 1
    assert "and custom/tiny has no price: it is not called until USAGE_PRICES_FILE gives one" in err
    assert doctor.doctor(["--data", str(tmp_path / "data"), "--no-models"]) == 1
    assert "prices        PROBLEM  BUDGET_HARD_USD_PER_DAY or _MONTH is set" in capsys.readouterr().out
    (here / "prices.toml").write_text("[[price]]\nmodel = 'custom/*'\nsince = 2020-01-01\ninput = 1\noutput = 2\n")
    monkeypatch.setenv("USAGE_PRICES_FILE", str(here / "prices.toml"))
    assert told(capsys)[0] == 0


def test_config_without_any_model_says_what_to_set(here, monkeypatch, capsys):
    monkeypatch.setenv("OFFLINE_ENABLED", "false")
    code, _, err = told(capsys)
    assert code == 1
    assert "set LLM_OPENAI_COMPATIBLE_BASE_URL and LLM_OPENAI_COMPATIBLE_API_KEY" in err


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DB_CONNECTION_URI", "postgresql://app:hunter2@db:5432/x", "postgresql://app:********@db:5432/x"),
        ("CACHE_URL", "redis://:hunter2@cache:6379/0?password=hunter2", "redis://:********@cache:6379/0"),
        ("SENTRY_DSN", "https://hunter2@sentry.example/1", "https://********@sentry.example/1"),
        ("LLM_OPENAI_API_KEY", "hunter2", "********"),
        ("AUTH_JWT_SECRET", "https://[hunter2", "********"),
        ("WEBHOOK_SECRET", "scheme://hunter2", "********"),
        ("TELEMETRY_HEADERS", '{"X-Key": "hunter2"}', "********"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "key=hunter2", "********"),
    ],
)
def test_config_shows_nothing_of_a_secret(here, monkeypatch, capsys, name: str, value: str, expected: str):
    monkeypatch.setenv(name, value)
    _, out, err = told(capsys, "--json")
    rows = {row["name"]: row["value"] for row in json.loads(out)["settings"]}
    assert rows[name] == expected
    assert "hunter2" not in out + err


def test_shown_of_what_is_not_set_is_nothing():
    assert shown(by_variable()["DERIVER_MODEL"], None) is None


def test_doctor_with_the_stack_stopped_says_which_command_starts_it(here, tmp_path, capsys):
    code = doctor.doctor(["--data", str(tmp_path)])
    out = capsys.readouterr().out.splitlines()
    assert code == 0
    assert "database      stopped  not running: `python3 -m infra up` starts it" in out
    assert "model         ok       offline/rules-1 (everything): answers without a network" in out


def test_doctor_of_wrong_settings_asks_no_model_and_fails(here, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DB_POOL_SIZE", "0")
    code = doctor.doctor(["--data", str(tmp_path)])
    out, err = capsys.readouterr()
    assert code == 1
    assert "settings      PROBLEM  DB_POOL_SIZE must be a whole number from 1 to 1000." in out
    assert "models        off      not asked while the settings are wrong" in out
    assert err == "\n1 problem.\n"


def test_doctor_of_a_database_that_is_not_there_names_its_address_and_hides_the_password(
    here, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("DB_CONNECTION_URI", "postgresql+psycopg://app:hunter2@127.0.0.1:9/x")
    code = doctor.doctor(["--data", str(tmp_path), "--no-models"])
    out, err = capsys.readouterr()
    assert code == 1
    assert "database      PROBLEM  nobody listens at its address: see DB_CONNECTION_URI" in out
    assert "QUEUE_DERIVE_URL and QUEUE_SUMMARY_URL" in out
    assert "hunter2" not in out + err
