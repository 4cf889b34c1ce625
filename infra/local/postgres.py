"""The embedded Postgres: the wheel's own server as our child, on loopback, gone when we are gone."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psycopg
from psycopg import sql

from infra.local.postgres_folder import MAJOR, Account, PostgresRefused, binaries, password, prepare

Role = Literal["postgres", "owner", "app"]

_READY_S = 60.0
_STOP_S = 10.0
# Another process may take a free port between our look and the server's.
_PORT_ATTEMPTS = 5

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    # Statements and details of errors hold people's messages.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A server over one data folder, with database `honcho` and roles `postgres`, `owner` and `app`.

    It stops when this process ends, even by SIGKILL. `careless` trades safety in a crash of the machine for
    speed, for data nobody keeps.
    """

    def __init__(
        self, folder: Path, *, log: Path | None = None, port: int = 0, careless: bool = False, major: str = MAJOR
    ) -> None:
        self.folder = folder.absolute()
        self.log = log or self.folder.parent / "logs" / "postgres.log"
        self.port = port
        self._major = major
        self._any_port = port == 0
        self._settings = _SETTINGS | (_CARELESS if careless else {})
        self._server: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, making its data folder first where there is none; returns when it takes connections.

        Raises PostgresRefused, whose text says what to do.
        """
        account = prepare(self.folder, self._major)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        said: str | None = None
        for _ in range(_PORT_ATTEMPTS):
            if self._any_port:
                self.port = _free_port()
            said = self._await_ready(self._spawn(account))
            if said is None:
                return
            self.stop()
            if not self._any_port or "Address already in use" not in said:
                break
        raise PostgresRefused(f"Postgres did not start; the end of {self.log}:\n{(said or '')[-2000:]}")

    def stop(self) -> None:
        """End the server in good order, disconnecting whoever is connected; nothing happens when it is not running."""
        server, guard, self._server, self._guard = self._server, self._guard, None, None
        if server is not None:
            _end(server)
        if guard is not None:
            guard.kill()
            guard.communicate()

    def dsn(self, role: Role, database: str = "honcho") -> str:
        """The address of `database` for `role`, password included: never log it."""
        return f"postgresql://{role}:{password(self.folder)}@127.0.0.1:{self.port}/{database}"

    def _spawn(self, account: Account) -> subprocess.Popen[bytes]:
        options = [f"--{name}={value}" for name, value in (self._settings | {"port": str(self.port)}).items()]
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            # A session of its own: Ctrl-C reaches the terminal's whole group, and we stop the server last.
            server = subprocess.Popen(
                [binaries(self._major) / "postgres", "-D", self.folder, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
            )
        # The kernel closes our end of the pipe whatever ends us. PDEATHSIG would do on Linux only, and fires
        # when the thread that spawned the server ends.
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", 'read _; kill -INT "$1"', "sh", str(server.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._server = server
        return server

    def _await_ready(self, server: subprocess.Popen[bytes]) -> str | None:
        """None once connections are taken; what the server said when it ended instead, or took too long."""
        deadline = time.monotonic() + _READY_S
        while server.poll() is None and time.monotonic() < deadline:
            if _is_ready(self.folder, server.pid):
                return None
            time.sleep(0.005)
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")


def clone_database(admin_dsn: str, template: str, name: str) -> None:
    """Make database `name` as a copy of `template`, owned by `owner`; nobody may be connected to the template."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER owner").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        conn.execute(statement)


def drop_database(admin_dsn: str, name: str) -> None:
    """Drop database `name` if it exists, disconnecting whoever uses it."""
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _is_ready(folder: Path, pid: int) -> bool:
    """Whether the server with this process id says so in its own mark: line 1 is the id, line 8 the state."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _end(server: subprocess.Popen[bytes]) -> None:
    # Fast shutdown, then immediate shutdown, then none at all.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(number)
        try:
            server.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            continue
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
