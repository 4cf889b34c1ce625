"""The `test` verb: the whole suite, as pytest reports it."""

import argparse
import subprocess
import sys

from infra.bootstrap import ROOT


def test(argv: list[str]) -> int:
    """Run every test but the slow ones and the load figures; what this verb does not know goes to pytest as it is."""
    parser = argparse.ArgumentParser(prog="python3 -m infra test", description=test.__doc__)
    parser.add_argument("--slow", action="store_true", help="the tests that take minutes, too")
    arguments, for_pytest = parser.parse_known_args(argv)
    chosen = ["-m", "not load"] if arguments.slow else []
    # Nothing is printed after pytest: its closing line is the result.
    return subprocess.run([sys.executable, "-m", "pytest", *chosen, *for_pytest], cwd=ROOT, check=False).returncode
