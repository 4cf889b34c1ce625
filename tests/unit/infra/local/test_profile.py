"""What functions find in their environment here, and what the operator's choice outweighs."""

import re
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.local.code import SourceTree
from infra.local.profile import defaults, function_variables
from infra.local.template import load


def variables(function: str = "ApiFunction") -> dict[str, str]:
    template = load(ROOT / "template.yaml")
    references = {
        "DbConnectionUri": "postgresql+psycopg://app",
        "OwnerConnectionUri": "postgresql+psycopg://owner",
        "DeriveQueue": "http://queue/derive",
    }
    spec = template.functions[function]
    return function_variables(
        template, spec, references=references, sqs_url="http://sqs", code=SourceTree(ROOT).of(spec)
    )


def test_variables_of_a_function_lead_to_the_local_database_and_queues():
    found = variables()
    assert found["DB_CONNECTION_URI"] == "postgresql+psycopg://app"
    assert (found["QUEUE_DERIVE_URL"], found["AWS_ENDPOINT_URL_SQS"]) == ("http://queue/derive", "http://sqs")
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == "ApiFunction"


def test_variables_name_the_runtime_that_is_deployed_whatever_python_runs_here():
    [runtime] = re.findall(r"^    Runtime: (python3\.\d+)$", (ROOT / "template.yaml").read_text(), re.MULTILINE)
    assert variables()["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{runtime}"


def test_variables_of_the_migrations_lead_to_the_owner():
    assert variables("MigrateFunction")["DB_CONNECTION_URI"] == "postgresql+psycopg://owner"


def test_variables_leave_the_operators_credentials_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_PROFILE", "real")
    found = variables()
    assert found["AWS_ACCESS_KEY_ID"] == "local"
    assert "AWS_PROFILE" not in found


def test_variables_pass_the_operators_settings_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LLM_OPENAI_BASE_URL", "http://models")
    assert variables()["LLM_OPENAI_BASE_URL"] == "http://models"


def test_variables_leave_parameters_of_a_deploy_to_the_operators_files():
    assert "AUTH_USE_AUTH" not in variables()


def test_defaults_switch_on_flushing_and_the_offline_model(tmp_path: Path):
    assert defaults(tmp_path) == {"DERIVER_FLUSH_ENABLED": "true", "OFFLINE_ENABLED": "true"}


def test_defaults_when_the_environment_decides_stand_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DERIVER_FLUSH_ENABLED", "false")
    assert defaults(tmp_path) == {"OFFLINE_ENABLED": "true"}


def test_defaults_when_the_dotenv_file_decides_stand_back(tmp_path: Path):
    (tmp_path / ".env").write_text("offline_enabled=false\n")
    assert defaults(tmp_path) == {"DERIVER_FLUSH_ENABLED": "true"}


def test_defaults_when_the_toml_file_decides_stand_back(tmp_path: Path):
    (tmp_path / "config.toml").write_text("[deriver]\nFLUSH_ENABLED = false\n")
    assert defaults(tmp_path) == {"OFFLINE_ENABLED": "true"}


@pytest.mark.parametrize("name", [".env", "config.toml"])
def test_defaults_leave_a_file_that_cannot_be_read_to_the_settings(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"\xff\xfe")
    assert defaults(tmp_path) == {"DERIVER_FLUSH_ENABLED": "true", "OFFLINE_ENABLED": "true"}
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert defaults(tmp_path) == {"DERIVER_FLUSH_ENABLED": "true", "OFFLINE_ENABLED": "true"}
