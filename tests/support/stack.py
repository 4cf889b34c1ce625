"""A local stack of the tests' own, and what must hold in its database once it is quiet."""

import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString, cast

import httpx
import psycopg
import pytest

from infra.local.stack import Stack

_PATIENCE_S = 90.0


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


def drained(base_url: str, workspace: str) -> dict[str, Any]:
    """The queue status once nothing is pending any more; fails the test when that takes too long."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        status = cast(dict[str, Any], httpx.get(f"{base_url}/v3/workspaces/{workspace}/queue/status").json())
        if status["pending_work_units"] + status["in_progress_work_units"] == 0:
            return status
        if time.monotonic() > deadline:
            pytest.fail(f"still pending after {_PATIENCE_S:.0f} s: {status}")
        time.sleep(0.05)


UNFINISHED: LiteralString = """
SELECT m.session, m.seq, count(i.*) FILTER (WHERE i.state = 'finished'), count(i.*)
  FROM messages AS m
  LEFT JOIN work_items AS i
    ON i.workspace = m.workspace AND i.message_id = m.id AND i.unit = 'derive:' || m.session || ':' || m.peer
 WHERE m.workspace = %(workspace)s
 GROUP BY m.session, m.seq
HAVING count(i.*) FILTER (WHERE i.state = 'finished') <> 1 OR count(i.*) <> 1
"""

NOT_IN_ONE_WINDOW: LiteralString = """
SELECT i.unit, i.seq, count(w.*)
  FROM work_items AS i
  LEFT JOIN work_windows AS w
    ON w.workspace = i.workspace AND w.unit = i.unit AND i.seq BETWEEN w.first_seq AND w.last_seq
 WHERE i.workspace = %(workspace)s AND i.unit LIKE 'derive:%%'
 GROUP BY i.unit, i.seq
HAVING count(w.*) <> 1
"""

OUT_OF_ORDER: LiteralString = """
SELECT unit, first_seq, last_seq
  FROM (SELECT unit, first_seq, last_seq,
               lag(last_seq) OVER (PARTITION BY unit ORDER BY committed_at, first_seq) AS before
          FROM work_windows
         WHERE workspace = %(workspace)s AND unit LIKE 'derive:%%') AS w
 WHERE first_seq > last_seq OR first_seq <= before
"""

TWICE: LiteralString = """
SELECT message_id, c.content, count(*)
  FROM conclusions AS c, unnest(c.message_ids) AS message_id
 WHERE c.workspace = %(workspace)s AND c.deleted_at IS NULL
 GROUP BY message_id, c.observer, c.observed, c.content
HAVING count(*) > 1
"""


def assert_each_message_was_derived_once(dsn: str, workspace: str) -> None:
    """One finished item and one committed window per message, windows ascending, nothing concluded twice."""
    with psycopg.connect(dsn) as conn:
        for query in (UNFINISHED, NOT_IN_ONE_WINDOW, OUT_OF_ORDER, TWICE):
            assert conn.execute(query, {"workspace": workspace}).fetchall() == []


def count(dsn: str, query: LiteralString, workspace: str) -> int:
    """The number a query over one workspace gives."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query, {"workspace": workspace}).fetchone()
    assert row is not None
    return int(row[0])
