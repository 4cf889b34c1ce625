"""What SAM builds, for the tests that run it and look at it: built once in a run, or given by whoever built it before.

While one works on these tests, `BUILT_X86_64` and `BUILT_ARM64` may name such a folder, as made by
`python3 -m infra build --machine x86_64 --into <folder>`.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.deploy.artefact import Artefact, lay_out
from infra.local import template


@dataclass(frozen=True, slots=True)
class Build:
    """A folder with what SAM built for one machine, and what `infra build` said of it; nothing for one from before."""

    machine: str
    folder: Path
    said: str


@pytest.fixture(scope="session")
def native_build() -> Generator[Build]:
    """The twin of what is deployed, for this machine."""
    with _built("arm64" if platform.machine() == "aarch64" else "x86_64") as build:
        yield build


@pytest.fixture(scope="session")
def arm64_build() -> Generator[Build]:
    """What is deployed."""
    with _built("arm64") as build:
        yield build


@pytest.fixture(scope="session")
def artefact(native_build: Build) -> Generator[Artefact]:
    """The twin, laid out as Lambda does."""
    functions = template.load(ROOT / "template.yaml").functions.values()
    with _folder() as place:
        yield lay_out(native_build.folder, place / "lambda", functions)


@contextmanager
def _built(machine: str) -> Generator[Build]:
    if given := os.environ.get(f"BUILT_{machine.upper()}"):
        yield Build(machine, Path(given), "")
        return
    with _folder() as place:
        folder = place / "build"
        command = [sys.executable, "-m", "infra", "build", "--machine", machine, "--into", str(folder)]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        yield Build(machine, folder, done.stdout)


@contextmanager
def _folder() -> Generator[Path]:
    place = Path(tempfile.mkdtemp(prefix="honcho-build-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
