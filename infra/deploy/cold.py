"""The `cold` verb: how long each function takes from its process' start until it asks for its first event."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from infra.bootstrap import ROOT
from infra.deploy import sam
from infra.deploy.artefact import Artefact, CannotLayOut, lay_out
from infra.deploy.starts import Imports, imports, start_ms
from infra.local import template
from infra.local.template import FunctionSpec, Template

_SHOWN: Final = 8
_AIMS_MS: Final = {"ApiFunction": 450, "ChatFunction": 450}
_AIM_MS: Final = 350


def cold(argv: list[str]) -> int:
    """Start every function of a build for this machine again and again, and list what its imports take.

    With `--against`, another build is measured in turn with it, so that both meet the same noise.
    """
    parser = argparse.ArgumentParser(prog="python3 -m infra cold", description=cold.__doc__)
    parser.add_argument("--built", type=Path, default=ROOT / ".aws-sam" / "build", help="what `build` made")
    parser.add_argument("--against", type=Path, help="another such folder")
    parser.add_argument("--times", type=int, default=9, help="starts of each function (default 9)")
    parser.add_argument("--function", action="append", help="only this one; may be said again")
    arguments = parser.parse_args(argv)
    declared = template.load(ROOT / "template.yaml")
    chosen = [f for name, f in declared.functions.items() if name in (arguments.function or declared.functions)]
    builds = [arguments.built, *([arguments.against] if arguments.against else [])]
    with tempfile.TemporaryDirectory(prefix="honcho-cold-") as place:
        try:
            laid = [
                lay_out(folder.absolute(), Path(place) / str(number), declared.functions.values())
                for number, folder in enumerate(builds)
            ]
        except (CannotLayOut, sam.CannotBuild) as error:
            print(error, file=sys.stderr)
            return 1
        _measure(declared, chosen, laid, arguments.times)
        _list(declared, chosen, laid[0])
    return 0


def _measure(declared: Template, chosen: Sequence[FunctionSpec], laid: Sequence[Artefact], times: int) -> None:
    print(f"median of {times} starts in Python {sam.PYTHON}, in milliseconds; the first of each is not counted\n")
    print(f"{'function':<18}{'median':>8}{'least':>8}{'aim':>8}" + ("   against:  median  ratio" if laid[1:] else ""))
    for function in chosen:
        taken: list[list[float]] = [[] for _ in laid]
        for _ in range(times + 1):
            for each, artefact in zip(taken, laid, strict=True):
                each.append(start_ms(declared, function, artefact))
        first, *other = (each[1:] for each in taken)
        aim = _AIMS_MS.get(function.logical_id, _AIM_MS)
        line = f"{function.logical_id:<18}{median(first):>8.0f}{min(first):>8.0f}{aim:>8}"
        if other:
            line += f"{median(other[0]):>20.0f}{median(first) / median(other[0]):>7.2f}"
        print(line, flush=True)


def _list(declared: Template, chosen: Sequence[FunctionSpec], artefact: Artefact) -> None:
    print("\nwhat its imports take: milliseconds and modules by package, those of the tracing itself included")
    for function in chosen:
        found = imports(declared, function, artefact)
        print(f"{function.logical_id:<18}{_row(found)}")


def _row(found: Sequence[Imports]) -> str:
    heaviest = sorted(found, key=lambda each: -each.ms)[:_SHOWN]
    whole = f"{sum(each.ms for each in found):.0f} ms, {sum(each.modules for each in found)} modules: "
    return whole + ", ".join(f"{each.package} {each.ms:.0f}/{each.modules}" for each in heaviest)
