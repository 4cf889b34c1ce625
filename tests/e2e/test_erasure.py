"""Erasure through the whole stack: asked for over HTTP, seen as pending, gone from every table and every log."""

import time
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from infra.local.stack import Stack
from tests.support.residue import residue
from tests.support.stack import count, drained

WORDS = ("zqmarigold", "zqtangerine", "zqsaffron", "zqindigo")
LINES = ("I moved to zqmarigold last week.", "I am allergic to zqtangerine.", "My dog is called zqsaffron.")
ORPHANS: LiteralString = """
SELECT count(*)
  FROM conclusions AS c, unnest(c.message_ids) AS m (id)
 WHERE c.workspace = %(workspace)s
   AND NOT EXISTS (SELECT FROM messages AS n WHERE n.workspace = c.workspace AND n.id = m.id)
"""


def _says(base: str, session: str, peer: str, *texts: str) -> list[dict[str, Any]]:
    said = {"messages": [{"peer_id": peer, "content": text} for text in texts]}
    answer = httpx.post(f"{base}/sessions/{session}/messages", json=said, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()


def _flushed(stack: Stack, workspace: str) -> None:
    """Let what waits for more messages be done now."""
    with psycopg.connect(stack.dsn) as conn:
        conn.execute(
            "UPDATE work_units SET is_flushed = true, due_at = now() WHERE workspace = %s AND pending_items > 0",
            [workspace],
        )
    drained(stack.base_url, workspace)
    deadline = time.monotonic() + 60
    pending: LiteralString = "SELECT count(*) FROM work_units WHERE workspace = %(workspace)s AND pending_items > 0"
    while count(stack.dsn, pending, workspace):
        assert time.monotonic() < deadline, "not indexed in time"
        time.sleep(0.05)


@pytest.fixture
def base(stack: Stack) -> str:
    """Two sessions with ada and bob; everything about ada says one of the words."""
    base = f"{stack.base_url}/v3/workspaces/erasure"
    httpx.post(f"{base}/peers", json={"id": "zqada", "metadata": {"of": "zqindigo"}})
    for session in ("s", "t"):
        _says(base, session, "bob", "I like rowing.", *[f"It is row {number}." for number in range(8)])
        _says(base, session, "zqada", *LINES)
        _says(base, session, "bob", "I see.", *[f"It is line {number}." for number in range(9)])
    given = {"content": "zqindigo is a colour", "observer_id": "bob", "observed_id": "zqada"}
    assert httpx.post(f"{base}/conclusions", json={"conclusions": [given]}).status_code == 201
    httpx.put(f"{base}/peers/zqada/card", json={"peer_card": ["zqindigo"]})
    _flushed(stack, "erasure")
    return base


def test_erased_peer_is_gone_from_every_table_and_its_words_from_every_log(stack: Stack, base: str):
    found = residue(stack.dsn, *WORDS, "zqada")
    assert found.keys() >= {
        "messages",
        "conclusions",
        "message_search",
        "term_stats",
        "summaries",
        "peer_cards",
        "peers",
    }
    [extra] = _says(base, "s", "bob", "A message of its own: zqmarigold.")
    assert httpx.delete(f"{base}/sessions/s/messages/{extra['id']}").status_code == 202
    assert httpx.delete(f"{base}/peers/zqada").status_code == 202
    # What is said meanwhile is worked on as soon as the session goes on.
    _says(base, "t", "bob", "I moved to Porto.")
    chat = httpx.post(f"{base}/peers/bob/chat", json={"query": "Where does zqada live?"}, timeout=30)
    assert chat.status_code == 200
    drained(stack.base_url, "erasure")
    _flushed(stack, "erasure")
    assert residue(stack.dsn, *WORDS, "zqada", extra["id"]) == {}
    assert count(stack.dsn, ORPHANS, "erasure") == 0
    assert httpx.delete(f"{base}/peers/zqada").status_code == 404
    for function in ("Api", "Chat", "Deriver", "Summary", "Chores", "Tick"):
        assert [word for word in WORDS if word in stack.log(f"{function}Function")] == []
    answer = httpx.post(f"{base}/peers/bob/chat", json={"query": "Where is zqada's marigold?"}, timeout=30)
    assert [word for word in WORDS if word in answer.text] == []
    summaries = httpx.get(f"{base}/sessions/s/summaries").json()
    assert summaries["short_summary"] is not None
    assert "Porto" in httpx.post(f"{base}/peers/bob/representation", json={}).text
    [back] = _says(base, "s", "zqada", "Hello.")
    assert back["peer_id"] == "zqada"
    assert httpx.post(f"{base}/peers/zqada/sessions", json={}).json()["total"] == 1
