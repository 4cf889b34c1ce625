"""`alembic` at a terminal, in the project's own folder, as it is documented."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.bootstrap import ROOT
from infra.local import state
from infra.local.state import StackState
from infra.migrations import apply

ALEMBIC = Path(sys.executable).with_name("alembic")


def alembic(*arguments: str, folder: Path = ROOT, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ALEMBIC, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def done(*arguments: str, folder: Path = ROOT, **variables: str) -> str:
    """What a command that must succeed said."""
    result = alembic(*arguments, folder=folder, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, as far as Alembic looks at it: without anyone's settings, and free to be written to."""
    for folder in ("infra", "shared"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_upgrade_check_downgrade_and_current_work_with_the_database_of_the_settings(empty_dsn: str, copy: Path):
    uri = empty_dsn.replace("postgresql://", "postgresql+psycopg://")
    (copy / ".env").write_text(f"DB_CONNECTION_URI={uri}\n")
    done("upgrade", "head", folder=copy)
    assert f"{apply.newest()} (head)" in done("current", folder=copy)
    assert "No new upgrade operations detected" in done("check", folder=copy)
    done("downgrade", "-1", folder=copy)
    assert apply.current(empty_dsn) == apply.revisions()[-2]
    done("upgrade", "+1", folder=copy)
    assert apply.current(empty_dsn) == apply.newest()


def test_environment_comes_before_the_file_and_the_option_before_both(empty_dsn: str, owner_dsn: str, copy: Path):
    (copy / ".env").write_text("DB_CONNECTION_URI=postgresql://nobody@127.0.0.1:9/none\n")
    assert "(head)" in done("current", folder=copy, DB_CONNECTION_URI=owner_dsn)
    assert "(head)" not in done("-x", f"dsn={empty_dsn}", "current", folder=copy, DB_CONNECTION_URI=owner_dsn)


def test_revision_is_numbered_and_named_as_ours_are(owner_dsn: str, copy: Path):
    with (copy / "infra" / "migrations" / "tables.py").open("a") as tables:
        tables.write('\nTable("novelties", METADATA, *_text("workspace", "name"), _key("workspace", "name"))\n')
    done("revision", "--autogenerate", "-m", "add novelties", folder=copy, DB_CONNECTION_URI=owner_dsn)
    number = f"{int(apply.newest()) + 1:04}"
    written = (copy / "infra" / "migrations" / "versions" / f"{number}_pre_add_novelties.py").read_text()
    assert f'revision = "{number}"' in written
    assert f'down_revision = "{apply.newest()}"' in written
    assert "op.create_table('novelties'" in written
    # What tables.py has and no revision makes is told by `check`, with an exit code.
    (copy / "infra" / "migrations" / "versions" / f"{number}_pre_add_novelties.py").unlink()
    found = alembic("check", folder=copy, DB_CONNECTION_URI=owner_dsn)
    assert found.returncode != 0
    assert "novelties" in found.stdout + found.stderr


def test_revision_without_a_difference_is_numbered_too(owner_dsn: str, copy: Path):
    done("revision", "-m", "post drop an old column", folder=copy, DB_CONNECTION_URI=owner_dsn)
    [written] = (copy / "infra" / "migrations" / "versions").glob("*_post_drop_an_old_column.py")
    assert written.name.startswith(f"{int(apply.newest()) + 1:04}_")


@pytest.fixture
def running(copy: Path, database_dsn: str) -> Iterator[Path]:
    """The copy with a local stack running on its data, as far as anyone can tell from outside."""
    with state.exclusive(copy / ".dev"):
        state.write(copy / ".dev", StackState(os.getpid(), "", "", database_dsn, "", "", "", ""))
        yield copy


def test_running_stack_is_taken_as_its_owner_when_no_database_is_set(running: Path, database_dsn: str):
    assert "(head)" in done("current", folder=running)
    done("downgrade", "-1", folder=running)
    done("upgrade", "head", folder=running)
    with psycopg.connect(database_dsn) as conn:
        assert conn.execute("SELECT version_num FROM alembic_version").fetchone() == (apply.newest(),)


def test_command_without_any_database_says_what_to_do(copy: Path):
    result = alembic("current", folder=copy)
    assert result.returncode != 0
    assert "There is no database: set DB_CONNECTION_URI" in result.stderr
    assert "Traceback" not in result.stderr


def test_command_with_a_database_that_is_away_says_so_without_a_traceback(copy: Path):
    result = alembic("current", folder=copy, DB_CONNECTION_URI="postgresql://owner:hunter2@127.0.0.1:9/none")
    assert result.returncode != 0
    assert "The database cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr


def test_root_has_the_same_commands(owner_dsn: str):
    assert f"{apply.newest()} (head)" in done("current", DB_CONNECTION_URI=owner_dsn)
    assert "No new upgrade operations detected" in done("check", DB_CONNECTION_URI=owner_dsn)
    assert apply.newest() in done("heads")
