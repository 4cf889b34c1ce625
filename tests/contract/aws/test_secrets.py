"""Secrets by ARN, through the genuine client and the protocol of AWS Secrets Manager."""

from pathlib import Path

import pytest

from infra.local.secrets import fetched_secrets
from shared.settings import load
from shared.settings.secret import SecretMissing, secret_text
from shared.settings.sources import SettingsInvalid, resolve
from tests.support.secrets_server import SecretsServer

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:{}-AbCdEf"
PLAIN, BUNCH = ARN.format("jwt"), ARN.format("models")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    secrets = {PLAIN: "hunter2", BUNCH: '{"openai": "sk-1", "headers": {"X-Key": "k"}}'}
    with SecretsServer(secrets) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", running.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield running
    secret_text.__globals__["_fetched"].cache_clear()


def test_load_of_an_arn_gives_the_secret_and_asks_once(server: SecretsServer, tmp_path: Path):
    env = {"AUTH_JWT_SECRET": PLAIN, "LLM_OPENAI_API_KEY": f"{BUNCH}#openai", "WEBHOOK_SECRET": PLAIN}
    for _ in range(2):
        found = load(env=env, folder=tmp_path)
        assert found.auth.jwt_secret is not None
        assert found.auth.jwt_secret.get_secret_value() == "hunter2"
        assert found.llm.openai_api_key is not None
        assert found.llm.openai_api_key.get_secret_value() == "sk-1"
    assert sorted(server.asked) == sorted([PLAIN, BUNCH])


def test_load_of_an_arn_in_config_toml_reads_json_below_a_key(server: SecretsServer, tmp_path: Path):
    (tmp_path / "config.toml").write_text(f'[telemetry]\nheaders = "{BUNCH}#headers"\n')
    found = resolve(env={}, folder=tmp_path)
    headers = found.settings.telemetry.headers
    assert headers is not None
    assert {name: value.get_secret_value() for name, value in headers.items()} == {"X-Key": "k"}
    assert found.given["telemetry", "headers"].is_from_secret
    # What the local stack hands to its functions, which have no credentials, says the same.
    handed_on = fetched_secrets(found)
    assert load(env=handed_on, folder=tmp_path / "elsewhere").telemetry.headers == headers


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        (ARN.format("lost"), "names a secret that Secrets Manager does not give: ResourceNotFoundException."),
        (f"{BUNCH}#groq", "names a secret without a key 'groq': give one of a JSON object, or none."),
        (f"{PLAIN}#groq", "names a secret without a key 'groq': give one of a JSON object, or none."),
    ],
)
def test_load_of_an_arn_without_its_secret_says_which_setting_names_it(
    server: SecretsServer, tmp_path: Path, arn: str, said: str
):
    with pytest.raises(SettingsInvalid) as caught:
        load(env={"LLM_GROQ_API_KEY": arn}, folder=tmp_path)
    assert str(caught.value) == f"LLM_GROQ_API_KEY {said}"
    assert server.asked


def test_secret_text_without_a_server_says_that_it_cannot_be_asked(server: SecretsServer, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    with pytest.raises(SecretMissing, match="cannot be asked: EndpointConnectionError"):
        secret_text(PLAIN)
