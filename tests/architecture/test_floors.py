"""Imports go down, never up."""

import subprocess
import sys
from pathlib import Path

from infra.bootstrap import ROOT


def test_imports_keep_the_contracts_of_the_floors():
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([lint, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
