"""A local stack of the tests' own, and what must hold in its database once it is quiet."""

import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString, cast

import httpx
import psycopg
import pytest

from infra.local.stack import Stack
from infra.tools.derivations import broken_rules

# More than a lease: on a busy machine a worker may lose its database, and what it held is taken up after that.
_PATIENCE_S = 150.0


@pytest.fixture(scope="session")
def stack() -> Generator[Stack]:
    """One keyless stack for the tests that do not harm it."""
    with data_folder() as folder, Stack(folder) as running:
        yield running


@contextmanager
def data_folder() -> Generator[Path]:
    """A folder that Postgres can reach when the tests run as root: pytest's own are closed to others."""
    place = Path(tempfile.mkdtemp(prefix="honcho-stack-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def drained(
    base_url: str, workspace: str, *, every_s: float = 0.05, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The queue status once nothing is pending any more; fails the test when that takes too long."""
    url = f"{base_url}/v3/workspaces/{workspace}/queue/status"
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        status = cast(dict[str, Any], httpx.get(url, headers=headers).json())
        if status["pending_work_units"] + status["in_progress_work_units"] == 0:
            return status
        if time.monotonic() > deadline:
            pytest.fail(f"still pending after {_PATIENCE_S:.0f} s: {status}")
        time.sleep(every_s)


def assert_each_message_was_derived_once(dsn: str, workspace: str) -> None:
    """One finished item and one committed window per message, windows ascending, nothing concluded twice."""
    assert broken_rules(dsn, workspace) == {}


def count(dsn: str, query: LiteralString, workspace: str) -> int:
    """The number a query over one workspace gives."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query, {"workspace": workspace}).fetchone()
    assert row is not None
    return int(row[0])


def eventually(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait until the condition holds; fails the test when that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
