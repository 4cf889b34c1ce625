"""The door refuses what is too large before it has read it, and knows its own addresses."""

import asyncio
from typing import Any

import pytest

from infra.bootstrap import ROOT
from infra.local.errands import Errands
from infra.local.gateway import MAX_BODY_BYTES, ROOT_ALIASES, Gateway
from infra.local.template import load

MESSAGES = "/v3/workspaces/w/sessions/s/messages"
CHAT = "/v3/workspaces/w/peers/p/chat"
CHUNK = b"x" * 1024 * 1024


def asked(path: str, *headers: tuple[bytes, bytes]) -> tuple[int, bytes, int]:
    """Status and body of the answer to an endless POST, and how many pieces of it were taken."""
    taken, sent = 0, list[Any]()

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": CHUNK, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    async def refused(*_: object) -> None:
        raise AssertionError("not for the control")

    def invoke(*_: object) -> Any:
        raise AssertionError("no function may be asked")

    door = Gateway(load(ROOT / "template.yaml"), invoke, {}, refused, {}, Errands())
    scope = {"type": "http", "method": "POST", "raw_path": path.encode(), "query_string": b"", "headers": [*headers]}
    asyncio.run(door(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], taken


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_body_that_announces_too_much_is_refused_unread(path: str):
    for announced in (b"%d" % (MAX_BODY_BYTES + 1), b"9" * 5000):
        status, body, taken = asked(path, (b"content-length", announced))
        assert (status, taken) == (413, 0)
        assert b'"detail"' in body


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_body_without_length_is_refused_as_soon_as_it_is_too_large(path: str):
    status, body, taken = asked(path)
    assert (status, taken) == (413, MAX_BODY_BYTES // len(CHUNK) + 1)
    assert b'"detail"' in body


def test_address_of_nothing_is_refused_unread():
    assert asked("/elsewhere")[::2] == (404, 0)


def test_operational_routes_have_an_address_at_the_root():
    assert {"/health", "/health/ready", "/metrics", "/openapi.json", "/docs", "/redoc"} <= ROOT_ALIASES
