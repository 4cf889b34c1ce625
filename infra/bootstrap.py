"""The project's own environment: `.venv` with the locks installed, made on first use. Standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
RUN_LOCKS = (
    "layers/runtime/requirements.txt",
    "layers/models/requirements.txt",
    "layers/observe/requirements.txt",
    "functions/migrate/requirements.txt",
    "infra/local/requirements.txt",
)
DEVELOP_LOCKS = (*RUN_LOCKS, "infra/local/lancedb/requirements.txt", "tests/requirements.txt")

# Says that we made this environment, where, and from which locks: in a copied or moved one, scripts point elsewhere.
_STAMP = VENV / "infra.json"
_PYTHON = VENV / "bin" / "python"


class CannotPrepare(Exception):
    """The environment cannot be made; the text says what to do."""


def enter(locks: Sequence[str]) -> None:
    """Return inside `.venv` with `locks` installed; from anywhere else, start the same command again in there."""
    if _missing(locks):
        with _alone():
            # Another first run may have done it while this one waited.
            if missing := _missing(locks):
                _prepare(missing)
    if not _is_inside():
        os.execv(_PYTHON, [str(_PYTHON), "-m", "infra", *sys.argv[1:]])


def _is_inside() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def _missing(locks: Sequence[str]) -> list[str]:
    installed = _installed() if _PYTHON.exists() else None
    return [lock for lock in locks if installed is None or installed.get(lock) != _digest(lock)]


def _digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def _installed() -> dict[str, str] | None:
    """The locks in `.venv` and their hashes; None where the environment is unfinished, moved or not ours."""
    try:
        stamp = json.loads(_STAMP.read_text())
    except (OSError, ValueError):
        return None
    return stamp["locks"] if stamp["finished"] and stamp["home"] == str(VENV) else None


def _stamp(locks: dict[str, str], *, finished: bool) -> None:
    fresh = _STAMP.with_suffix(".new")
    fresh.write_text(json.dumps({"home": str(VENV), "finished": finished, "locks": locks}, indent=2))
    fresh.replace(_STAMP)


@contextmanager
def _alone() -> Generator[None]:
    """Hold the lock of the environment; it ends with the process, however that ends."""
    place = ROOT / ".dev"
    place.mkdir(exist_ok=True)
    with (place / "bootstrap.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another run is preparing .venv; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(missing: list[str]) -> None:
    started = time.monotonic()
    installed = _installed() if _PYTHON.exists() else None
    if installed is None:
        _make_environment()
        installed = {}
    # Forget first: an install that is killed half-way must be done again, even if the lock file changes back.
    kept = {lock: digest for lock, digest in installed.items() if lock not in missing}
    _stamp(kept, finished=True)
    _install(missing)
    _stamp(kept | {lock: _digest(lock) for lock in missing}, finished=True)
    _say(f"The environment is ready after {time.monotonic() - started:.0f} s.")


def _make_environment() -> None:
    if _is_inside():
        raise CannotPrepare("This .venv must be made again: run the same command with the system's own python3.")
    if VENV.exists() and not _STAMP.exists():
        raise CannotPrepare(f"{VENV} was not made by this tool: move it away, then run the same command again.")
    _say(f"First use: making .venv with Python {sys.version_info.major}.{sys.version_info.minor}")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    _stamp({}, finished=False)
    made = subprocess.run(_maker(), capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise CannotPrepare(f"{made.stdout}{made.stderr}".strip() + f"\nPython could not make {VENV}.")


def _maker() -> list[str]:
    """The command that makes the environment. Debian and Ubuntu part `ensurepip` from Python, so it may be missing."""
    if importlib.util.find_spec("ensurepip"):
        return [sys.executable, "-m", "venv", str(VENV)]
    if importlib.util.find_spec("virtualenv"):
        return [sys.executable, "-m", "virtualenv", str(VENV)]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "venv", "--without-pip", str(VENV)]
    raise CannotPrepare(
        "This Python can make no virtual environment: install its venv package"
        " (Debian, Ubuntu: apt-get install python3-venv), then run the same command again."
    )


def _pip() -> list[str]:
    inside = subprocess.run([_PYTHON, "-c", "import pip"], capture_output=True, check=False)
    if inside.returncode == 0:
        return [str(_PYTHON), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(_PYTHON)]


def _install(locks: list[str]) -> None:
    """Install `locks` in one call of pip, hashes required and nothing resolved."""
    files = [part for lock in locks for part in ("-r", str(ROOT / lock))]
    options = ["--require-hashes", "--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    total = sum(line[:1].isalnum() for lock in locks for line in (ROOT / lock).read_text().splitlines())
    log = ROOT / ".dev" / "logs" / "pip.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _say(f"Installing up to {total} locked packages with pip; the first time this takes about a minute.")
    with log.open("w") as output:
        code = _wait([*_pip(), "install", *options, *files], output, log)
    if code != 0:
        last = "\n".join(log.read_text().splitlines()[-15:])
        raise CannotPrepare(
            f"{last}\npip could not install the locked packages; its last lines are above, all of them in {log}."
            " Check the network, a proxy and the free disk space, then run the same command again."
        )


def _wait(command: list[str], output: TextIO, log: Path) -> int:
    started = time.monotonic()
    pip = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    while True:
        try:
            return pip.wait(timeout=5)
        except subprocess.TimeoutExpired:
            _say(f"  {time.monotonic() - started:3.0f} s  {_doing(log.read_text())}")


def _doing(said: str) -> str:
    """The last step pip named, without the folders and the list of every package that come with it."""
    steps = [line.split() for line in said.splitlines() if line.split()[:1] in (["Collecting"], ["Processing"])]
    if "\nInstalling collected" in said:
        return f"unpacking {len(steps)} packages"
    return f"fetching, {len(steps)} so far: {Path(steps[-1][1]).name}" if steps else "starting"


def _say(text: str) -> None:
    # Standard error: the output of a verb stays its own.
    print(text, file=sys.stderr, flush=True)
