"""The verbs of the local stack: `up`, `down`, `status`, `logs`."""

import argparse
import itertools
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from infra.local import logs as function_logs
from infra.local import state
from infra.local.code import Codebase, SourceTree
from infra.local.state import Refused, StackState

if TYPE_CHECKING:
    from infra.local.launcher import Databases

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 8000

_STOP_S = 15.0


def up(argv: list[str]) -> int:
    """Run the stack in the foreground until it is told to stop."""
    parser = up_parser("up", "Start the whole service on this machine and keep it running.")
    return run_stack(parser.parse_args(argv), SourceTree(ROOT))


def up_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """What every verb that runs a stack may be told."""
    parser = _parser(verb, description)
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port of the door (default 8000, 0 picks one)")
    parser.add_argument("--host", default="127.0.0.1", help="address of the door (default 127.0.0.1)")
    parser.add_argument("--insecure", action="store_true", help="allow another host without AUTH_USE_AUTH")
    parser.add_argument("--json", action="store_true", help="print one JSON line when ready, nothing else")
    parser.add_argument("--template", type=Path, default=ROOT / "template.yaml", help=argparse.SUPPRESS)
    return parser


def run_stack(
    arguments: argparse.Namespace, codebase: Codebase, migrate: "Callable[[Databases], None] | None" = None
) -> int:
    """Run a stack over this code until it is told to stop."""
    from infra.local.startup import Options, run

    options = Options(
        host=arguments.host,
        port=arguments.port,
        insecure=arguments.insecure,
        data=arguments.data.absolute(),
        template=arguments.template.absolute(),
        root=ROOT,
        codebase=codebase,
        migrate=migrate,
    )

    def on_ready(stack: StackState) -> None:
        print(json.dumps(_public(stack)) if arguments.json else _welcome(stack), flush=True)

    return _told(lambda: run(options, on_ready, say=lambda text: print(text, file=sys.stderr, flush=True)))


def down(argv: list[str]) -> int:
    """Stop the running stack and wait for it."""
    data = _parser("down", "Stop the stack; the data stays.").parse_args(argv).data.absolute()
    stack = state.running(data)
    if stack is None:
        print("No stack is running.")
        return 0
    os.kill(stack.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while state.is_held(data):
        if time.monotonic() > deadline:
            print(f"The stack (process {stack.pid}) is still stopping after {_STOP_S:.0f} s.", file=sys.stderr)
            return 1
        time.sleep(0.05)
    print("The stack has stopped. Its data is kept.")
    return 0


def status(data: Path) -> int:
    """Show what runs and what waits."""
    return _told(lambda: _status(state.expected(data.absolute())))


def logs(argv: list[str]) -> int:
    """Show what the functions said."""
    parser = _parser("logs", "Show what the functions said.")
    parser.add_argument(
        "function", nargs="?", help="ApiFunction, DeriverFunction, ...; postgres or launcher; all when left out"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on as more is said")
    parser.add_argument("-n", "--lines", type=_count, default=30, help="how many lines of each (default 30)")
    arguments = parser.parse_args(argv)
    return _told(
        lambda: _logs(arguments.data.absolute() / "logs", arguments.function, arguments.lines, arguments.follow)
    )


def _status(stack: StackState) -> int:
    from infra.local import pending

    print(f"Running since {stack.started_at} at {stack.base_url}\n{stack.mode}")
    found = cast(dict[str, dict[str, dict[str, object]]], json.loads(_get(f"{stack.base_url}/_local/status")))
    print("\nFunctions")
    for name, pool in found["functions"].items():
        line = "  {:<15} {:>2} idle {:>2} busy {:>2} starting {:>3} waiting  {} calls, {} errors"
        counts = [pool[key] for key in ("idle", "busy", "starting", "waiting", "invocations", "errors")]
        print(line.format(name, *counts))
        if pool["last_error"]:
            print(f"                  last error: {str(pool['last_error'])[:160]}")
    for name, server in found["web_functions"].items():
        print(f"  {name:<15} {'running' if server['running'] else 'stopped'}, {server['open_requests']} open requests")
    for name, door in found["door"].items():
        if door["waiting"] or door["shed"]:
            print(f"  {name:<15} {door['waiting']} requests wait at the door, {door['shed']} were sent away (429)")
    if lost := cast(dict[str, int], found["errands"])["undelivered"]:
        print(f"  {lost} batches were written for callers who had left: asked again now, they get those answers")
    print("\nQueues")
    for name, queue in found["queues"].items():
        age = f", oldest {queue['oldest_age_s']} s" if queue["oldest_age_s"] else ""
        print(f"  {name:<26} {queue['visible']:>5} waiting {queue['in_flight']:>4} in work{age}")
    if found["ignored_resources"]:
        print(f"\nNot run here: {', '.join(map(str, found['ignored_resources']))}")
    print(f"\n{pending.describe(stack.dsn)}")
    return 0


def _logs(folder: Path, function: str | None, lines: int, follow: bool) -> int:
    paths = sorted(folder.glob("*.log"))
    if function is not None:
        paths = [path for path in paths if path.stem.lower() == function.lower()]
    if not paths:
        raise Refused(f"There is no log of {function} in {folder}." if function else f"There are no logs in {folder}.")
    width = max(len(path.stem) for path in paths)
    last = ((path, line) for path in paths for line in function_logs.last_lines(path, lines))
    more = function_logs.follow(paths) if follow else ()
    try:
        for path, line in itertools.chain(last, more):
            print(f"{path.stem:<{width}}  {line}" if function is None else line, flush=follow)
    except KeyboardInterrupt:
        return 0
    return 0


def _parser(verb: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python3 -m infra {verb}", description=description)
    parser.add_argument("--data", type=Path, default=state.USUAL, help="data folder (default .dev)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of lines")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 0 to 65535")
    return int(text)


def _told(run: Callable[[], int]) -> int:
    """The exit code of a verb; what it refuses is told in a sentence."""
    try:
        return run()
    except Refused as refused:
        print(refused, file=sys.stderr)
    except urllib.error.URLError as error:
        print(f"The stack does not answer: {error.reason}.", file=sys.stderr)
    return 1


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return cast(bytes, answer.read())


def _public(stack: StackState) -> dict[str, object]:
    """The state without the database's address, which holds its password."""
    return {name: value for name, value in asdict(stack).items() if name != "dsn"}


def _welcome(stack: StackState) -> str:
    data = Path(stack.data)
    return "\n".join(
        [
            "Honcho Serverless is ready.",
            f"  base URL  {stack.base_url}",
            *([f"  docs      {stack.docs}"] if stack.docs else []),
            f"  mode      {stack.mode}",
            f"  logs      {state.command('logs', data)}",
            f"  stop      Ctrl-C, or {state.command('down', data)}",
        ]
    )
