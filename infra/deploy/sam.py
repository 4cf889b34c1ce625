"""The SAM CLI, kept out of the project's environment: it pins versions that the project does not want."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.bootstrap import ROOT

VERSION: Final = "1.170.0"
PYTHON: Final = "3.13"


class CannotBuild(Exception):
    """Something that a build needs is missing; the text says what to do."""


def run(arguments: Sequence[str], *, quietly: bool = False, **variables: str) -> "subprocess.CompletedProcess[str]":
    """`sam` with `arguments`, in the project's folder. Raises `CannotBuild` when a tool that it needs is missing."""
    return subprocess.run(
        _command(arguments),
        cwd=ROOT,
        env=environment() | variables,
        check=False,
        text=True,
        stdout=subprocess.PIPE if quietly else None,
        stderr=subprocess.STDOUT if quietly else None,
    )


def ask(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """`sam` with `arguments`, what it answers apart from what it says on the way. Raises `CannotBuild`."""
    # Without a terminal to draw on, it does not wait for one either.
    return subprocess.run(
        _command(arguments),
        cwd=ROOT,
        env=environment(),
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


def check() -> None:
    """Start it once, which fetches it where it is new. Raises `CannotBuild` when that cannot be done."""
    done = ask(["--version"])
    if done.returncode != 0:
        raise CannotBuild(
            f"The SAM CLI {VERSION} could not be started; uv fetches it from the package index on its first use:\n"
            f"{done.stderr.strip()[-500:]}"
        )


def _command(arguments: Sequence[str]) -> list[str]:
    uvx = Path(sys.executable).with_name("uvx")
    if not uvx.exists():
        raise CannotBuild("uv is not installed in .venv: run `python3 -m infra check` once, which installs it")
    return [str(uvx), "--quiet", "--from", f"aws-sam-cli=={VERSION}", "sam", *arguments]


def environment() -> dict[str, str]:
    """What SAM and the Makefile are given: our uv, the Python that Lambda has, and no telemetry."""
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    # Without a region SAM validates nothing; a build sends nothing anywhere.
    region = kept.get("AWS_REGION") or kept.get("AWS_DEFAULT_REGION") or "us-east-1"
    return {
        **kept,
        "AWS_DEFAULT_REGION": region,
        "SAM_CLI_TELEMETRY": "0",
        "UV": str(Path(sys.executable).with_name("uv")),
        "PYTHON": python(),
    }


def python() -> str:
    """A Python of Lambda's version: only that one writes bytecode that Lambda reads."""
    kept_apart = sorted((Path.home() / ".pyenv" / "versions").glob(f"{PYTHON}.*/bin/python{PYTHON}"))
    for found in (shutil.which(f"python{PYTHON}"), *map(str, kept_apart)):
        if found and _answers(found):
            return found
    uv = Path(sys.executable).with_name("uv")
    asked = subprocess.run(
        [str(uv), "python", "find", PYTHON, "--no-project"], check=False, capture_output=True, text=True
    )
    if asked.returncode != 0:
        raise CannotBuild(
            f"no Python {PYTHON} was found: install it (its package is python{PYTHON} almost everywhere,"
            f" or `{uv} python install {PYTHON}`), then run the same command again"
        )
    return asked.stdout.strip()


def _answers(program: str) -> bool:
    # A shim of a version manager may be there without the version behind it.
    return subprocess.run([program, "-c", ""], check=False, capture_output=True).returncode == 0
