"""What importing a handler pulls in: heavy SDKs cost seconds of every cold start and come on first use only."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SDKS = {"openai", "anthropic", "google.genai", "turbopuffer", "boto3", "tiktoken", "sqlalchemy", "alembic", "pypdf"}
_WEB = {"fastapi", "starlette", "mangum"}
_LOCAL = {"wordllama", "tokenizers", "numpy"}

_IMPORT = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


def _loaded_by(handler: str) -> set[str]:
    """The modules in a fresh interpreter that has imported `handler` and nothing else."""
    # -B and an empty environment: nothing of the machine's settings decides what is loaded.
    command = [sys.executable, "-B", "-c", _IMPORT, handler]
    result = subprocess.run(
        command, cwd=ROOT, env={"PATH": "", "PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("name", ["api", "deriver", "summary", "dream", "chores", "tick", "migrate"])
def test_handler_when_imported_leaves_the_heavy_packages_alone(name: str) -> None:
    handler = f"functions.{name}.handler"

    forbidden = _SDKS | _LOCAL | (set() if name == "api" else _WEB)

    assert _loaded_by(handler) & forbidden == set()


def test_server_when_imported_leaves_the_heavy_packages_alone() -> None:
    assert _loaded_by("functions.api.serve") & (_SDKS | _LOCAL) == set()
