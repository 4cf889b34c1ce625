"""A `config.toml` at the project's root is read by a function from what the Makefile makes of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bootstrap import ROOT

_ASK = "from shared.settings import load; print(load().deriver.max_input_tokens)"


@pytest.mark.parametrize(("text", "read"), [("[deriver]\nmax_input_tokens = 12345\n", "12345"), (None, "")])
def test_function_finds_the_settings_of_the_deployment_where_it_is_started(tmp_path: Path, text: str | None, read: str):
    root, made = tmp_path / "root", tmp_path / "made"
    (root / "functions").mkdir(parents=True)
    (root / "layers").mkdir()
    shutil.copy(ROOT / "layers" / "Makefile", root / "layers")
    shutil.copy(ROOT / "functions" / "__init__.py", root / "functions")
    shutil.copytree(ROOT / "functions" / "tick", root / "functions" / "tick")
    shutil.copytree(ROOT / "shared" / "settings", root / "shared" / "settings")
    shutil.copytree(ROOT / "shared" / "domain", root / "shared" / "domain")
    shutil.copy(ROOT / "shared" / "__init__.py", root / "shared")
    if text is not None:
        (root / "config.toml").write_text(text)
        (root / "prices.toml").write_text("")
    make = ["make", "-s", "-f", "layers/Makefile", "build-TickFunction", f"ARTIFACTS_DIR={made}"]
    subprocess.run([*make, f"PYTHON={sys.executable}"], cwd=root, check=True, capture_output=True)
    for name in ("config.toml", "prices.toml"):
        assert (made / name).exists() == (text is not None)
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=made,
        env={"PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    )
    usual = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=ROOT / "shared",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == (read or usual.stdout.strip())
