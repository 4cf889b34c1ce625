"""Bodies over the limit are refused before they are read: by their announced length, or as soon as they exceed it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.body_limit import FORM_BYTES
from shared.backends import Backends
from shared.settings.sections import ApiSettings
from tests.support.workspace_client import WorkspaceClient

MOST_BYTES = ApiSettings().max_body_bytes
LIST = "/v3/workspaces/w/peers/list"
UPLOAD = "/v3/workspaces/w/sessions/s/messages/upload"


def told(client: TestClient, path: str, chunks: Iterator[bytes], **headers: str) -> tuple[int, Any, int]:
    """Status and body of the answer to a request that would send `chunks` for ever, and how many were taken."""
    taken, sent = 0, list[Any]()

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": next(chunks), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {"host": "testserver", "content-type": "application/json", **named}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(client.app(scope, receive, send))  # pyright: ignore
    return sent[0]["status"], sent[1]["body"], taken


def endless(chunk: bytes) -> Iterator[bytes]:
    while True:
        yield chunk


@pytest.mark.parametrize("announced", [str(MOST_BYTES + 1), "9" * 5000])
@pytest.mark.parametrize("path", [LIST, LIST.removeprefix("/v3"), UPLOAD, "/v3/nowhere"])
def test_body_that_announces_too_much_is_not_read_at_all(client: TestClient, path: str, announced: str):
    status, body, taken = told(client, path, endless(b"x"), content_length=announced)
    assert (status, taken) == (413, 0)
    assert b'"detail"' in body


def test_body_without_length_is_read_up_to_the_limit_only(client: TestClient):
    chunk = b" " * 1024 * 1024
    status, body, taken = told(client, LIST, endless(chunk))
    assert (status, taken) == (413, MOST_BYTES // len(chunk) + 1)
    assert f"at most {MOST_BYTES} bytes" in json.loads(body)["detail"]


def test_upload_is_read_up_to_the_limit_of_files_only(client: TestClient, backends: Backends):
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/plain\r\n\r\n'
    chunk = b"x" * 1024 * 1024

    def chunks() -> Iterator[bytes]:
        yield head
        yield from endless(chunk)

    most = backends.settings.app.max_file_size + FORM_BYTES
    kind = "multipart/form-data; boundary=b"
    status, body, taken = told(client, UPLOAD, chunks(), content_type=kind)
    assert (status, taken) == (413, 1 + most // len(chunk))
    assert f"a file may have at most {most - FORM_BYTES} bytes" in json.loads(body)["detail"]
    assert told(client, UPLOAD, chunks(), content_type=kind, content_length=str(most + 1))[::2] == (413, 0)


def test_body_of_the_very_limit_is_read(workspace: WorkspaceClient):
    padded = b"{" + b" " * (MOST_BYTES - 2) + b"}"
    headers = {"content-type": "application/json"}
    assert workspace.client.post(workspace.at("/peers/list"), content=padded, headers=headers).status_code == 200
    answer = workspace.client.post(workspace.at("/peers/list"), content=padded + b" ", headers=headers)
    assert (answer.status_code, type(answer.json()["detail"])) == (413, str)
