"""`key`: mint one, or end one before its time."""

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from infra.local import state
from infra.local.commands import ROOT
from shared.backends import open_backends
from shared.domain.clock import as_utc, iso_z
from shared.domain.errors import ServiceError
from shared.domain.principal import Principal
from shared.memory import keys
from shared.settings import Settings, load
from shared.settings.sections import DbSettings

_SPAN: Final = re.compile(r"(\d{1,5})([mhdw])")
_MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def key(argv: list[str]) -> int:
    """Print a new key, or revoke one."""
    try:
        settings = load(folder=ROOT)
        if argv[:1] == ["revoke"]:
            return _revoke(settings, argv[1:])
        return _mint(settings, argv)
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1


def _mint(settings: Settings, argv: list[str]) -> int:
    """The key alone goes to standard output, so that a script can take it."""
    now = datetime.now(UTC)
    parser = argparse.ArgumentParser(
        prog="python3 -m infra key",
        description="Print a key signed with AUTH_JWT_SECRET (environment, .env or config.toml).",
        epilog="'python3 -m infra key revoke <id or key>' ends one before its time.",
    )
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--admin", action="store_true", help="opens everything")
    whom.add_argument("--workspace", metavar="W", help="opens this workspace")
    parser.add_argument("--peer", metavar="P", help="opens only this peer of the workspace")
    parser.add_argument("--session", metavar="S", help="opens only this session of the workspace")
    parser.add_argument("--expires", metavar="WHEN", help="30m, 12h, 90d, 4w, or a date with or without a time (UTC)")
    arguments = parser.parse_args(argv)
    if arguments.admin and (arguments.peer or arguments.session):
        parser.error("--peer and --session narrow a key for a --workspace")
    expires_at = None if arguments.expires is None else _moment(arguments.expires, now)
    if arguments.expires is not None and (expires_at is None or expires_at <= now):
        parser.error(f"--expires {arguments.expires} is no time ahead")
    opens = Principal(arguments.admin, arguments.workspace, arguments.peer, arguments.session)
    issued = keys.issue(settings.auth, opens, now=now, expires_at=expires_at)
    print(issued.token)
    until = "does not expire" if expires_at is None else f"expires {iso_z(expires_at.replace(microsecond=0))}"
    print(f"id {issued.key_id}, {until}", file=sys.stderr)
    if not settings.auth.use_auth:
        print("AUTH_USE_AUTH is off here: nobody looks at keys.", file=sys.stderr)
    return 0


def _moment(text: str, now: datetime) -> datetime | None:
    """When a key shall end; None for what is neither a span nor a date."""
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            return now + timedelta(minutes=int(span[1]) * _MINUTES[span[2]])
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _revoke(settings: Settings, argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra key revoke",
        description="End a key for good: in the running stack, or else in the database of the settings.",
    )
    parser.add_argument("key", help="the id that was shown with it, or the key itself; - reads it from standard input")
    parser.add_argument("--data", type=Path, default=ROOT / ".dev", help="data folder (default .dev)")
    arguments = parser.parse_args(argv)
    named = sys.stdin.read().strip() if arguments.key == "-" else arguments.key
    if not named:
        parser.error("no key was given")
    stack = state.running(arguments.data.absolute())
    db = settings.db if stack is None else DbSettings.model_validate({"connection_uri": stack.dsn})
    backends = open_backends(settings.model_copy(update={"db": db}))
    try:
        key_id, was_valid = keys.revoke(backends, named)
    except psycopg.Error as error:
        print(f"The database refused it ({type(error).__name__}): are its migrations applied?", file=sys.stderr)
        return 1
    finally:
        backends.db.close()
    print(f"{key_id} is revoked, everywhere within seconds." if was_valid else f"{key_id} was revoked before.")
    return 0
