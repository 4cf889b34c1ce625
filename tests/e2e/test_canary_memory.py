"""The canary of a running stack: told, derived by the workers, seen, and forgotten."""

import json
import re
from collections.abc import Generator
from typing import LiteralString

import httpx
import pytest

from infra.local.stack import Stack
from shared.domain.ids import CANARY_WORKSPACE
from tests.support.stack import count, data_folder, drained, eventually

SEEN = re.compile(r'^\{.*"message":"canary_looked".*\}$', re.MULTILINE)


@pytest.fixture
def watched() -> Generator[Stack]:
    # As it is deployed: few messages wait for more, and only tick brings what the canary says.
    settings = {"CANARY_ENABLED": "true", "DERIVER_FLUSH_ENABLED": "false"}
    with data_folder() as folder, Stack(folder, settings_env=settings) as up:
        yield up


def seen(stack: Stack) -> list[dict[str, object]]:
    return [json.loads(line) for line in SEEN.findall(stack.log("CanaryFunction"))]


def rows(stack: Stack, table: LiteralString) -> int:
    """Of the canary's workspace."""
    query: LiteralString = "SELECT count(*) FROM " + table + " WHERE workspace = %(workspace)s"
    return count(stack.dsn, query, CANARY_WORKSPACE)


def visited(stack: Stack) -> dict[str, object]:
    """What a visit says that is made now."""
    return httpx.post(f"{stack.base_url}/_local/invoke/CanaryFunction", content=b"{}", timeout=60).json()


def test_canary_of_a_running_stack_is_heard_and_forgotten(watched: Stack):
    # The first visit is the schedule's own.
    eventually(lambda: len(seen(watched)) == 1, seconds=60)
    # Nothing can be said yet: no line of the log holds what is None.
    assert (seen(watched)[0].get("is_ok"), seen(watched)[0]["age_s"]) == (None, 0.0)
    # What it tells comes after what it says of what it told before.
    eventually(lambda: rows(watched, "conclusions") == 1, seconds=60)

    health = visited(watched)

    assert health["is_ok"] is True
    assert 0 < float(str(health["age_s"])) < 600
    drained(watched.base_url, CANARY_WORKSPACE)
    assert {table: rows(watched, table) for table in ("sessions", "messages", "conclusions", "model_calls")} == {
        "sessions": 1,
        "messages": 1,
        "conclusions": 1,
        "model_calls": 0,
    }
    assert httpx.post(f"{watched.base_url}/v3/workspaces/list", json={}).json()["items"] == []


def test_canary_does_not_come_where_it_is_not_wanted(stack: Stack):
    assert seen(stack) == []
