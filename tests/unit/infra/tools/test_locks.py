"""A lock says from which groups it was made, and what must never be in one is found."""

from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.tools.locks import LOCKS, leaks, stale

CLEAN = (
    "psycopg==3.3.9 ; sys_platform == 'linux' \\\n    --hash=sha256:00ff\nhttpx==0.28.1 \\\n    --hash=sha256:11ee\n"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project file and its locks."""
    for path in ("pyproject.toml", *LOCKS.values()):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    return tmp_path


def test_stale_after_a_group_changed_names_every_lock(tree: Path):
    project = tree / "pyproject.toml"
    project.write_text(project.read_text().replace('"pytest>=', '"pytest>=0.1,>='))
    assert stale(tree) == list(LOCKS.values())


def test_stale_after_something_else_changed_is_empty(tree: Path):
    project = tree / "pyproject.toml"
    project.write_text(project.read_text() + "\n[tool.elsewhere]\nkey = 1\n")
    assert stale(tree) == []


def test_stale_without_a_lock_names_it(tree: Path):
    (tree / LOCKS["local"]).unlink()
    assert stale(tree) == [LOCKS["local"]]


def test_leaks_of_a_clean_lock_are_none():
    assert leaks(CLEAN) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index" + "-url https://index.example/simple",
        "--extra-index" + "-url file:///srv/simple",
        "--find-links /srv/wheels",
        "tiny @ https://index.example/tiny.whl",
        "tiny @ file:///srv/tiny.whl",
        "-r /srv/more.txt",
    ],
)
def test_leaks_of_a_lock_that_names_a_place_are_its_line(line: str):
    assert leaks(f"{CLEAN}{line}\n") == [line]
