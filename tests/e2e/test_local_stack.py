"""The local stack as a whole, with throw-away functions behind the door: starts, serves, streams, and ends."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg
import pytest

from infra.__main__ import VERBS
from infra.bootstrap import ROOT
from infra.local import state
from infra.local.stack import Stack, StackFailed

TEMPLATE = ROOT / "tests" / "support" / "stack_template.yaml"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that Postgres can enter; pytest's own is closed to its account when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="honcho-stack-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack(place: Path) -> Iterator[Stack]:
    with Stack(place / "data", template=TEMPLATE, settings_env={"WORKER_FILE": str(place / "worker.jsonl")}) as running:
        yield running


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=20) as open_client:
        yield open_client


def verb(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    place = VERBS[name]
    code = f"import sys; from {place.module} import {place.function} as verb; sys.exit(verb(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def group_of(pid: int) -> int:
    return os.getpgid(pid)


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_door_turns_a_request_into_an_event_and_the_answer_back(client: httpx.Client):
    answer = client.put("/v3/a/b%20c?x=1&x=2", content=b'{"text": "\xc3\xa9"}', headers={"x-mine": "1"})
    event = answer.json()["event"]
    assert (event["path"], event["httpMethod"], event["body"]) == ("/a/b%20c", "PUT", '{"text": "é"}')
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "server" not in answer.headers


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE"])
def test_door_passes_every_method_on(client: httpx.Client, method: str):
    answer = client.request(method, "/v3/things")
    assert answer.status_code == 200
    assert method == "HEAD" or answer.json()["event"]["httpMethod"] == method


def test_door_when_the_path_is_outside_the_stage_knows_only_the_aliases(client: httpx.Client):
    assert client.get("/workspaces").status_code == 404
    assert client.get("/health/ready").json()["event"]["path"] == "/health/ready"


def test_door_when_the_body_is_beyond_the_limits_refuses_it(client: httpx.Client):
    assert client.post("/v3/x", content=b"x" * (7 * 1024 * 1024)).status_code == 413
    assert client.post("/v3/x", content=b"x" * (11 * 1024 * 1024)).status_code == 413


def test_door_streams_the_answer_of_a_web_function_as_it_comes(client: httpx.Client):
    arrivals: list[float] = []
    chunks: list[dict[str, Any]] = []
    with client.stream("POST", "/v3/chat?q=1", json={"pause_s": 0.3}) as answer:
        for line in answer.iter_lines():
            if line:
                arrivals.append(time.monotonic())
                chunks.append(json.loads(line.removeprefix("data: ")))
    assert [chunk["number"] for chunk in chunks] == [0, 1, 2]
    assert chunks[0]["path"] == "/chat"
    assert arrivals[2] - arrivals[0] > 0.4


def test_door_when_the_caller_leaves_tells_the_web_function(client: httpx.Client, place: Path):
    mark = place / "gone"
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v3/chat", json={"hang": str(mark)}, timeout=0.5)
    until(mark.is_file)


def test_door_when_the_web_function_ends_says_so_and_starts_it_again(client: httpx.Client):
    for _ in range(3):
        assert client.post("/v3/chat", json={}).status_code == 200
        broken = client.post("/v3/chat", json={"exit": True})
        assert (broken.status_code, broken.json()) == (502, {"detail": "Internal server error: see the log of Chat"})
        # The door may not have seen the end of the process yet: the request waits for the next one all the same.
        assert client.post("/v3/chat", json={}).status_code == 200


def test_functions_find_the_database_and_the_queue_of_the_stack(stack: Stack):
    with psycopg.connect(stack.dsn) as conn:
        assert conn.execute("SELECT current_user, count(*) FROM work_units").fetchone() == ("app", 0)


def test_message_sent_over_sqs_reaches_the_worker_in_order_and_a_reported_one_comes_back(stack: Stack, place: Path):
    sqs: Any = boto3.client(
        "sqs", endpoint_url=stack.sqs_url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    url = sqs.get_queue_url(QueueName="honcho-work.fifo")["QueueUrl"]
    for number in range(3):
        body = json.dumps({"n": number, "fail": number == 2})
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=str(number))
    file = place / "worker.jsonl"

    def received() -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []

    until(lambda: len(received()) == 3)
    httpx.post(f"{stack.sqs_url}/_clock", json={"advance": 7}).raise_for_status()
    until(lambda: len(received()) == 4)
    assert [line["body"]["n"] for line in received()] == [0, 1, 2, 2]
    assert received()[3]["record"]["attributes"]["ApproximateReceiveCount"] == "2"


def test_control_invokes_a_function_and_shows_the_status(client: httpx.Client):
    answer = client.post("/_local/invoke/Fault", json={"raise": "asked"})
    assert (answer.headers["x-amz-function-error"], answer.json()["errorMessage"]) == ("Unhandled", "asked")
    status = client.get("/_local/status").json()
    assert status["functions"]["Fault"]["errors"] >= 1
    assert status["queues"]["honcho-work-dead.fifo"]["visible"] == 0
    assert status["ignored_resources"] == ["Elsewhere"]


@pytest.mark.parametrize("headers", [{"origin": "http://127.0.0.1:3000"}, {"host": "evil.example"}])
def test_control_when_a_web_page_asks_refuses(client: httpx.Client, headers: dict[str, str]):
    assert client.get("/_local/status", headers=headers).status_code == 403


def test_schedule_visits_at_the_start(client: httpx.Client):
    until(lambda: client.get("/_local/status").json()["functions"]["Tick"]["invocations"] >= 1)


def test_status_and_logs_show_the_stack(stack: Stack):
    shown = verb("status", "--data", str(stack.data))
    assert shown.returncode == 0, shown.stderr
    assert stack.base_url in shown.stdout
    assert "honcho-work.fifo" in shown.stdout
    rows = [line for line in shown.stdout.splitlines() if " idle " in line or " in work" in line]
    assert len(rows) >= 4
    assert max(map(len, rows)) <= 80
    logs = verb("logs", "Chat", "--data", str(stack.data))
    assert (logs.returncode, "ended with status 1" in logs.stdout) == (0, True)


def test_second_stack_on_the_same_folder_is_refused_in_a_sentence(stack: Stack):
    with pytest.raises(StackFailed, match="Another stack uses the data folder"):
        Stack(stack.data, template=TEMPLATE).start()


def test_up_when_the_port_is_in_use_says_so_in_a_sentence(place: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = verb("up", "--port", str(port), "--data", str(place / "other"))
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.splitlines() == [f"Port {port} is in use: stop what uses it, or choose another with --port."]


def test_up_when_others_could_reach_it_without_a_key_is_refused(place: Path):
    shown = verb("up", "--host", "0.0.0.0", "--port", "0", "--data", str(place / "other"))
    assert shown.returncode == 1
    assert "AUTH_USE_AUTH" in shown.stderr


def test_launcher_when_killed_leaves_no_process_and_the_data_for_the_next(place: Path):
    stack = Stack(place / "killed", template=TEMPLATE)
    stack.start()
    pid = json.loads(httpx.post(f"{stack.base_url}/_local/invoke/Fault", json={}).content)["pid"]
    group = group_of(pid)
    stack.kill9()
    until(lambda: is_gone(group))
    assert not state.is_held(stack.data)
    with stack:
        assert httpx.get(f"{stack.base_url}/health/ready").status_code == 200


def test_down_stops_the_stack_and_says_so(place: Path):
    stack = Stack(place / "stopped", template=TEMPLATE)
    stack.start()
    try:
        shown = verb("down", "--data", str(stack.data))
        assert (shown.returncode, state.running(stack.data)) == (0, None)
        assert "has stopped" in shown.stdout
        assert "No stack is running" in verb("down", "--data", str(stack.data)).stdout
        assert verb("status", "--data", str(stack.data)).returncode == 1
    finally:
        stack.stop()
