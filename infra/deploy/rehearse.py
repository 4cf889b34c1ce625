"""The `rehearse` verb: the whole service on this machine, as `up` runs it, from a build and not from the tree."""

import argparse
import sys
from pathlib import Path

from infra.bootstrap import ROOT
from infra.deploy import sam
from infra.deploy.artefact import Artefact, CannotLayOut, lay_out
from infra.local import template
from infra.local.commands import run_stack, up_parser
from infra.local.launcher import Databases
from infra.local.single_run import Place, run
from infra.local.state import Refused

_MIGRATE = "MigrateFunction"


def rehearse(argv: list[str]) -> int:
    """Run the service from a build for this machine, in Lambda's Python and layout, its own database beside `up`'s."""
    parser = up_parser("rehearse", rehearse.__doc__ or "")
    parser.add_argument("--built", type=Path, default=ROOT / ".aws-sam" / "build", help="what `build` made")
    parser.set_defaults(data=ROOT / ".dev" / "rehearsal")
    arguments = parser.parse_args(argv)
    try:
        artefact = _laid_out(arguments)
    except (CannotLayOut, sam.CannotBuild) as error:
        print(error, file=sys.stderr)
        return 1
    return run_stack(arguments, artefact, lambda databases: _migrate(arguments, artefact, databases))


def _laid_out(arguments: argparse.Namespace) -> Artefact:
    functions = template.load(arguments.template).functions.values()
    return lay_out(arguments.built.absolute(), arguments.data.absolute() / "lambda", functions)


def _migrate(arguments: argparse.Namespace, artefact: Artefact, databases: Databases) -> None:
    """As a deploy does: by the function that is there for it."""
    done = run(template.load(arguments.template), _MIGRATE, b"{}", Place(databases), artefact)
    log = arguments.data.absolute() / "logs" / f"{_MIGRATE}.log"
    log.write_text(done.said)
    if done.result.error is not None:
        raise Refused(f"{_MIGRATE} failed: {done.result.payload.decode(errors='replace')}")
