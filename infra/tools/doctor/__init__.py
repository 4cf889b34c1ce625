"""The `doctor` verb: one line for everything the service rests on, and the setting to turn where it fails."""

import argparse
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from infra.bootstrap import ROOT
from infra.local import mode, state
from infra.local.models_in_use import uncalled
from infra.local.state import StackState
from infra.tools.config_verb import resolve_here
from infra.tools.doctor.finding import Finding
from infra.tools.doctor.models import examine_models
from infra.tools.doctor.outlets import examine_outlets
from infra.tools.doctor.services import Reach, examine_services, reach_of
from shared.domain.errors import ServiceError
from shared.llm.prices import load_prices
from shared.settings import Settings
from shared.settings.sources import Resolved
from shared.telemetry.logs import logger


def doctor(argv: list[str]) -> int:
    """Check what the settings lead to, and say what does not work."""
    parser = argparse.ArgumentParser(
        prog="python3 -m infra doctor",
        description="Check settings, database, migrations, queues, vector store and receivers of telemetry, and ask "
        "each configured model for a tool call and for structured output: a few short calls, paid like any other.",
        epilog="Exit code 1 when there is a problem. A stack that is merely stopped is none.",
    )
    parser.add_argument("--data", type=Path, default=ROOT / ".dev", help="data folder of the stack (default .dev)")
    parser.add_argument("--no-models", action="store_true", help="ask no model")
    arguments = parser.parse_args(argv)
    found = resolve_here()
    stack = state.running(arguments.data.absolute())
    problems = 0
    with _quietly():
        findings = _examine(found, reach_of(found, stack), with_models=not arguments.no_models)
        for finding in chain(_settings(found), _of_stack(found, stack), findings):
            problems += finding.status == "problem"
            print(finding.line(), flush=True)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if problems:
        print(f"\n{problems} problem{'s' if problems > 1 else ''}.", file=sys.stderr)
    return 1 if problems else 0


@contextmanager
def _quietly() -> Generator[None]:
    """Without log lines: what fails or is tried again is told in the report, once."""
    level = logger.log_level
    logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        logger.setLevel(level)


def _examine(found: Resolved, reach: Reach | None, *, with_models: bool) -> Iterator[Finding]:
    yield from examine_services(found.settings, reach)
    yield from examine_outlets(found.settings)
    yield from _prices(found.settings)
    if found.problems:
        yield Finding("models", "off", "not asked while the settings are wrong")
    elif with_models:
        yield from examine_models(found)


def _of_stack(found: Resolved, stack: StackState | None) -> Iterator[Finding]:
    """Whether the running stack has these settings, as far as it shows: else all the rest is about something else."""
    if stack is None or found.problems:
        return
    try:
        here = mode.describe(found.settings)
    except ServiceError:
        # Told with the models.
        return
    if here != stack.mode:
        said = f"the running stack was started with others: {stack.mode}. Here: {here}"
        yield Finding("settings", "problem", f"{said}. `down` and `up` take these over, or set those here, too")


def _prices(settings: Settings) -> Iterator[Finding]:
    """Nothing where nothing is set about them, and every model that has none may be called."""
    file = settings.usage.prices_file
    try:
        known = load_prices(file).known
        uncalled_for = uncalled(settings, datetime.now(UTC).date())
    except ServiceError as error:
        yield Finding("prices", "problem", str(error))
        return
    if uncalled_for is not None:
        yield Finding("prices", "problem", uncalled_for)
    elif file is not None:
        yield Finding("prices", "ok", f"of {len(known)} models")


def _settings(found: Resolved) -> Iterator[Finding]:
    for problem in found.problems:
        yield Finding("settings", "problem", problem)
    if not found.problems:
        count = len(found.given)
        yield Finding("settings", "ok", f"{count} set, the rest default; `python3 -m infra config` shows them")
