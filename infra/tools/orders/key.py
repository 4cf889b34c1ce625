"""`key`: mint one, or end one before its time."""

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
from pydantic import SecretStr

from infra.bootstrap import ROOT
from infra.deploy import first_key
from infra.deploy.account import Refused
from infra.local import profile
from infra.tools.orders.reach import add_place, deployed, explained, is_remote, told
from shared.backends import open_backends
from shared.domain.clock import as_utc, iso_z
from shared.domain.order import Order
from shared.domain.principal import Principal
from shared.memory import keys
from shared.settings import load
from shared.settings.sections import AuthSettings

_SPAN: Final = re.compile(r"(\d{1,5})([mhdw])")
_MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def key(argv: list[str]) -> int:
    """Print a new key, or revoke one."""
    if argv[:1] == ["revoke"]:
        return _revoke(argv[1:])
    now = datetime.now(UTC)
    arguments, expires_at = _wanted(argv, now)
    return explained(lambda: _mint(arguments, expires_at, now))


def _wanted(argv: list[str], now: datetime) -> tuple[argparse.Namespace, datetime | None]:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra key",
        description="Print a key signed with AUTH_JWT_SECRET (environment, .env or config.toml), or with the secret of"
        " a stack on AWS.",
        epilog="'python3 -m infra key revoke <id or key>' ends one before its time.",
    )
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--admin", action="store_true", help="opens everything")
    whom.add_argument("--workspace", metavar="W", help="opens this workspace")
    parser.add_argument("--peer", metavar="P", help="opens only this peer of the workspace")
    parser.add_argument("--session", metavar="S", help="opens only this session of the workspace")
    parser.add_argument("--expires", metavar="WHEN", help="30m, 12h, 90d, 4w, or a date with or without a time (UTC)")
    add_place(parser)
    arguments = parser.parse_args(argv)
    if arguments.admin and (arguments.peer or arguments.session):
        parser.error("--peer and --session narrow a key for a --workspace")
    expires_at = None if arguments.expires is None else _moment(arguments.expires, now)
    if arguments.expires is not None and (expires_at is None or expires_at <= now):
        parser.error(f"--expires {arguments.expires} is no time ahead")
    return arguments, expires_at


def _mint(arguments: argparse.Namespace, expires_at: datetime | None, now: datetime) -> int:
    """The key alone goes to standard output, so that a script can take it."""
    auth = _auth(arguments)
    opens = Principal(arguments.admin, arguments.workspace, arguments.peer, arguments.session)
    issued = keys.issue(auth, opens, now=now, expires_at=expires_at)
    print(issued.token)
    until = "does not expire" if expires_at is None else f"expires {iso_z(expires_at.replace(microsecond=0))}"
    print(f"id {issued.key_id}, {until}", file=sys.stderr)
    if not auth.use_auth:
        print("AUTH_USE_AUTH is off here: nobody looks at keys.", file=sys.stderr)
    return 0


def _auth(arguments: argparse.Namespace) -> AuthSettings:
    """The secret that signs keys where they are to be used."""
    if not is_remote(arguments):
        return load(folder=ROOT).auth
    account, stack = deployed(arguments)
    if not first_key.asks_for_keys(stack):
        raise Refused(f"The stack {stack.name} asks nobody for keys (UseAuth=false).")
    secret = first_key.signing_secret(account, stack, {})
    return AuthSettings(use_auth=True, jwt_secret=SecretStr(secret))


def _moment(text: str, now: datetime) -> datetime | None:
    """When a key shall end; None for what is neither a span nor a date."""
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            return now + timedelta(minutes=int(span[1]) * _MINUTES[span[2]])
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _revoke(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra key revoke",
        description="End a key for good: in the running stack, else in the database of the settings, or on AWS.",
    )
    parser.add_argument("key", help="the id that was shown with it, or the key itself; - reads it from standard input")
    add_place(parser)
    arguments = parser.parse_args(argv)
    named = sys.stdin.read().strip() if arguments.key == "-" else arguments.key
    if not named:
        parser.error("no key was given")
    there, here = (lambda: _revoked_there(arguments, named)), (lambda: _revoked_here(arguments.data, named))
    return explained(there if is_remote(arguments) else here)


def _revoked_there(arguments: argparse.Namespace, named: str) -> int:
    """Only the id leaves this machine. Whose whole key it is has to be known here, by the secret that signed it."""
    auth = _auth(arguments) if "." in named else AuthSettings()
    key_id = keys.named(auth, named, now=datetime.now(UTC))
    return told(arguments, lambda send: _said(key_id, was_valid=bool(send(Order("revoke", key=key_id))["was_valid"])))


def _revoked_here(data: Path, named: str) -> int:
    backends = open_backends(profile.settings_for(data.absolute()))
    try:
        key_id, was_valid = keys.revoke(backends, named)
    except psycopg.Error as error:
        print(f"The database refused it ({type(error).__name__}): are its migrations applied?", file=sys.stderr)
        return 1
    finally:
        backends.db.close()
    return _said(key_id, was_valid=was_valid)


def _said(key_id: str, *, was_valid: bool) -> int:
    print(f"{key_id} is revoked, everywhere within seconds." if was_valid else f"{key_id} was revoked before.")
    return 0
