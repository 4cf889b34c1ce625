"""A dream through the whole local stack: asked for over HTTP, dreamt by its own function, seen by every reader."""

import uuid

import httpx
import pytest

from infra.local.stack import Stack
from tests.support.stack import drained


@pytest.fixture
def client(stack: Stack):
    workspace = f"dreams-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=f"{stack.base_url}/v3/workspaces/{workspace}", timeout=30) as opened:
        opened.headers["X-Workspace"] = workspace
        yield opened


def tells(client: httpx.Client, stack: Stack, session: str, day: int, *texts: str) -> None:
    messages = [
        {"peer_id": "ada", "content": text, "created_at": f"2031-05-{day:02}T07:{minute:02}:00Z"}
        for minute, text in enumerate(texts)
    ]
    assert client.post(f"/sessions/{session}/messages", json={"messages": messages}).status_code == 201
    drained(stack.base_url, client.headers["X-Workspace"])


def dreams(client: httpx.Client, stack: Stack) -> None:
    answer = client.post("/schedule_dream", json={"observer": "ada", "dream_type": "omni", "session_id": None})
    assert (answer.status_code, answer.content) == (204, b"")
    status = drained(stack.base_url, client.headers["X-Workspace"])
    assert status["total_work_units"] == status["completed_work_units"]


def concluded(client: httpx.Client) -> dict[str, dict[str, object]]:
    """Conclusions by text."""
    found = client.post("/conclusions/list", json={"filters": {"observer_id": "ada"}}, params={"size": 100}).json()
    return {item["content"]: item for item in found["items"]}


def test_dream_puts_what_is_known_in_order_for_every_reader(client: httpx.Client, stack: Stack):
    tells(client, stack, "march", 1, "I live in Porto.", "I am allergic to peanuts.", "I love coffee.")
    tells(client, stack, "april", 2, "I play the piano.", "I sing in a choir.", "I went to a jazz concert.")
    dreams(client, stack)
    first = concluded(client)
    advice = first["ada must not be given peanuts."]
    assert advice["level"] == "deductive"
    assert advice["source_ids"] == [first["ada is allergic to peanuts"]["id"]]
    assert advice["source_message_ids"] == first["ada is allergic to peanuts"]["source_message_ids"]
    assert first["ada comes back to music again and again."]["level"] == "inductive"
    assert client.get("/peers/ada/card").json() == {
        "peer_card": ["ATTRIBUTE: Lives in Porto", "ATTRIBUTE: Allergic to peanuts"]
    }

    tells(client, stack, "may", 9, "I moved to Lisbon.", "I hate coffee.")
    dreams(client, stack)
    second = concluded(client)
    assert "ada lives in Porto" not in second
    assert "ada moved to Lisbon" in second
    [torn] = [item for item in second.values() if item["level"] == "contradiction"]
    assert len(torn["source_ids"]) == 2
    assert "ATTRIBUTE: Lives in Lisbon" in client.get("/peers/ada/card").json()["peer_card"]
    representation = client.post("/peers/ada/representation", json={}).json()["representation"]
    assert "ada must not be given peanuts." in representation
    assert "lives in Porto" not in representation
    answer = client.post("/peers/ada/chat", json={"query": "Where does ada live?"}).json()["content"]
    assert "Lisbon" in answer


def test_dream_that_is_undone_leaves_every_reader_what_was_there_before(client: httpx.Client, stack: Stack):
    tells(client, stack, "march", 1, "I live in Porto.", "I am allergic to peanuts.", "I love coffee.")
    dreams(client, stack)
    tells(client, stack, "may", 9, "I moved to Lisbon.", "I hate coffee.")
    before, card = concluded(client), client.get("/peers/ada/card").json()
    dreams(client, stack)
    newest, oldest = client.get("/dreams").json()["items"]
    assert concluded(client) != before
    assert client.get("/peers/ada/card").json() != card
    found = client.post(f"/dreams/{oldest['id']}/undo")
    assert (found.status_code, "since" in found.json()["detail"]) == (409, True)

    undone = client.post(f"/dreams/{newest['id']}/undo")
    assert (undone.status_code, undone.json()["state"]) == (200, "undone")
    assert concluded(client) == before
    assert client.get("/peers/ada/card").json() == card
    asked = {"query": "lives in Porto", "filters": {"observer_id": "ada", "observed_id": "ada"}}
    texts = [item["content"] for item in client.post("/conclusions/query", json=asked).json()]
    assert texts[0] == "ada lives in Porto"
    assert {item["content"] for item in before.values()} >= set(texts)
    assert client.post(f"/dreams/{newest['id']}/undo").json() == undone.json()
    assert client.get(f"/dreams/{newest['id']}").json()["undone_at"] == undone.json()["undone_at"]
