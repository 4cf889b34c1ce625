"""What importing a handler pulls in: heavy SDKs cost seconds of every cold start and come on first use only."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_HANDLERS = ["api", "deriver", "summary", "dream", "chores", "tick", "canary", "migrate"]
_SDKS = {"openai", "anthropic", "google.genai", "turbopuffer", "boto3", "tiktoken", "sqlalchemy", "alembic", "pypdf"}
_WEB = {"fastapi", "starlette", "mangum"}
_LOCAL = {"wordllama", "tokenizers", "numpy"}
_ENVIRONMENT = {"PATH": "", "PYTHONPATH": str(ROOT), "AWS_LAMBDA_FUNCTION_NAME": "Function"}

# Rings of algorithms that no key of ours uses, and what answers questions: the chat function alone does.
_NOT_FOR_THE_API = {"cryptography", "shared.reasoning.dialectic", "shared.reasoning.toolkit"}

_IMPORT = """
import gc, importlib, json, sys
importlib.import_module(sys.argv[1])
collector = {"-collects": gc.isenabled(), "-frozen": gc.get_freeze_count() > 0}
print(json.dumps([*sys.modules, *(name for name, holds in collector.items() if holds)]))
"""
_DEFERRED = """
from functions.api.wire.messages import Message
from fastapi.openapi.models import OpenAPI
from pydantic import BaseModel
print([model.__pydantic_complete__ for model in (OpenAPI, Message)], "defer_build" in BaseModel.model_config)
"""


def _loaded_by(handler: str) -> set[str]:
    """The modules in a fresh interpreter that has imported `handler` and nothing else."""
    # -B and an empty environment: nothing of the machine's settings decides what is loaded.
    command = [sys.executable, "-B", "-c", _IMPORT, handler]
    result = subprocess.run(command, cwd=ROOT, env=_ENVIRONMENT, capture_output=True, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("name", _HANDLERS)
def test_handler_when_imported_leaves_the_heavy_packages_alone(name: str) -> None:
    handler = f"functions.{name}.handler"

    forbidden = _SDKS | _LOCAL | (set() if name == "api" else _WEB)

    assert _loaded_by(handler) & forbidden == set()


def test_server_when_imported_leaves_the_heavy_packages_alone() -> None:
    loaded = _loaded_by("functions.api.serve")
    assert loaded & (_SDKS | _LOCAL | {"cryptography"}) == set()
    assert "shared.reasoning.dialectic" in loaded


def test_api_when_imported_leaves_what_only_chat_needs_alone() -> None:
    assert _loaded_by("functions.api.handler") & _NOT_FOR_THE_API == set()


@pytest.mark.parametrize("module", [*(f"functions.{name}.handler" for name in _HANDLERS), "functions.api.serve"])
def test_start_when_over_collects_garbage_again_but_not_among_what_was_loaded(module: str) -> None:
    assert _loaded_by(module) >= {"-collects", "-frozen"}


def test_models_of_the_api_are_built_on_first_use() -> None:
    result = subprocess.run(
        [sys.executable, "-B", "-c", _DEFERRED], cwd=ROOT, env=_ENVIRONMENT, capture_output=True, check=True, text=True
    )
    assert result.stdout.split("\n")[0] == "[False, False] False"
