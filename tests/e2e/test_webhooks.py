"""Somebody's endpoint hears from the running stack that a session's messages have been read."""

import hashlib
import hmac
import json
import time

import httpx

from infra.local.stack import Stack
from tests.support.listener import Listener
from tests.support.stack import data_folder

SECRET = "only this test knows it"


def test_endpoint_is_told_when_a_queue_is_empty():
    settings = {"WEBHOOK_SECRET": SECRET, "WEBHOOK_ALLOW_PRIVATE": "true"}
    with data_folder() as folder, Listener() as listener, Stack(folder, settings_env=settings) as stack:
        with httpx.Client(base_url=f"{stack.base_url}/v3") as client:
            client.post("/workspaces", json={"id": "w"}).raise_for_status()
            assert client.post("/workspaces/w/webhooks", json={"url": listener.url}).status_code == 201
            assert client.get("/workspaces/w/webhooks/test").json() is None
            messages = [{"peer_id": "ada", "content": "I live in Lisbon."}]
            client.post("/workspaces/w/sessions/s/messages", json={"messages": messages}).raise_for_status()
        deadline = time.monotonic() + 30
        while len(listener.received) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
    events = {json.loads(request.body)["type"]: request for request in listener.received}
    assert events.keys() == {"test.event", "queue.empty"}
    for request in events.values():
        expected = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
        assert request.headers["x-honcho-signature"] == expected
    assert json.loads(events["queue.empty"].body)["data"]["observed"] == "ada"
