"""What travels through the queues, and what ends among the dead letters: addresses of work, and nothing of its content.

A unit's address holds the names of its session and peer, since its row is found by them; they are ids, of letters and
digits only. What people say and write is nowhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.queue.sqs import open_queue
from shared.settings.sections import QueueSettings
from tests.support.backends import offline_backends
from tests.support.workspace_client import WorkspaceClient

PLANTED = ("ZqmessageCanary", "ZqinstructionCanary", "ZqmetadataCanary", "ZqdocumentCanary", "ZqfileCanary")
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def dead(make_queue: Callable[..., str]) -> str:
    return make_queue()


@pytest.fixture
def queued(
    database_dsn: str,
    owner_dsn: str,
    endpoint: str,
    dead: str,
    sqs: Any,
    make_queue: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[WorkspaceClient, str]]:
    """The API in front of one queue for everything, whose messages are dead after they were received once."""
    aws = {"ACCESS_KEY_ID": "local", "SECRET_ACCESS_KEY": "local", "DEFAULT_REGION": "us-east-1"}
    for name, value in (aws | {"ENDPOINT_URL_SQS": endpoint}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 1}}'
    url = make_queue({"RedrivePolicy": redrive, "VisibilityTimeout": "1"})
    urls = QueueSettings(derive_url=url, summary_url=url, dream_url=url, chores_url=url)
    sections = {"deriver": {"flush_enabled": True}, "summary": {"messages_per_short_summary": 2}}
    with offline_backends(database_dsn, owner_dsn, sections) as backends:
        client = TestClient(create_app(_behind(backends, urls)))
        client.headers["traceparent"] = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
        yield WorkspaceClient(client, "acme"), url


def _behind(backends: Backends, urls: QueueSettings) -> Backends:
    return replace(backends, queue=open_queue(urls))


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Everything visible, with all that is attached to it."""
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        found += messages
    return found


def test_queues_and_dead_letters_carry_no_content(
    queued: tuple[WorkspaceClient, str], dead: str, sqs: Any, advance: Callable[[float], None]
):
    workspace, url = queued
    configuration = {"reasoning": {"custom_instructions": "Mind ZqinstructionCanary."}}
    assert workspace.post("/sessions", {"id": "s", "configuration": configuration}).is_success
    for place in range(2):
        said = f"I live in ZqmessageCanary, number {place}."
        workspace.records("s", [{"peer_id": "ada", "content": said, "metadata": {"m": "ZqmetadataCanary"}}])
    uploaded = workspace.client.post(
        workspace.at("/sessions/s/messages/upload"),
        data={"peer_id": "bob"},
        files={"file": ("ZqfileCanary.txt", b"I own a ZqdocumentCanary.", "text/plain")},
    )
    assert uploaded.is_success
    assert workspace.post("/schedule_dream", {"observer": "ada", "dream_type": "omni", "session_id": None}).is_success

    alive = received(sqs, url)
    advance(2)
    assert received(sqs, url) == []
    buried = received(sqs, dead)
    assert {one["Body"] for one in buried} == {one["Body"] for one in alive}
    assert {kind for one in buried for kind in ("derive", "index", "summary", "dream") if kind in one["Body"]} == {
        "derive", "index", "summary", "dream",
    }  # fmt: skip
    told = repr((alive, buried))
    assert [word for word in PLANTED if word in told] == []
    assert {one["MessageAttributes"]["traceparent"]["StringValue"][3:35] for one in buried} == {TRACE_ID}
