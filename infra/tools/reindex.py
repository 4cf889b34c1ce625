"""`reindex`: change the embedding model or the dimensions of workspaces while they are in use."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psycopg
from psycopg import errors

from infra.local import state
from infra.local.state import Refused
from infra.migrations.apply import ensure_space
from infra.tools import space_removal
from infra.tools.vectors import opened
from shared.backends import Backends
from shared.domain.errors import Conflict, ServiceError
from shared.domain.vector import EmbeddingSpace
from shared.llm.provider import open_embedder
from shared.memory import reindexing, vector_copy
from shared.settings.choice import spec_of_space
from shared.store.space_choices import SpaceChoice


def reindex(argv: list[str]) -> int:
    """Change the embedding model of workspaces while they are in use: fill another space, then read it.

    Without an order the space of --to, or that of the settings, is filled beside the one in use and then read. It can
    be broken off at any time and goes on where it was. Until --drop the former space is written, too, and --back
    returns to it.
    """
    arguments = _parser().parse_args(argv)
    data = arguments.data.absolute()
    try:
        with opened(data) as (backends, _):
            names = vector_copy.workspaces(backends) if arguments.all else iter(arguments.workspace)
            return _order(arguments)(backends, names, data, arguments)
    except KeyboardInterrupt:
        print("\nBroken off. The same command goes on where it was.", file=sys.stderr)
    except errors.InsufficientPrivilege:
        print(
            "The tables of another space belong to the owner of the database: set DB_CONNECTION_URI to the owner's.",
            file=sys.stderr,
        )
    except (ServiceError, Refused) as error:
        print(error, file=sys.stderr)
    except psycopg.Error as error:
        print(f"The database refused it ({type(error).__name__}): are its migrations applied?", file=sys.stderr)
    return 1


# Between two looks whether what is being deleted is gone.
_PAUSE_S: Final = 0.5
_Order = Callable[[Backends, Iterator[str], Path, argparse.Namespace], int]


def _order(arguments: argparse.Namespace) -> _Order:
    if arguments.status:
        return show
    if arguments.drop:
        return drop
    return back if arguments.back else change


def change(backends: Backends, names: Iterator[str], data: Path, arguments: argparse.Namespace) -> int:
    """Fill the wanted space and read it; workspaces that are in it already are passed over."""
    into = _wanted(backends, arguments.to, arguments.dimensions)
    ensure_space(_owner_dsn(backends, data), into)
    failed = 0
    for workspace in names:
        try:
            if reindexing.begin(backends, workspace, into) is None:
                print(f"{workspace} reads {_named(into)} already")
                continue
            _fill_and_switch(backends, workspace)
        except Conflict as conflict:
            # One that is in another change does not keep the others from theirs.
            print(conflict)
            failed += 1
    return 1 if failed else 0


def back(backends: Backends, names: Iterator[str], data: Path, arguments: argparse.Namespace) -> int:
    """Bring the former space what it may lack, and read it again."""
    for workspace in names:
        choice = reindexing.choice_of(backends, workspace)
        if choice is None or choice.state != "switched":
            print(f"{workspace} has no former space to go back to")
            if arguments.all:
                continue
            return 1
        reindexing.turn(backends, workspace)
        _fill_and_switch(backends, workspace)
    return 0


def drop(backends: Backends, names: Iterator[str], data: Path, arguments: argparse.Namespace) -> int:
    """Empty the second space, once no reader can be in it, and remove tables that nobody uses any more."""
    for workspace in names:
        choice = reindexing.choice_of(backends, workspace)
        if choice is None or choice.second is None:
            print(f"{workspace} has no second space")
            continue
        if (wait_s := reindexing.left_after_s(backends, workspace)) > 0:
            print(f"{workspace}: waiting {wait_s:.0f} s until no reader is in {_named(choice.second)} ...", flush=True)
            time.sleep(wait_s + 0.1)
        for _ in reindexing.leave(backends, workspace):
            pass
        print(f"{workspace}: {_named(choice.second)} is empty", flush=True)
    usual = backends.models.embedder().space
    with psycopg.connect(_owner_dsn(backends, data)) as conn:
        for space in space_removal.unused(conn, usual):
            if space_removal.remove(conn, space, usual):
                print(f"The tables of {_named(space)} are gone: nobody used them any more.")
    return 0


def show(backends: Backends, names: Iterator[str], data: Path, arguments: argparse.Namespace) -> int:
    """Which space each workspace reads, and how far a change is."""
    usual = backends.models.embedder().space
    print(f"Workspaces that are not listed read {_named(usual)}, as the settings say.")
    for workspace in names:
        choice = reindexing.choice_of(backends, workspace)
        if choice is not None:
            print(f"{workspace}: {described(choice)}")
    return 0


def described(choice: SpaceChoice) -> str:
    read, second, filling = _named(choice.read), choice.second and _named(choice.second), choice.filling
    match choice.state:
        case "filling":
            return f"reads {read}; {second} is being filled, {filling.filled} rows so far"
        case "switched":
            return f"reads {read}; {second} is written, too, until --drop, and --back returns to it"
        case "leaving":
            return f"reads {read}; {second} is being emptied: --drop goes on"
        case "settled":
            return f"reads {read}"


def _fill_and_switch(backends: Backends, workspace: str) -> None:
    began = time.monotonic()
    while True:
        refused = 0
        for step in reindexing.fill(backends, workspace):
            seconds = time.monotonic() - began
            print(f"\r{workspace}: {progress(step, seconds)}", end="", flush=True)
            refused = step.refused
            if step.is_waiting:
                time.sleep(_PAUSE_S)
        print()
        if refused:
            print(f"{workspace}: {refused} texts are refused by the model and will be found by their words only.")
        try:
            choice = reindexing.switch(backends, workspace)
        except Conflict:
            # A writer could not write the new space since: what it left out is brought now. Any other reason is
            # told by filling.
            continue
        print(f"{workspace} reads {_named(choice.read)} now.", flush=True)
        return


def progress(step: reindexing.Progress, seconds: float) -> str:
    """Rows passed and in all, how fast, and how long yet; rows that are there already cost nothing."""
    rate = step.passed / seconds if seconds > 0 else 0.0
    left = max(0, step.total - step.passed)
    rest = f", {left / rate / 60:.1f} min left" if rate and left else ""
    return f"{step.passed} of {max(step.total, step.passed)} rows, {rate:.0f}/s{rest}    "


def _wanted(backends: Backends, to: str | None, dimensions: int | None) -> EmbeddingSpace:
    """The space that is asked for, else that of the settings. Raises `Invalid` where a key is missing."""
    if to is None and dimensions is None:
        return backends.models.embedder().space
    name = to or backends.models.embedder().space.model
    return open_embedder(spec_of_space(backends.settings, name, dimensions)).space


def _owner_dsn(backends: Backends, data: Path) -> str:
    """The address of the database for who may make tables in it."""
    stack = state.running(data)
    return backends.settings.db.dsn if stack is None else stack.owner_dsn


def _named(space: EmbeddingSpace) -> str:
    return f"{space.model} ({space.dimensions} dimensions)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra reindex", description=reindex.__doc__)
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--workspace", action="append", metavar="NAME", help="this one; may be given several times")
    whose.add_argument("--all", action="store_true", help="every workspace")
    parser.add_argument("--to", metavar="PROVIDER/MODEL", help="the model (default: that of the settings)")
    parser.add_argument("--dimensions", type=int, help="of the vectors (default: VECTOR_STORE_DIMENSIONS)")
    order = parser.add_mutually_exclusive_group()
    order.add_argument("--back", action="store_true", help="return to the former space")
    order.add_argument(
        "--drop", action="store_true", help="give up the former space, or the next one while it is filled"
    )
    order.add_argument("--status", action="store_true", help="show what each workspace reads, and how far it is")
    parser.add_argument("--data", type=Path, default=state.USUAL, help="data folder of the stack (default .dev)")
    return parser
