"""What Lambda takes in and hands over at once, through the runtime client: the last that fits, and one byte more."""

import json
import uuid
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from infra.bootstrap import ROOT
from infra.local import cloudformation as cfn
from infra.local import template
from infra.local.environment import MAX_PAYLOAD_BYTES
from infra.local.resources import Match
from infra.local.rest_event import Request, write_event
from infra.local.stack import Stack
from infra.local.template import RouteSpec
from tests.support.stack import data_folder

PARAMETERS = cfn.table(cfn.read(ROOT / "template.yaml")["Parameters"], "Parameters")
MAX_FILE_SIZE = int(str(cfn.table(PARAMETERS["MaxFileSize"], "MaxFileSize")["MaxValue"]))
BINARY = template.load(ROOT / "template.yaml").binary_media_types
# API Gateway takes no more than this of a request line and all headers together.
MOST_OF_HEADERS = 10_240
UPLOAD = "/workspaces/w/sessions/s/messages/upload"
ROUTE = RouteSpec("ANY", "/workspaces/{workspace_id}/{proxy+}", "ApiFunction")


@pytest.fixture(scope="module")
def stack() -> Generator[Stack]:
    """The limit of files as it is deployed."""
    with data_folder() as folder, Stack(folder, settings_env={"MAX_FILE_SIZE": str(MAX_FILE_SIZE)}) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Generator[httpx.Client]:
    place = f"{stack.base_url}/v3/workspaces/payloads-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=place, timeout=60) as opened:
        yield opened


def form(content: bytes, **fields: str) -> httpx.Request:
    """An upload, as a client writes it."""
    files = {"file": ("a.txt", content, "text/plain")}
    return httpx.Request("POST", "http://h/messages/upload", data={"peer_id": "ada", **fields}, files=files)


def event_of(request: httpx.Request, headers: dict[str, str], *, path: str = UPLOAD) -> bytes:
    named = [(name.lower().encode(), value.encode()) for name, value in (*request.headers.items(), *headers.items())]
    asked = Request("POST", path, b"", named, "127.0.0.1", request.read())
    return write_event(asked, Match(ROUTE, {"workspace_id": "w", "proxy": path}), stage="v3", binary=BINARY)


def invoked(stack: Stack, event: bytes) -> Any:
    answer = httpx.post(f"{stack.base_url}/_local/invoke/ApiFunction", content=event, timeout=60)
    return answer.json(), answer.headers.get("x-amz-function-error")


def test_largest_file_fits_into_an_event_with_all_that_may_come_with_it() -> None:
    request = form(b"x" * MAX_FILE_SIZE, metadata=json.dumps({"k": "v" * 100_000}))
    event = event_of(request, {"x-long": "y" * (MOST_OF_HEADERS // 2)}, path="/" + "p" * (MOST_OF_HEADERS // 2))
    assert len(event) <= MAX_PAYLOAD_BYTES


def test_event_of_the_very_limit_is_served_and_one_byte_more_is_not(stack: Stack) -> None:
    request = form(b"x" * MAX_FILE_SIZE)
    missing = MAX_PAYLOAD_BYTES - len(event_of(request, {"x-pad": ""}))
    # Each letter of a header is in the event twice; a space after the JSON evens it out.
    event = event_of(request, {"x-pad": "y" * (missing // 2)})
    event += b" " * (MAX_PAYLOAD_BYTES - len(event))
    answer, error = invoked(stack, event)
    assert (len(event), error, answer["statusCode"]) == (MAX_PAYLOAD_BYTES, None, 201)
    refused, error = invoked(stack, event + b" ")
    assert error == "RequestEntityTooLarge"
    assert str(MAX_PAYLOAD_BYTES + 1) in refused["errorMessage"]


def test_file_of_the_very_limit_is_taken_and_one_byte_more_is_told_the_limit(client: httpx.Client) -> None:
    def uploaded(content: bytes) -> httpx.Response:
        return client.post(
            "/sessions/s/messages/upload", data={"peer_id": "ada"}, files={"file": ("a.txt", content, "text/plain")}
        )

    assert uploaded(b"x" * MAX_FILE_SIZE).status_code == 201
    for content in (b"x" * (MAX_FILE_SIZE + 1), b"x" * (MAX_FILE_SIZE + 100_000)):
        refused = uploaded(content)
        assert (refused.status_code, str(MAX_FILE_SIZE) in refused.json()["detail"]) == (413, True)
    beyond = uploaded(b"x" * (MAX_FILE_SIZE + 500_000))
    assert (beyond.status_code, "4.5 MB" in beyond.json()["detail"]) == (413, True)


def test_page_that_would_be_too_large_says_so_and_a_smaller_one_comes(client: httpx.Client) -> None:
    """A quote is four bytes of an answer that travels inside JSON: a hundred such messages are ten megabytes."""
    for _ in range(2):
        messages = [{"peer_id": "ada", "content": '"' * 24_999 + str(number % 10)} for number in range(40)]
        for part in (messages[:20], messages[20:]):
            assert client.post("/sessions/s/messages", json={"messages": part}).status_code == 201
    refused = client.post("/sessions/s/messages/list", json={}, params={"size": 100})
    assert (refused.status_code, "size" in refused.json()["detail"]) == (413, True)
    page = client.post("/sessions/s/messages/list", json={}, params={"size": 40})
    assert (page.status_code, len(page.json()["items"]), page.json()["total"]) == (200, 40, 80)


@pytest.mark.parametrize("letter", ["語", "\N{WAVING HAND SIGN}"])
def test_answer_of_letters_beyond_ascii_is_handed_over_up_to_the_same_limit(client: httpx.Client, letter: str) -> None:
    """Written as they are: as six signs each they would be lost after they were stored, and stored again."""
    count = 2_500_000 // len((letter * 25_000).encode())
    off = {"reasoning": {"enabled": False}}
    messages = [{"peer_id": "ada", "content": letter * 25_000, "configuration": off}] * count
    for stored in (count, 2 * count, 3 * count):
        written = client.post("/sessions/s/messages", json={"messages": messages})
        assert (written.status_code, len(written.json())) == (201, count)
        listed = client.post("/sessions/s/messages/list", json={}, params={"size": 1})
        assert listed.json()["total"] == stored
    page = client.post("/sessions/s/messages/list", json={}, params={"size": 2 * count})
    assert (page.status_code, len(page.json()["items"])) == (200, 2 * count)
    refused = client.post("/sessions/s/messages/list", json={}, params={"size": 3 * count})
    assert (refused.status_code, "size" in refused.json()["detail"]) == (413, True)
