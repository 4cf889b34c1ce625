"""Outlets: what each setting opens, in a process of its own as every function is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bootstrap import ROOT

OPENS = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
from shared.domain.errors import Invalid
from shared.settings import load
from shared.telemetry import calls, events, metrics, outlets, tracing
import json, pathlib
try:
    opened = outlets.open_outlets(load(folder=pathlib.Path("/nonexistent")), "deriver")
except Invalid as error:
    print(json.dumps(str(error)))
else:
    heard = [*calls._LISTENERS, *tracing._LISTENERS, *metrics._SINKS, *events._SINKS]
    emptied = {type(one).__name__: True for one in opened.held}
    print(json.dumps({type(one).__name__: False for one in heard} | emptied, sort_keys=True))
"""
LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "Deriver"}
FAR = "http://127.0.0.1:9"


def opened(*missing: str, **variables: str) -> object:
    """The classes at work, each with whether it is emptied at the end of a call; or what the operator is told."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", OPENS, *missing]
    done = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_outlets_without_any_setting_are_none():
    assert opened() == {}
    assert opened(**LAMBDA) == {}


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"METRICS_ENABLED": "true"}, {"PrometheusSink": False, "SpanMeter": False}),
        ({"METRICS_ENABLED": "true", **LAMBDA}, {"EmfSink": True, "SpanMeter": False}),
        (
            {"METRICS_ENABLED": "true", "POWERTOOLS_METRICS_DISABLED": "true", **LAMBDA},
            {"PrometheusSink": False, "SpanMeter": False},
        ),
        ({"TELEMETRY_ENABLED": "true", "TELEMETRY_ENDPOINT": FAR}, {"CloudEvents": True, "SpanEvents": False}),
        ({"TELEMETRY_ENDPOINT": FAR}, {}),
        ({"OTEL_ENABLED": "true"}, {"Otlp": True}),
        ({"SENTRY_ENABLED": "true", "SENTRY_DSN": "http://public@127.0.0.1:9/1"}, {"Sentry": True}),
        ({"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGFUSE_HOST": FAR}, {"Langfuse": True}),
        ({"COLLECT_METRICS_LOCAL": "true"}, {"LocalMetrics": False}),
        ({"REASONING_TRACES_FILE": "/tmp/x.jsonl"}, {"ReasoningTraces": False}),
    ],
)
def test_setting_opens_its_outlet_and_nothing_else(variables: dict[str, str], wanted: dict[str, bool]):
    assert opened(**variables) == wanted


@pytest.mark.parametrize(
    ("missing", "variables", "said"),
    [
        ("sentry_sdk", {"SENTRY_ENABLED": "true", "SENTRY_DSN": "http://p@127.0.0.1:9/1"}, "SENTRY_ENABLED"),
        ("langfuse", {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}, "LANGFUSE_PUBLIC_KEY"),
        ("opentelemetry.exporter.otlp.proto.http.trace_exporter", {"OTEL_ENABLED": "true"}, "OTEL_ENABLED"),
    ],
)
def test_outlet_that_is_not_installed_says_which_setting_wants_what(missing: str, variables: dict[str, str], said: str):
    told = str(opened(missing, **variables))
    assert told.startswith(f"{said} needs the package ")
    assert told.endswith(": install layers/observe/requirements.txt, or leave it unset")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TELEMETRY_ENABLED": "true"}, "TELEMETRY_ENDPOINT is needed"),
        ({"SENTRY_ENABLED": "true"}, "SENTRY_DSN is needed"),
        ({"LANGFUSE_PUBLIC_KEY": "pk"}, "LANGFUSE_SECRET_KEY goes with LANGFUSE_PUBLIC_KEY"),
    ],
)
def test_outlet_without_an_address_is_refused_by_name(variables: dict[str, str], said: str):
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([sys.executable, "-c", OPENS], env=env, cwd="/", capture_output=True, text=True, check=False)
    assert said in done.stdout + done.stderr


def test_version_is_that_of_the_project():
    from shared.domain.version import VERSION

    assert f'version = "{VERSION}"' in Path(ROOT / "pyproject.toml").read_text()
