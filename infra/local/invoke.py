"""`invoke`: run one event through a function, as Lambda would, without Docker."""

import argparse
import difflib
import json
import os
import sys
from pathlib import Path
from typing import cast

from dotenv import dotenv_values

from infra.bootstrap import ROOT
from infra.local import profile, state
from infra.local import template as sam
from infra.local.launcher import Databases
from infra.local.secrets import fetched_secrets
from infra.local.single_run import Place, Run, run
from infra.local.state import Refused
from infra.local.template import Template
from shared.settings.sources import resolve


def invoke(argv: list[str]) -> int:
    """Run one event through a function in the genuine runtime client; no Docker is needed.

    The answer goes to standard output; what the function logged and how long it took, to standard error. The exit code
    is 0 when the function answered, 1 when it failed and 2 when there was nothing to run.
    """
    arguments = _parser().parse_args(argv)
    try:
        template = sam.load(ROOT / "template.yaml")
        name = _function(template, arguments.function)
        event = read_event(arguments.event)
        place = _place(arguments, name)
    except (Refused, sam.cfn.TemplateError) as refused:
        print(refused, file=sys.stderr)
        return 2
    return _show(name, run(template, name, event, place))


def read_event(source: str | None) -> bytes:
    """The event in a file, or on standard input for `-`; an empty one for None. Raises `Refused`."""
    if source is None:
        return b"{}"
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Refused(f"The event {source} cannot be read: {why}.") from error
    try:
        json.loads(text)
    except ValueError as error:
        where = "standard input" if source == "-" else source
        raise Refused(f"The event in {where} is not JSON: {error}.") from error
    return text.encode()


def read_variables(path: Path, function: str) -> dict[str, str]:
    """The variables in a file: lines NAME=value, or JSON as `sam local --env-vars` takes it. Raises `Refused`."""
    try:
        if path.suffix != ".json":
            return {name: value for name, value in _lines(path).items() if value is not None}
        document = cast(object, json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise Refused(f"The variables in {path} cannot be read: {error}.") from error
    # What is said of one function outweighs what is said of all.
    return {**_group(document, "Parameters", path), **_group(document, function, path)}


def _group(document: object, name: str, path: Path) -> dict[str, str]:
    groups = cast(dict[str, object], document) if isinstance(document, dict) else {name: None}
    group = groups.get(name, dict[str, object]())
    if not isinstance(group, dict):
        raise Refused(f'The variables in {path} stand in no group: {{"Parameters": {{"NAME": "value"}}}}.')
    return {key: str(value) for key, value in cast(dict[str, object], group).items()}


def _lines(path: Path) -> dict[str, str | None]:
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    return dotenv_values(path)


def _function(template: Template, name: str) -> str:
    function = template.functions.get(name)
    if function is None:
        near = difflib.get_close_matches(name, template.functions, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(template.functions)}."
        raise Refused(f"There is no function {name} in template.yaml. {hint}")
    if function.uvicorn is not None:
        raise Refused(f"{name} is a web server and takes no events: ask it through the door of `python3 -m infra up`.")
    return name


def _place(arguments: argparse.Namespace, function: str) -> Place:
    """Database, queues and settings: those of the running stack, or those of the operator."""
    given = {} if arguments.env_file is None else read_variables(arguments.env_file, function)
    variables = {**profile.defaults(ROOT), **given}
    found = resolve(env={**os.environ, **variables}, folder=ROOT)
    if found.problems:
        raise Refused("The settings are not valid:\n  " + "\n  ".join(found.problems))
    # As `up` does: functions get no credentials here. What the template sets outweighs the environment, so that the
    # database of the stack stays; what the file says outweighs both.
    fetched = fetched_secrets(found)
    os.environ.update(fetched)
    variables |= {name: text for name, text in fetched.items() if name in given}
    if not arguments.stack:
        if ("db", "connection_uri") not in found.given:
            print("No database is set: say --stack, or set DB_CONNECTION_URI.", file=sys.stderr)
        return Place(variables=variables)
    stack = state.running(arguments.data.absolute())
    if stack is None:
        raise Refused("No stack is running: start one with `python3 -m infra up`, or leave --stack out.")
    return Place(Databases(owner=stack.owner_dsn, app=stack.dsn), stack.sqs_url, variables)


def _show(name: str, done: Run) -> int:
    print(done.said, end="", file=sys.stderr)
    print(_readable(done.result.payload), flush=True)
    for queue, count in done.sent.items():
        print(f"sent: {count} to {queue}", file=sys.stderr)
    code = 0 if done.result.error is None else 1
    how = "answered" if done.result.error is None else f"failed ({done.result.error})"
    took = f"loaded in {done.init_s * 1000:.0f} ms, ran for {done.run_s * 1000:.0f} ms"
    print(f"{name} {how}: {took}, exit code {code}", file=sys.stderr)
    return code


def _readable(payload: bytes) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload.decode(errors="replace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra invoke", description=invoke.__doc__)
    parser.add_argument("function", help="its logical id in template.yaml: ApiFunction, DeriverFunction, ...")
    parser.add_argument(
        "-e", "--event", metavar="FILE", help="the event as JSON; - reads standard input; {} if left out"
    )
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="variables: NAME=value lines, or SAM's JSON")
    parser.add_argument("--stack", action="store_true", help="with database and queues of the running local stack")
    parser.add_argument("--data", type=Path, default=ROOT / ".dev", help="data folder of that stack (default .dev)")
    return parser
