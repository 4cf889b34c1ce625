"""What was built, laid out on this machine as Lambda lays it out: /var/task, /opt, /var/runtime, and its Python."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.bootstrap import ROOT
from infra.deploy import sam
from infra.local.code import Code
from infra.local.template import FunctionSpec

LOCK: Final = "infra/local/requirements.txt"
# Lambda's own, in /var/runtime: the runtime client, and what it imports.
CLIENT: Final = ("awslambdaric", "simplejson", "snapshot-restore-py")
# They lead a Python to what this one has installed, or a program to another's libraries.
_FOREIGN: Final = ("PYTHON", "VIRTUAL_ENV", "LD_", "UV_", "PYTEST")


class CannotLayOut(Exception):
    """What was built cannot be run here; the text says why."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """The folders of a build, and what stands beside them on Lambda. `layers` has a folder for each set of layers."""

    built: Path
    python: Path
    client: Path
    layers: Mapping[tuple[str, ...], Path]

    def of(self, function: FunctionSpec) -> Code:
        task, layers = self.built / function.logical_id, self.layers[function.layers]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        variables = {
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "LAMBDA_RUNTIME_DIR": str(self.client),
            # What is not compiled stays so: /var/task and /opt are read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        serve: tuple[str, ...] = ()
        if function.uvicorn is None:
            paths = (task, layers / "python", self.client)
            variables["PYTHONPATH"] = os.pathsep.join(map(str, paths))
        else:
            # The adapter runs the script as it is; here only the path of the layers is another.
            script = (task / function.handler).read_text()
            serve = ("/bin/sh", "-c", script.replace("/opt/", f"{layers}/"))
        return Code(
            python=str(self.python),
            folder=task,
            inherited=inherited,
            variables=variables,
            serve=serve,
            layers=layers,
            version=sam.PYTHON,
        )


def lay_out(built: Path, place: Path, functions: Iterable[FunctionSpec]) -> Artefact:
    """Prepare a build in `place`, which is made anew. Raises `CannotLayOut`."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    wanted = list(functions)
    for function in wanted:
        _demand(built / function.logical_id)
    sets = {function.layers for function in wanted}
    layers = {names: place / f"opt{number}" for number, names in enumerate(sorted(sets))}
    for names, folder in layers.items():
        for name in names:
            _unpack(built / name, folder)
    return Artefact(built=built, python=_python(place / "lang"), client=_client(place / "runtime"), layers=layers)


def _demand(part: Path) -> None:
    if not part.is_dir():
        raise CannotLayOut(f"{part} is missing: run `python3 -m infra build --machine {platform.machine()}` first")


def _unpack(layer: Path, onto: Path) -> None:
    """Add a layer to those before it, as hard links."""
    _demand(layer)

    def link(source: str, target: str) -> None:
        # Lambda would keep the later one: two layers with one package are a mistake of the locks.
        if Path(target).exists():
            raise CannotLayOut(f"{target} is in two layers")
        os.link(source, target)

    shutil.copytree(layer, onto, copy_function=link, dirs_exist_ok=True)


def _python(place: Path) -> Path:
    """A Python of Lambda's version with nothing installed."""
    subprocess.run([sam.python(), "-m", "venv", "--without-pip", str(place)], check=True)
    return place / "bin" / "python3"


def _client(place: Path) -> Path:
    """The runtime client for that Python, from the hashed lock."""
    pins = re.findall(r"(?m)^([a-z0-9-]+==\S+)", (ROOT / LOCK).read_text())
    wanted = [pin for pin in pins if pin.partition("==")[0] in CLIENT]
    uv = str(Path(sys.executable).with_name("uv"))
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", sam.PYTHON]
    command = [uv, "pip", "install", *options, "--target", str(place), "--constraints", str(ROOT / LOCK), *wanted]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotLayOut(f"the runtime client could not be installed: {done.stderr.strip()}")
    return place
