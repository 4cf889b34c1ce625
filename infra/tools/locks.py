"""The `lock` verb: pyproject's dependency groups become locks with hashes that name no host and no machine."""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

from infra.bootstrap import ROOT

# In order of precedence: a package needed by several groups is pinned once, in the first lock of those.
LOCKS = {
    "runtime": "layers/runtime/requirements.txt",
    "models": "layers/models/requirements.txt",
    "observe": "layers/observe/requirements.txt",
    "migrate": "functions/migrate/requirements.txt",
    "local": "infra/local/requirements.txt",
    "lancedb": "infra/local/lancedb/requirements.txt",
    "tests": "tests/requirements.txt",
}

_FORBIDDEN = re.compile(r"https?:|file:|--find-links|--(extra-)?index-url|\s/\w|@\s")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
# What may reach uv from a person's environment: where its cache is and whom it trusts, never where packages come from.
_UV_ALLOWED = {"UV_CACHE_DIR", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"}


def lock(argv: list[str]) -> int:
    """Write the locks anew, or with `--check` say which are older than pyproject.toml, without the network."""
    parser = argparse.ArgumentParser(prog="python3 -m infra lock", description=lock.__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; write nothing")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions instead of those locked")
    arguments = parser.parse_args(argv)
    if arguments.check:
        return _report(stale(ROOT))
    try:
        write(ROOT, upgrade=arguments.upgrade)
    except subprocess.CalledProcessError:
        print("uv found no solution; what it said is above, and no lock was changed.", file=sys.stderr)
        return 1
    return 0


def stale(root: Path) -> list[str]:
    """The locks that do not carry the digest of today's dependency groups."""
    wanted = f"# groups: {_groups_digest(root)}"
    return [path for path in LOCKS.values() if wanted not in _read(root / path).splitlines()[:2]]


def leaks(text: str) -> list[str]:
    """Lines of a lock that would name a registry, a direct address or a folder of this machine."""
    return [line for line in text.splitlines() if _FORBIDDEN.search(line)]


def write(root: Path, *, upgrade: bool) -> None:
    """Resolve all groups together and share the pins out, so that the locks agree by construction."""
    with tempfile.TemporaryDirectory() as folder:
        everything = Path(folder) / "everything.txt"
        if not upgrade:
            # uv prefers the versions it finds in its output file.
            everything.write_text("".join(_read(root / path) for path in LOCKS.values()))
        _compile(root, LOCKS, ["--generate-hashes", "--output-file", str(everything)])
        pins = _pins(everything.read_text())
        if found := leaks("".join(pins.values())):
            raise ValueError(f"a lock would name a host or a folder: {found[0]}")
        needs = {group: _pins(_compile(root, [group], ["--constraints", str(everything)])) for group in LOCKS}
        for group, path in LOCKS.items():
            taken = [pins.pop(name) for name in sorted(needs[group]) if name in pins]
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(_header(root) + "".join(taken))
            print(f"{path}: {len(taken)} packages")


def _compile(root: Path, groups: Iterable[str], options: list[str]) -> str:
    """What uv resolves for every platform from the public index; the settings of this machine have no say."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal", "--no-config"]
    command += ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url"]
    command += [part for group in groups for part in ("--group", group)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("UV_") or key in _UV_ALLOWED}
    return subprocess.run(
        [*command, *options], cwd=root, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _pins(text: str) -> dict[str, str]:
    """Each package's lines, hashes and all; a package pinned twice under different markers stays together."""
    pins: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if match := _NAME.match(line):
            name = match.group()
        if name and not line.startswith("#"):
            pins[name] = pins.get(name, "") + line
    return pins


def _groups_digest(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    relevant = [project["project"]["requires-python"], project["dependency-groups"]]
    return "sha256:" + hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def _header(root: Path) -> str:
    return f"# Made by `python3 -m infra lock` from pyproject.toml; do not edit.\n# groups: {_groups_digest(root)}\n"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _report(old: list[str]) -> int:
    for path in old:
        print(f"{path} is older than pyproject.toml: run `python3 -m infra lock`.", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    # For `check`, which is in the environment already.
    sys.exit(lock(sys.argv[1:]))
