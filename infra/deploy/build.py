"""The `build` verb: what `sam build` makes of the tree, without Docker, and whether Lambda would take it."""

import argparse
import platform
import sys
from pathlib import Path
from typing import Final

from infra.bootstrap import ROOT
from infra.deploy import contents, sam, settings_file, sizes
from infra.local import cloudformation as cfn
from infra.local import template

PLATFORMS: Final = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


def build(argv: list[str]) -> int:
    """Build every function and layer with SAM, and check what came of it."""
    parser = argparse.ArgumentParser(prog="python3 -m infra build", description=build.__doc__)
    parser.add_argument("--machine", choices=sorted(PLATFORMS), default="arm64", help="what the layers are made for")
    parser.add_argument("--into", type=Path, default=ROOT / ".aws-sam" / "build", help="where the result goes")
    arguments = parser.parse_args(argv)
    if wrong := settings_file.objections(ROOT):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    try:
        code = built(arguments.into, arguments.machine)
    except sam.CannotBuild as error:
        print(error, file=sys.stderr)
        return 1
    return code or report(arguments.into, arguments.machine)


def built(into: Path, machine: str) -> int:
    """Run `sam build`; gives its exit code, after its output when that is not 0."""
    # Not `--cached`: its digest covers the whole folder, with the environment in it.
    arguments = ["build", "--build-dir", str(into), "--no-cached", "--build-in-source"]
    print("sam build: every function and layer; the first time this takes a minute or two.", flush=True)
    done = sam.run(arguments, quietly=True, PLATFORM=PLATFORMS[machine])
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
    return done.returncode


def report(folder: Path, machine: str) -> int:
    """Print what was built and what is wrong with it."""
    declared = template.load(ROOT / "template.yaml").functions
    resources = cfn.table(cfn.read(ROOT / "template.yaml").get("Resources"), "Resources")
    kinds = {name: cfn.table(node, name).get("Type") for name, node in resources.items()}
    layers = [sizes.measure(folder / n) for n, kind in kinds.items() if kind == "AWS::Serverless::LayerVersion"]
    functions = [sizes.measure(folder / name) for name in declared]
    for one in (*layers, *functions):
        print(sizes.row(one))
    problems = sizes.objections(functions, layers, {name: each.layers for name, each in declared.items()}, machine)
    problems += [said for one in (*layers, *functions) for said in contents.objections(folder / one.name)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if machine == "arm64" and platform.machine() != "aarch64":
        print("arm64: measured and looked at, not run here; --machine x86_64 builds a twin that runs")
    return 1 if problems else 0
