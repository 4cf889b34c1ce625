"""Starting the stack: what must be true first, then Postgres, migrations, recovery, and the launcher."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from infra.local import mode, profile, state
from infra.local import template as sam
from infra.local.cloudformation import TemplateError
from infra.local.code import Codebase
from infra.local.control import is_loopback
from infra.local.environment import runtime_command
from infra.local.guard import Guard
from infra.local.launcher import Databases, Launcher
from infra.local.models_in_use import uncalled
from infra.local.postgres import EmbeddedPostgres
from infra.local.postgres_folder import PostgresRefused, is_alive
from infra.local.recovery import make_room, recover
from infra.local.secrets import fetched_secrets
from infra.local.state import Refused, StackState
from infra.local.web import bind
from infra.migrations.apply import is_ahead, upgrade
from shared.domain.errors import ServiceError
from shared.llm.prices import load_prices
from shared.settings import Settings
from shared.settings.sources import resolve

_SLOW_S = 1.0
_PREVIOUS_S = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What `up` was asked for. `migrate` brings a database up to date; that is done here and now when it is None."""

    host: str
    port: int
    insecure: bool
    data: Path
    template: Path
    root: Path
    codebase: Codebase
    migrate: Callable[[Databases], None] | None = None


def run(options: Options, on_ready: Callable[[StackState], None], *, say: Say) -> int:
    """Bring the stack up, serve until told to stop, and take it down. Raises `Refused`."""
    _check_platform()
    for name, value in profile.defaults(options.root).items():
        os.environ.setdefault(name, value)
    settings = _settings(options.root, say)
    check_exposure(options, settings)
    with contextlib.ExitStack() as undo:
        try:
            template = sam.load(options.template)
        except TemplateError as error:
            raise Refused(f"{options.template.name}: {error}") from error
        undo.enter_context(state.exclusive(options.data))
        door = undo.enter_context(contextlib.closing(_bind_door(options)))
        logs = options.data / "logs"
        _log_to(logs / "launcher.log")
        described = _mode(settings)
        postgres = EmbeddedPostgres(options.data / "postgres", log=logs / "postgres.log")
        undo.callback(postgres.stop)
        databases = _prepare_database(postgres, options.migrate or partial(_migrate, settings, say), say)
        guard = Guard()
        undo.callback(guard.close)
        launcher = Launcher(
            template,
            settings=settings,
            door=door,
            guard=guard,
            databases=databases,
            codebase=options.codebase,
            logs=logs,
            counters=_emptied(options.data / "metrics"),
        )

        def on_open() -> None:
            stack = StackState(
                pid=os.getpid(),
                base_url=_base_url(options.host, door),
                sqs_url=launcher.sqs_url,
                dsn=databases.app,
                data=str(options.data),
                logs=str(logs),
                mode=described,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                docs=f"{_base_url(options.host, door)}/docs" if settings.api.docs_enabled else "",
            )
            state.write(options.data, stack)
            on_ready(stack)

        _run_loop(launcher, on_open)
    return 0


def _emptied(counters: Path) -> Path:
    """The folder in which the functions count for Prometheus: from zero with each start, as it expects."""
    counters.mkdir(exist_ok=True)
    for file in counters.glob("*.db"):
        file.unlink()
    return counters


def _prepare_database(postgres: EmbeddedPostgres, migrate: Callable[[Databases], None], say: Say) -> Databases:
    """A running Postgres with the schema of today, and no work believed to be under way."""
    _await_previous(postgres.folder)
    try:
        with _told_if_slow(say, "Preparing the database ..."):
            postgres.start()
    except PostgresRefused as refused:
        raise Refused(str(refused)) from refused
    databases = Databases(owner=postgres.dsn("owner"), app=postgres.dsn("app"))
    with _told_if_slow(say, "Bringing the database up to date ..."):
        migrate(databases)
        recover(databases.app)
    return databases


def _migrate(settings: Settings, say: Say, databases: Databases) -> None:
    if is_ahead(upgrade(databases.owner)):
        say("warning: a newer version has migrated this database; nothing of that is taken back.")
    make_room(databases.owner, settings)


def _await_previous(folder: Path) -> None:
    """Let a Postgres whose launcher was killed finish its shutdown: the data folder is ours, so no one else's it is."""
    mark = folder / "postmaster.pid"
    deadline = time.monotonic() + _PREVIOUS_S
    while time.monotonic() < deadline:
        try:
            pid = int(mark.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if not is_alive(pid):
            return
        time.sleep(0.02)


def _run_loop(launcher: Launcher, on_open: Callable[[], None]) -> None:
    try:
        from uvloop import new_event_loop
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(launcher.run(on_open))


def _settings(root: Path, say: Say) -> Settings:
    found = resolve(folder=root)
    for warning in found.warnings:
        say(f"warning: {warning}")
    if found.problems:
        raise Refused("The settings are not valid:\n  " + "\n  ".join(found.problems))
    try:
        # No function would start with them.
        load_prices(found.settings.usage.prices_file)
        if uncalled_for := uncalled(found.settings, datetime.now(UTC).date()):
            say(f"warning: {uncalled_for}")
    except ServiceError as error:
        raise Refused(f"The settings are not valid:\n  {error}") from error
    os.environ.update(fetched_secrets(found))
    return found.settings


def _mode(settings: Settings) -> str:
    try:
        return mode.describe(settings)
    except ServiceError as error:
        raise Refused(f"The settings are not valid: {error}") from error


def _check_platform() -> None:
    try:
        runtime_command("", "")
    except RuntimeError as error:
        raise Refused(str(error)) from error


def check_exposure(options: Options, settings: Settings) -> None:
    """Raises `Refused` when others could reach a door that asks nobody for a key, unless that was said to be meant."""
    if is_loopback(options.host) or options.insecure or settings.auth.use_auth:
        return
    raise Refused(
        f"With --host {options.host} others could reach this memory: set AUTH_USE_AUTH=true, or say --insecure."
    )


def _bind_door(options: Options) -> socket.socket:
    try:
        return bind(options.host, options.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                f"Port {options.port} is in use: stop what uses it, or choose another with --port."
            ) from error
        raise Refused(f"Cannot listen on {options.host}:{options.port}: {error.strerror}.") from error


def _base_url(host: str, door: socket.socket) -> str:
    port = int(door.getsockname()[1])
    # An address for all interfaces is none to connect to.
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    # Callers who hang up in the middle are no news.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)


@contextmanager
def _told_if_slow(say: Say, text: str) -> Generator[None]:
    """Say what is going on once it has gone on for a second."""
    timer = threading.Timer(_SLOW_S, say, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
