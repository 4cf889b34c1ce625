"""The `config` verb: every setting as it is in force, and where its value comes from."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import urlsplit

from pydantic import SecretStr

from infra.bootstrap import ROOT
from infra.local import profile
from infra.local.models_in_use import briefly, described, in_use, uncalled
from shared.domain.errors import ServiceError
from shared.llm.prices import load_prices
from shared.settings.knobs import Knob, all_knobs
from shared.settings.reading import Given, Source
from shared.settings.sources import Resolved, resolve

MASK = "********"
_LOCAL = "local stack"
_WIDEST_VALUE = 60
# Secret because of a password inside; the rest is worth seeing.
_ADDRESSES = {("db", "connection_uri"), ("cache", "url"), ("sentry", "dsn")}


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it is shown."""

    section: str
    name: str
    value: str | None
    source: str
    is_secret: bool


def config(argv: list[str]) -> int:
    """Print the settings in force, with the source of each."""
    parser = argparse.ArgumentParser(
        prog="python3 -m infra config",
        description="Print every setting as `up` finds it, and where its value comes from: environment, .env, "
        "config.toml, what the local stack adds, or the default. Secrets are never shown.",
        epilog="Exit code 1 when something is wrong with them. config.toml.example says what each one does.",
    )
    parser.add_argument("--changed", action="store_true", help="only what differs from the defaults")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    arguments = parser.parse_args(argv)
    found = resolve_here()
    rows = [row for row in _rows(found) if not arguments.changed or row.source != Source.DEFAULT.value]
    problems = [*found.problems, *_unserved(found)]
    if arguments.json:
        shown = [{key: value for key, value in asdict(row).items() if key != "section"} for row in rows]
        print(json.dumps({"settings": shown, "warnings": found.warnings, "problems": problems}, indent=1))
    else:
        _print(rows, found, problems)
    return 1 if problems else 0


def resolve_here() -> Resolved:
    """The settings as the local stack would find them."""
    return resolve(env={**profile.defaults(ROOT), **os.environ}, folder=ROOT)


def _print(rows: list[Row], found: Resolved, problems: list[str]) -> None:
    # Of settings that are wrong no table is shown: it would hold defaults nobody asked for.
    if not problems:
        _print_table(rows)
        print("\nmodels")
        for model, features in in_use(found.settings).items():
            print(f"  {described(model)}: {briefly(features)}")
        print(
            "\n`up` brings its own database and queues: DB_CONNECTION_URI and QUEUE_*_URL count where it is deployed."
        )
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)


def _print_table(rows: list[Row]) -> None:
    if not rows:
        print("Every setting has its default.")
        return
    for section, members in groupby(rows, key=lambda row: row.section):
        block = list(members)
        name_width = max(len(row.name) for row in block)
        value_width = min(_WIDEST_VALUE, max(len(_blank(row.value)) for row in block))
        print(f"\n[{section}]" if section != rows[0].section else f"[{section}]")
        for row in block:
            print(f"  {row.name:<{name_width}}  {_blank(row.value):<{value_width}}  {row.source}")


def _blank(value: str | None) -> str:
    return "-" if value is None else value


def _rows(found: Resolved) -> Iterator[Row]:
    for knob in all_knobs():
        value = shown(knob, knob.of(found.settings))
        yield Row(knob.keys[0], knob.variable, value, _source(found.given.get(knob.keys)), knob.is_secret)


def _source(given: Given | None) -> str:
    if given is None:
        return Source.DEFAULT.value
    is_added = given.source is Source.ENVIRONMENT and given.name not in os.environ
    return (_LOCAL if is_added else given.source.value) + (", secret" if given.is_from_secret else "")


def shown(knob: Knob, value: object) -> str | None:
    """A value as it may be seen by anybody; None when it is not set."""
    if value is None:
        return None
    if isinstance(value, SecretStr) and knob.keys in _ADDRESSES:
        return _address_alone(value.get_secret_value())
    if knob.is_secret:
        return MASK
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _address_alone(text: str) -> str:
    """An address without the password in it; anything else is hidden whole."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return MASK
    if not parts.scheme or not host:
        return MASK
    # A DSN of Sentry has a key where others have the name of a role.
    hidden = f"{parts.username or ''}:{MASK}@" if parts.password is not None else f"{MASK}@"
    login = hidden if parts.username or parts.password is not None else ""
    return f"{parts.scheme}://{login}{host}{f':{port}' if port else ''}{parts.path}"


def _unserved(found: Resolved) -> list[str]:
    """What stays without a model, or cannot be priced, once nothing else is wrong."""
    if found.problems:
        return []
    checks = (lambda: in_use(found.settings), lambda: load_prices(found.settings.usage.prices_file))
    refusals = [problem for check in checks if (problem := _refusal(check)) is not None]
    if refusals:
        return refusals
    uncalled_for = uncalled(found.settings, datetime.now(UTC).date())
    return [] if uncalled_for is None else [uncalled_for]


def _refusal(check: Callable[[], object]) -> str | None:
    try:
        check()
    except ServiceError as error:
        return str(error)
    return None
