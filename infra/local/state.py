"""The data folder of a stack: the lock that says it runs, and the file that says where."""

import fcntl
import json
import os
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

from infra.bootstrap import ROOT

USUAL: Final = ROOT / ".dev"
_LOCK = "lock"
_STATE = "stack.json"


class Refused(Exception):
    """The stack cannot do what was asked; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class StackState:
    """Where a running stack is found. Written once its door is open, removed when it stops."""

    pid: int
    base_url: str
    sqs_url: str
    dsn: str
    data: str
    logs: str
    mode: str
    started_at: str
    docs: str = ""

    @property
    def owner_dsn(self) -> str:
        """The database for who may change its tables. Here all roles share a password."""
        return self.dsn.replace("://app:", "://owner:", 1)


@contextmanager
def exclusive(data: Path) -> Generator[None]:
    """Hold the data folder for this process. The kernel lets go of it whatever way the process ends."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / _LOCK).open("w")
    except OSError as error:
        raise Refused(f"The data folder {data} cannot be used: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"Another stack uses the data folder {data}: stop it with `{command('down', data)}`, or give another"
                " folder with --data, and --port."
            ) from None
        try:
            yield
        finally:
            (data / _STATE).unlink(missing_ok=True)


def command(verb: str, data: Path) -> str:
    """The command that does `verb` with the stack on this data folder, as it is typed."""
    return f"python3 -m infra {verb}" + ("" if data == USUAL else f" --data {shlex.quote(str(data))}")


def expected(data: Path) -> StackState:
    """The stack that runs on the data folder. Raises `Refused` when there is none."""
    if (stack := running(data)) is None:
        raise Refused(f"No stack is running: start one with `{command('up', data)}`.")
    return stack


def is_held(data: Path) -> bool:
    """Whether a stack runs on the data folder."""
    path = data / _LOCK
    if not path.is_file():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def write(data: Path, state: StackState) -> None:
    """Leave the state for others, whole or not at all."""
    draft = data / f"{_STATE}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file, indent=1)
    draft.replace(data / _STATE)


def running(data: Path) -> StackState | None:
    """The stack that runs on the data folder with its door open, if any."""
    if not is_held(data):
        return None
    try:
        return StackState(**cast(dict[str, str], json.loads((data / _STATE).read_text())))  # pyright: ignore[reportArgumentType] - pid is a number in the file
    except (FileNotFoundError, ValueError, TypeError):
        return None
