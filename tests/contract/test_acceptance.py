"""The acceptance list of the API, step by step, over HTTP against the running stack."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, LiteralString

import httpx
import jwt
import psycopg
import pytest

from infra.local.stack import Stack
from tests.support.filter_examples import EXAMPLES, REFUSED, written
from tests.support.pdf import make_pdf
from tests.support.stack import data_folder, drained

SECRET = "a secret of these tests, long enough for HS256"


class Workspace:
    """Calls below one workspace."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self.client, self.name = client, name

    def at(self, path: str) -> str:
        return f"/v3/workspaces/{self.name}{path}"

    def post(self, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.client.post(self.at(path), json=body, params=query)

    def says(self, session: str, *contents: str) -> httpx.Response:
        messages = [{"peer_id": "a", "content": content} for content in contents]
        return self.post(f"/sessions/{session}/messages", {"messages": messages})


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=30) as opened:
        yield opened


@pytest.fixture
def here(client: httpx.Client) -> Workspace:
    made = Workspace(client, f"t-{uuid.uuid4().hex[:8]}")
    assert client.post("/v3/workspaces", json={"id": made.name}).status_code == 201
    return made


def test_1_workspace_is_made_once(client: httpx.Client):
    name = f"t1-{uuid.uuid4().hex[:8]}"
    first, again = (client.post("/v3/workspaces", json={"id": name}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["created_at"] == again.json()["created_at"]


def test_2_name_with_a_space_is_refused_with_a_list(client: httpx.Client):
    answer = client.post("/v3/workspaces", json={"id": "a b"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


def test_3_and_4_metadata_is_kept_when_absent_and_cleared_when_empty(here: Workspace):
    here.post("/peers", {"id": "a", "metadata": {"x": 1}})
    assert here.post("/peers", {"id": "a"}).json()["metadata"] == {"x": 1}
    assert here.client.put(here.at("/peers/a"), json={"metadata": {}}).json()["metadata"] == {}


def test_5_and_6_session_with_peers_and_with_too_many_observers(here: Workspace):
    assert here.post("/sessions", {"id": "s", "peers": {"a": {}, "b": {"observe_others": True}}}).status_code == 201
    observers = {f"o{n}": {"observe_others": True} for n in range(11)}
    assert here.post("/sessions", {"id": "s2", "peers": observers}).status_code == 400


def test_7_to_9_messages_have_limits_and_pages(here: Workspace):
    assert here.says("s", *(f"m{n}" for n in range(100))).status_code == 201
    assert here.says("s", *(f"m{n}" for n in range(101))).status_code == 422
    assert here.says("s").status_code == 422
    assert here.says("long", "x" * 25_000).status_code == 201
    assert here.says("long", "x" * 25_001).status_code == 422
    page = here.post("/sessions/s/messages/list", size=1, page=2).json()
    assert ([one["content"] for one in page["items"]], page["total"], page["pages"]) == (["m1"], 100, 100)


def test_10_every_row_of_the_table_of_filters_is_as_listed(here: Workspace):
    assert here.post("/sessions/s/messages", {"messages": written()}).status_code == 201
    for given, expected in EXAMPLES:
        found = here.post("/sessions/s/messages/list", {"filters": given}).json()["items"]
        assert " ".join(message["content"] for message in found) == expected, given
    for given in REFUSED:
        answer = here.post("/sessions/s/messages/list", {"filters": given})
        assert (answer.status_code, type(answer.json()["detail"])) == (422, str), given


def test_11_search_for_a_word_finds_its_message(here: Workspace):
    here.says("s", "the lighthouse keeper", "nothing of interest", "something else")
    for path in ("/search", "/sessions/s/search", "/peers/a/search"):
        answer = here.post(path, {"query": "lighthouse", "limit": 1})
        assert [one["content"] for one in answer.json()] == ["the lighthouse keeper"]


TOKENS: LiteralString = "UPDATE messages SET token_count = 10 WHERE workspace = %(workspace)s"
SUMMARY: LiteralString = """
INSERT INTO summaries (workspace, session, kind, content, message_id, covered_seq, token_count, created_at)
SELECT workspace, session, %(kind)s, %(kind)s, id, seq, %(tokens)s, %(now)s
  FROM messages WHERE workspace = %(workspace)s AND seq = %(seq)s
"""


@pytest.fixture(scope="module")
def summarized(client: httpx.Client, stack: Stack) -> Workspace:
    """Ten messages of ten tokens; a long summary of 40 up to the fifth, a short one of 20 up to the eighth."""
    made = Workspace(client, f"t12-{uuid.uuid4().hex[:8]}")
    assert made.says("s", *(f"m{n}" for n in range(10))).status_code == 201
    with psycopg.connect(stack.dsn) as conn:
        conn.execute(TOKENS, {"workspace": made.name})
        for kind, tokens, seq in (("long", 40, 5), ("short", 20, 8)):
            values = {"workspace": made.name, "kind": kind, "tokens": tokens, "seq": seq, "now": datetime.now(UTC)}
            conn.execute(SUMMARY, values)
    return made


@pytest.mark.parametrize(
    ("tokens", "summary", "messages"),
    [(100, "long", 6), (99, "short", 3), (50, "short", 3), (49, None, 4), (10, None, 1), (9, None, 0)],
)
def test_12_context_fits_its_budget(summarized: Workspace, tokens: int, summary: str | None, messages: int):
    found = summarized.client.get(summarized.at("/sessions/s/context"), params={"tokens": tokens}).json()
    assert (found["summary"] and found["summary"]["content"], len(found["messages"])) == (summary, messages)
    assert [one["content"] for one in found["messages"]] == [f"m{n}" for n in range(10 - messages, 10)]


def test_13_and_14_unknown_peer_has_an_empty_representation_and_no_card(here: Workspace):
    assert here.post("/peers/nobody/representation", {}).json() == {"representation": ""}
    card = here.at("/peers/a/card")
    here.post("/peers", {"id": "a"})
    assert here.client.get(card).json() == {"peer_card": None}
    assert here.client.put(card, json={"peer_card": []}).json() == {"peer_card": []}
    assert here.client.get(card).json() == {"peer_card": []}


def test_15_chat_streams_deltas_and_then_says_that_it_is_done(here: Workspace):
    here.says("s", "I am allergic to peanuts.")
    drained(str(here.client.base_url).rstrip("/"), here.name)
    body = {"query": "What is a allergic to?", "stream": True}
    with here.client.stream("POST", here.at("/peers/a/chat"), json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        frames = [line for line in answer.iter_lines() if line]
    assert all(frame.startswith('data: {"delta":') for frame in frames[:-1])
    assert len(frames) > 1
    assert '"done":true' in frames[-1].replace(" ", "")


@pytest.mark.parametrize(
    ("name", "content", "kind", "status"),
    [
        ("a.txt", b"A note.", "text/plain", 201),
        ("a.json", b'{"a": 1}', "application/json", 201),
        ("a.pdf", None, "application/pdf", 201),
        ("a.png", b"\x89PNG", "image/png", 415),
        ("b.txt", b"x" * 6_000_000, "text/plain", 413),
    ],
)
def test_16_upload_takes_files_of_some_kinds_up_to_a_size(
    here: Workspace, name: str, content: bytes | None, kind: str, status: int
):
    file = make_pdf("Of tides") if content is None else content
    path = here.at("/sessions/s/messages/upload")
    answer = here.client.post(path, files={"file": (name, file, kind)}, data={"peer_id": "a"})
    assert answer.status_code == status, answer.text
    if content is None:
        assert "Of tides" in answer.json()[0]["content"]


def test_17_and_18_sessions_are_deleted_and_then_their_workspace(here: Workspace):
    here.says("s", "m1")
    assert here.post("/webhooks", {"url": "https://example.com/hook"}).status_code == 201
    assert here.client.delete(here.at("")).status_code == 409
    assert here.client.delete(here.at("/sessions/s")).status_code == 202
    assert here.says("s", "m2").status_code == 404
    assert here.client.delete(here.at("")).status_code == 202
    listed = {"filters": {"id": here.name}}
    deadline = time.monotonic() + 60
    while here.client.post("/v3/workspaces/list", json=listed).json()["total"]:
        assert time.monotonic() < deadline, "the workspace is still there"
        time.sleep(0.05)


def test_19_keys_open_what_is_theirs_and_nothing_else():
    def bearer(**claims: object) -> dict[str, str]:
        return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}

    settings = {"AUTH_USE_AUTH": "true", "AUTH_JWT_SECRET": SECRET}
    with (
        data_folder() as folder,
        Stack(folder, settings_env=settings) as guarded,
        httpx.Client(base_url=f"{guarded.base_url}/v3/workspaces", timeout=30) as client,
    ):
        admin = bearer(t="2026-01-01T00:00:00Z", ad=True)
        peers: dict[str, Any] = {"id": "s", "peers": {"a": {}, "b": {}}}
        assert client.post("/w/sessions", json=peers, headers=admin).status_code == 201
        assert client.post("/w/peers/list").status_code == 401
        assert client.post("/w/peers/list", headers=bearer(w="other")).status_code == 401
        assert client.post("/w/peers/list", headers=bearer(w="w")).status_code == 200
        of_peer = bearer(w="w", p="a")
        assert client.get("/w/peers/b/card", headers=of_peer).status_code == 401
        assert client.get("/w/peers/a/card", headers=of_peer).status_code == 200
        assert client.post("/w/sessions/s/messages/list", headers=of_peer).status_code == 200
        assert client.get("/w/peers/a/card", headers=bearer(w="w", s="s")).status_code == 401


# Step 20 is tests/contract/honcho_sdk/test_every_method.py and tests/contract/honcho_ts/test_every_method.py.
