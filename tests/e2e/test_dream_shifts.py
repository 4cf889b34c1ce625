"""Dreams whose function ends after each turn of a model, through the whole keyless stack."""

import uuid
from collections.abc import Generator

import httpx
import pytest

from infra.local.stack import ROOT, Stack
from tests.support.stack import count, data_folder, drained

_GENUINE = "Handler: functions.dream.handler.lambda_handler\n      Timeout: 900"
_SAID = (
    "I live in Porto.",
    "I am allergic to peanuts.",
    "I play the piano.",
    "I sing in a choir.",
    "I moved to Lisbon.",
)


@pytest.fixture(scope="module")
def hasty() -> Generator[Stack]:
    """A stack whose dreams have ten seconds a call: less than they keep for their commit."""
    text = (ROOT / "template.yaml").read_text()
    assert _GENUINE in text
    with data_folder() as folder:
        place = folder / "template.yaml"
        place.write_text(text.replace(_GENUINE, _GENUINE.replace("900", "10")))
        with Stack(folder / "data", template=place) as running:
            yield running


def dreamt(stack: Stack) -> tuple[str, list[str], list[str]]:
    """A workspace where somebody was dreamt about, what is concluded there, and the card."""
    workspace = f"shifts-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=f"{stack.base_url}/v3/workspaces/{workspace}", timeout=30) as client:
        messages = [
            {"peer_id": "ada", "content": text, "created_at": f"2031-05-06T07:{minute:02}:00Z"}
            for minute, text in enumerate(_SAID)
        ]
        assert client.post("/sessions/s/messages", json={"messages": messages}).status_code == 201
        drained(stack.base_url, workspace)
        wanted = {"observer": "ada", "dream_type": "omni", "session_id": None}
        assert client.post("/schedule_dream", json=wanted).status_code == 204
        drained(stack.base_url, workspace)
        found = client.post("/conclusions/list", json={}, params={"size": 100}).json()["items"]
        card = client.get("/peers/ada/card").json()["peer_card"]
    return workspace, sorted(f"{one['level']}: {one['content']}" for one in found), card


def taken_up(stack: Stack) -> int:
    return stack.log("DreamFunction").count("dream_taken_up")


def test_dream_in_calls_of_seconds_comes_to_what_one_call_comes_to(stack: Stack, hasty: Stack):
    _, expected, expected_card = dreamt(stack)
    workspace, found, card = dreamt(hasty)
    assert (found, card) == (expected, expected_card)
    assert any(one.startswith("deductive") for one in found)
    # Deduction and card take three turns, and patterns, of which there are none, two: all but the first are continued.
    assert taken_up(hasty) == 5
    query = "SELECT count(*) FROM dream_checkpoints WHERE workspace = %(workspace)s"
    assert count(hasty.dsn, query, workspace) == 0
