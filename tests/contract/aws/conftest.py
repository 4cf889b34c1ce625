"""The local SQS endpoint, served by uvicorn on a free port, and the genuine boto3 in front of it."""

# boto3 makes its clients at run time, so their members have no types here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import json
import socket
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from infra.local.sqs import LocalQueues, application


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(application(LocalQueues(url)), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield url
    server.should_exit = True
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def sqs(endpoint: str) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16),
    )


@pytest.fixture
def make_queue(sqs: Any) -> Callable[..., str]:
    def make(attributes: Mapping[str, str] | None = None) -> str:
        name = f"q-{uuid.uuid4().hex}.fifo"
        given = {"FifoQueue": "true", **(attributes or {})}
        return sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]

    return make


@pytest.fixture
def advance(endpoint: str) -> Callable[[float], None]:
    def post(seconds: float) -> None:
        body = json.dumps({"advance": seconds}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_clock", data=body, method="POST"), timeout=5)

    return post
