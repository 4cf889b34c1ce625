"""The `check` verb: everything that can be said about a change in under a minute, one line each."""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from infra.bootstrap import ROOT

_BIN = Path(sys.executable).parent
_TEMPLATES = ("template.yaml", *(str(path) for path in sorted(ROOT.glob("infra/stacks/*.yaml"))))


class Step(NamedTuple):
    """One question to the tree: the answer is the exit code of its command."""

    name: str
    command: tuple[str, ...]


STEPS = (
    Step("format", (sys.executable, "-m", "ruff", "format", "--check", ".")),
    Step("lint", (sys.executable, "-m", "ruff", "check", ".")),
    Step("types", (sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable)),
    Step("floors", (str(_BIN / "lint-imports"), "--cache-dir", ".dev/cache/import-linter")),
    Step("template", (str(_BIN / "cfn-lint"), *_TEMPLATES)),
    Step("contract", (sys.executable, "-m", "infra.tools.contract.verb")),
    Step("locks", (sys.executable, "-m", "infra.tools.locks", "--check")),
    Step("generated", (sys.executable, "-m", "infra.tools.config_example", "--check")),
    Step("tests", (sys.executable, "-m", "pytest", "-q", "tests/unit", "tests/architecture")),
)


def check(argv: list[str]) -> int:
    """Ask every question, in order, and show the output of those that failed."""
    parser = argparse.ArgumentParser(prog="python3 -m infra check", description=check.__doc__)
    parser.add_argument(
        "steps", nargs="*", metavar="step", help=f"only these: {', '.join(step.name for step in STEPS)}"
    )
    wanted = parser.parse_args(argv).steps
    if unknown := set(wanted) - {step.name for step in STEPS}:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    failed = [step.name for step in STEPS if (not wanted or step.name in wanted) and not _passes(step)]
    print(f"FAILED: {', '.join(failed)}" if failed else "Everything is in order.")
    return 1 if failed else 0


def _passes(step: Step) -> bool:
    print(f"{step.name:<10}", end="", flush=True)
    started = time.monotonic()
    result = subprocess.run(
        step.command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    passed = result.returncode == 0
    print(f"{'ok' if passed else 'FAILED':<7} {time.monotonic() - started:5.1f} s", flush=True)
    if not passed:
        print(result.stdout, end="" if result.stdout.endswith("\n") else "\n", flush=True)
    return passed
