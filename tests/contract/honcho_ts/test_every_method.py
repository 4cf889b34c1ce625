"""Every method of the published TypeScript SDK against the running stack, called by the scripts beside this file."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.bootstrap import ROOT
from infra.local.stack import Stack

_HERE = Path(__file__).parent
_PLACE = ROOT / ".dev" / "npm" / "honcho_ts"
_INSTALL_S = 300
_RUN_S = 300


def _installed() -> Path:
    """A folder with the scripts and the SDK in it; installed once for each lock file."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is not on the PATH: the TypeScript SDK runs in Node.js 20 or newer.", pytrace=False)
    _PLACE.mkdir(parents=True, exist_ok=True)
    lock, mark = (_HERE / "package-lock.json").read_text(), _PLACE / "installed.json"
    for source in (*_HERE.glob("*.mjs"), *_HERE.glob("package*.json")):
        shutil.copy(source, _PLACE)
    if not mark.is_file() or mark.read_text() != lock:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=_PLACE, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
        if done.returncode != 0:
            pytest.fail(f"npm could not install @honcho-ai/sdk: {done.stderr.strip()[-500:]}", pytrace=False)
        mark.write_text(lock)
    return _PLACE


@pytest.fixture(scope="module")
def report(stack: Stack) -> dict[str, Any]:
    """What the scripts said of their run."""
    # Only what a program needs: settings of ours must not become settings of the SDK.
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = ["node", "run.mjs", stack.base_url]
    done = subprocess.run(
        command, cwd=_installed(), env=env, capture_output=True, text=True, timeout=_RUN_S, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_method_does_what_it_says(report: dict[str, Any]):
    assert report["failed"] == {}, "\n\n".join(f"{names}\n{error}" for names, error in report["failed"].items())


def test_every_public_method_of_the_sdk_is_called_by_a_case(report: dict[str, Any]):
    assert set(report["methods"]) == set(report["claimed"])
