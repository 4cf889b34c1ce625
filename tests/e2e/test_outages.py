"""Outages of the model: each ends in a visible state of its own, and none is taken for done."""

from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from infra.local.stack import Stack
from shared.store import status
from tests.support.fault_folder import FaultFolder
from tests.support.faults import FaultyModelServer, environment, template
from tests.support.stack import assert_each_message_was_derived_once, count, data_folder, drained, eventually

_WORKSPACE = "outages"


@pytest.fixture
def outages():
    with data_folder() as folder, FaultyModelServer() as server:
        FaultFolder(folder / "faults").plan((), seed=0, within=1)
        environ = environment(server, folder / "faults") | {"DERIVER_MAX_ATTEMPTS": "100"}
        place = template(folder, timeout_s=20, visibility_s=20)
        with Stack(folder / "data", template=place, settings_env=environ) as up:
            yield up, server


def test_outages_each_end_in_a_visible_state_of_their_own_and_none_is_processed(outages) -> None:
    stack, server = outages
    expected = {
        "429": "ModelUnavailable",
        "500": "ModelUnavailable",
        "401": "ModelRefused",
        "malformed": "AnswerUnreadable",
        "empty": "AnswerUseless",
    }
    server.by_word.update({f"m{fault} ": fault for fault in expected})
    for fault in expected:
        _say(stack, f"s{fault}", f"m{fault} text")

    eventually(lambda: set(_errors(stack)) == set(expected))
    errors = _errors(stack)
    done = count(
        stack.dsn,
        "SELECT sum(done_items) FROM work_units WHERE workspace = %(workspace)s AND kind = 'derive'",
        _WORKSPACE,
    )
    server.by_word.clear()
    drained(stack.base_url, _WORKSPACE)

    assert {fault: error.partition(":")[0] for fault, error in errors.items()} == expected
    assert len(set(errors.values())) == len(expected), errors
    assert done == 0
    assert_each_message_was_derived_once(stack.dsn, _WORKSPACE)


def _say(stack: Stack, session: str, text: str) -> None:
    url = f"{stack.base_url}/v3/workspaces/{_WORKSPACE}/sessions/{session}/messages"
    httpx.post(url, json={"messages": [{"peer_id": "ada", "content": text}]}, timeout=20).raise_for_status()


def _errors(stack: Stack) -> dict[str, str]:
    """What each fault's unit waits with, by the name of the fault."""
    with psycopg.connect(stack.dsn) as conn:
        waiting = status.waiting(conn, now=datetime.now(UTC), most=1000)
    return {u.unit.split(":")[1][1:]: u.error for u in waiting if u.error and u.unit.startswith("derive")}
