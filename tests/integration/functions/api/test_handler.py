"""The handlers' own modules: what importing them costs, and that they answer."""

import json
import os
import subprocess
import sys

import pytest

from infra.bootstrap import ROOT

HEAVY = ("openai", "anthropic", "google.genai", "turbopuffer", "sqlalchemy", "tiktoken", "boto3", "wordllama", "pypdf")
SETTINGS = {"OFFLINE_ENABLED": "true", "DB_CONNECTION_URI": "postgresql://app@127.0.0.1:1/none", "LOG_LEVEL": "WARNING"}

_IMPORTED = "import importlib, json, sys; importlib.import_module(sys.argv[1]); print(json.dumps(sorted(sys.modules)))"
_ANSWERED = """
import json, sys
from functions.api.handler import lambda_handler
print(json.dumps([lambda_handler(event, None) for event in json.load(sys.stdin)]))
"""


def _run(code: str, *arguments: str, given: str = "", **settings: str) -> str:
    environment = {**os.environ, **SETTINGS, **settings}
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, input=given, check=False, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


def _event(method: str, path: str, body: str | None = None, **query: str) -> dict[str, object]:
    """A REST event of API Gateway, payload format 1.0, with what the adapter reads."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json", "host": "example.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {key: [value] for key, value in query.items()} or None,
        "requestContext": {"stage": "v3", "identity": {"sourceIp": "127.0.0.1"}, "resourcePath": "/{proxy+}"},
        "body": body,
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize("module", ["functions.api.handler", "functions.api.serve"])
def test_import_of_a_handler_pulls_in_no_heavy_sdk(module: str):
    modules = json.loads(_run(_IMPORTED, module))
    assert [name for name in modules if name in HEAVY] == []


def test_handler_answers_events_with_and_without_the_stage_in_their_path():
    events = [
        _event("GET", "/health"),
        _event("GET", "/v3/health"),
        _event("GET", "/v3/nothing"),
        _event("POST", "/workspaces/w/sessions/s/messages/list", "null", page="0"),
        _event("GET", "/health/ready"),
    ]
    answers = json.loads(_run(_ANSWERED, given=json.dumps(events)))
    assert [answer["statusCode"] for answer in answers] == [200, 200, 404, 422, 503]
    assert json.loads(answers[0]["body"]) == {"status": "ok"}
    assert json.loads(answers[3]["body"])["detail"][0]["loc"] == ["query", "page"]
    assert not any(answer["isBase64Encoded"] for answer in answers)


def test_handler_with_authentication_on_lets_nobody_in_without_a_key():
    secret = "a secret that is long enough for signing"
    events = [_event("POST", "/workspaces/w/peers/list"), _event("GET", "/health")]
    settings = {"AUTH_USE_AUTH": "true", "AUTH_JWT_SECRET": secret}
    answers = json.loads(_run(_ANSWERED, given=json.dumps(events), **settings))
    assert [answer["statusCode"] for answer in answers] == [401, 200]
