"""`python3 -m infra <verb>`: the one tool. Its first use makes `.venv`, installs the locks and goes on in there."""

import sys

# This file must parse on any Python 3, so that an old one gets a sentence and not a traceback.
if sys.version_info < (3, 11):  # noqa: UP036
    from infra.old_python import refusal

    sys.exit(refusal())

import argparse
import difflib
import importlib
import io
import os
from typing import NamedTuple

from infra import bootstrap


class Verb(NamedTuple):
    """Where a verb lives: a function taking the arguments after the verb and returning the exit code."""

    module: str
    function: str
    help: str
    locks: tuple[str, ...] = bootstrap.RUN_LOCKS


VERBS: dict[str, Verb] = {
    "up": Verb("infra.local.commands", "up", "start the whole service on this machine"),
    "down": Verb("infra.local.commands", "down", "stop it; the data stays"),
    "status": Verb("infra.tools.orders.status", "status", "show what is running and what is waiting"),
    "logs": Verb("infra.local.commands", "logs", "show what the functions said"),
    "flush": Verb("infra.tools.orders.flush", "flush", "do the waiting work now, without batching"),
    "invoke": Verb("infra.local.invoke", "invoke", "run one event through a function, as Lambda would"),
    "parked": Verb("infra.tools.orders.parked", "parked", "list the work that was set aside, and why"),
    "usage": Verb("infra.local.usage", "usage", "sum what calls of models took and cost"),
    "vectors": Verb("infra.tools.vectors", "vectors", "copy vectors into another store; compare them with the rows"),
    "reindex": Verb("infra.tools.reindex", "reindex", "change the embedding model of workspaces in use"),
    "key": Verb("infra.tools.orders.key", "key", "mint a key, or revoke one"),
    "demo": Verb("infra.demo", "demo", "watch a memory grow out of a short conversation"),
    "bench": Verb("infra.tools.load", "bench", "write and read as fast as it goes, and count what was kept"),
    "probe-queue": Verb("infra.tools.probe_verb", "probe_queue", "check that a real SQS queue does what is relied on"),
    "config": Verb("infra.tools.config_verb", "config", "show every setting in force, and where it comes from"),
    "doctor": Verb("infra.tools.doctor", "doctor", "check database, queues, vectors and every configured model"),
    "build": Verb("infra.deploy.build", "build", "build what is deployed, and measure it", bootstrap.DEVELOP_LOCKS),
    "contract": Verb("infra.tools.contract.verb", "contract", "hold the templates against AWS's rules and the code"),
    "deploy": Verb("infra.deploy.deploy", "deploy", "build, deploy to AWS, and try it out", bootstrap.DEVELOP_LOCKS),
    "cost": Verb("infra.deploy.cost", "cost", "estimate a month's bill of AWS and of the models, by profile"),
    "destroy": Verb("infra.deploy.destroy", "destroy", "delete a deployed stack, and look that nothing is left"),
    "package": Verb(
        "infra.deploy.package", "package", "build, and upload to a bucket of yours", bootstrap.DEVELOP_LOCKS
    ),
    "smoke": Verb("infra.deploy.smoke", "smoke", "ask a running service for its main job, streaming first"),
    "cold": Verb(
        "infra.deploy.cold", "cold", "time the start of every function that was built", bootstrap.DEVELOP_LOCKS
    ),
    "rehearse": Verb(
        "infra.deploy.rehearse", "rehearse", "run what was built as `up` runs the tree", bootstrap.DEVELOP_LOCKS
    ),
    "test": Verb("infra.tools.suite", "test", "run the whole test suite", bootstrap.DEVELOP_LOCKS),
    "check": Verb("infra.tools.check", "check", "format, lint, types, floors, quick tests", bootstrap.DEVELOP_LOCKS),
    "config-example": Verb("infra.tools.config_example", "main", "write config.toml.example anew from the settings"),
    "lock": Verb("infra.tools.locks", "lock", "write the locks anew from pyproject.toml", bootstrap.DEVELOP_LOCKS),
}


def main(argv: list[str]) -> int:
    """Run the verb named first in `argv`, inside the project's own environment."""
    _print_anything()
    arguments = _parser().parse_args(argv[:1])
    verb = VERBS.get(arguments.verb)
    if verb is None:
        return _unknown(arguments.verb)
    try:
        bootstrap.enter(verb.locks)
        run = getattr(importlib.import_module(verb.module), verb.function)
        code = run(argv[1:])
        sys.stdout.flush()
        return code
    except bootstrap.CannotPrepare as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read along, `| head`, has seen enough. Nothing more can be said there, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if not _is_about_the_database(error):
            raise
        print(_without_database(error), file=sys.stderr)
        return 1


def _is_about_the_database(error: Exception) -> bool:
    """Whether it could not be reached, which any verb may meet. By name: nothing is imported before it is installed."""
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    return bool(names & {"psycopg.OperationalError", "shared.domain.errors.DatabaseUnavailable"})


def _without_database(error: Exception) -> str:
    import psycopg

    from shared.store import refusals

    said = refusals.told(error) if isinstance(error, psycopg.Error) else str(error)
    return f"{said or 'The database cannot be reached.'} `python3 -m infra doctor` looks at it."


def _print_anything() -> None:
    """Let a terminal that cannot write a sign show a question mark, and not end the verb."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS))
    listing = "\n".join(f"  {name:<{width}}  {verb.help}" for name, verb in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="python3 -m infra",
        usage="%(prog)s <verb> [options]",
        description="The one tool of Honcho Serverless. Its first use makes .venv in the project folder.",
        epilog=f"verbs:\n{listing}\n\n`python3 -m infra <verb> --help` says more about one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", help=argparse.SUPPRESS)
    return parser


def _unknown(name: str) -> int:
    near = difflib.get_close_matches(name, VERBS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`python3 -m infra --help` lists the verbs."
    print(f"There is no verb '{name}': {hint}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
