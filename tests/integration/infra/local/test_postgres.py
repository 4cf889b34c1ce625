"""The embedded Postgres starts, keeps, refuses and ends as it says."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from infra.bootstrap import ROOT
from infra.local.postgres import EmbeddedPostgres, clone_database, drop_database
from infra.local.postgres_folder import PostgresRefused, is_alive

SERVE = """
import sys
from pathlib import Path
from infra.local.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), careless=True):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder the server's account can enter; pytest's own is closed to it when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="honcho-postgres-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    """A data folder that has been served once and is at rest."""
    with EmbeddedPostgres(place / "pg", careless=True) as server, psycopg.connect(server.dsn("owner")) as conn:
        conn.execute("CREATE TABLE kept (id bigserial PRIMARY KEY, place vector(2))")
        conn.execute("INSERT INTO kept (place) VALUES ('[1,2]')")
    return place / "pg"


def _eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def _server_pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().split()[0])


def test_start_on_a_used_folder_keeps_its_rows_and_is_quick(folder: Path):
    started = time.monotonic()
    with EmbeddedPostgres(folder, careless=True) as server:
        # 0.05 s alone on a machine; the rest is for busy ones.
        assert time.monotonic() - started < 1.0
        with psycopg.connect(server.dsn("app")) as conn:
            assert conn.execute("SELECT place::text FROM kept").fetchall() == [("[1,2]",)]


def test_app_role_writes_what_owner_made_and_makes_nothing(folder: Path):
    with EmbeddedPostgres(folder, careless=True) as server, psycopg.connect(server.dsn("app"), autocommit=True) as conn:
        role = conn.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert role.fetchone() == (False, False, False)
        conn.execute("INSERT INTO kept (place) VALUES ('[3,4]')")
        conn.execute("DELETE FROM kept WHERE place = '[3,4]'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("CREATE TABLE mine (id int)")


def test_connection_without_the_password_is_refused(folder: Path):
    with EmbeddedPostgres(folder, careless=True) as server:
        stranger = f"postgresql://postgres:wrong@127.0.0.1:{server.port}/honcho"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(stranger)
    assert (folder / "honcho.password").stat().st_mode & 0o077 == 0


def test_server_when_its_parent_is_killed_ends_too(folder: Path):
    command = [sys.executable, "-c", SERVE, str(folder)]
    parent = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    pid = _server_pid(folder)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert _eventually(lambda: not is_alive(pid))
    with EmbeddedPostgres(folder, careless=True):
        assert _server_pid(folder) != pid


def test_start_on_a_folder_in_use_is_refused_by_name(folder: Path):
    with EmbeddedPostgres(folder, careless=True), pytest.raises(PostgresRefused, match="in use by the server"):
        EmbeddedPostgres(folder).start()


def test_start_over_the_mark_of_another_kind_of_process_succeeds(folder: Path):
    # What a restart of a container leaves: a mark whose number is now some other, live process.
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    with EmbeddedPostgres(folder, careless=True):
        assert _server_pid(folder) != os.getpid()


def test_start_on_a_folder_of_another_major_is_refused_with_advice(place: Path):
    old = place / "old"
    old.mkdir()
    (old / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresRefused, match="made by Postgres 16 and this is Postgres 18: move the folder away"):
        EmbeddedPostgres(old).start()


def test_start_on_a_folder_of_other_files_is_refused_and_leaves_them(place: Path):
    photos = place / "photos"
    photos.mkdir()
    (photos / "lisbon.jpg").write_bytes(b"x")
    with pytest.raises(PostgresRefused, match="holds something else"):
        EmbeddedPostgres(photos).start()
    assert [file.name for file in photos.iterdir()] == ["lisbon.jpg"]


def test_first_start_after_a_killed_one_sweeps_its_leavings(place: Path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = place / f".fresh.new-{ended.pid}"
    left.mkdir()
    with EmbeddedPostgres(place / "fresh", careless=True):
        assert not left.exists()
    assert (place / "fresh" / "PG_VERSION").exists()


def test_clone_of_a_database_is_whole_and_its_owners(folder: Path):
    with EmbeddedPostgres(folder, careless=True) as server:
        admin = server.dsn("postgres", "postgres")
        clone_database(admin, "honcho", "copy")
        with psycopg.connect(server.dsn("owner", "copy")) as conn:
            conn.execute("ALTER TABLE kept ADD COLUMN note text")
        with psycopg.connect(server.dsn("app", "copy")) as conn:
            assert conn.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        drop_database(admin, "copy")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(server.dsn("app", "copy"))
