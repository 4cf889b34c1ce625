"""`probe-queue` as an operator runs it, against the local endpoint."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.tools.probe_queue import CHECKS
from infra.tools.probe_verb import probe_queue

AS_THE_TEMPLATE = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")


@pytest.mark.usefixtures("credentials")
def test_probe_when_the_clock_can_be_moved_runs_every_check_and_leaves_nothing_behind(
    sqs: Any, make_queue: Callable[..., str], capsys: pytest.CaptureFixture[str]
):
    url = make_queue(AS_THE_TEMPLATE)
    sqs.send_message(QueueUrl=url, MessageBody="mine", MessageGroupId="g", MessageDeduplicationId="1")

    assert probe_queue(["--url", url, "--region", "us-east-1", "--move-clock"]) == 0

    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == ["ok"] * (len(CHECKS) + 1)
    prefix = url.rpartition("/")[2].removesuffix(".fifo")
    assert sqs.list_queues(QueueNamePrefix=prefix[:40]).get("QueueUrls") == [url]
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "mine"


@pytest.mark.slow
@pytest.mark.usefixtures("credentials")
def test_probe_when_the_clock_is_everybodys_waits_a_little_and_says_what_it_skips(
    make_queue: Callable[..., str], capsys: pytest.CaptureFixture[str]
):
    assert probe_queue(["--url", make_queue(AS_THE_TEMPLATE), "--region", "us-east-1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if not line.startswith("ok ")] == [
        "skipped  a duplicate after five minutes is a new message: "
        "needs a movable clock, or 301 s of waiting (--patient waits)"
    ]


@pytest.mark.usefixtures("credentials")
def test_probe_when_the_queue_is_set_up_otherwise_says_how(
    make_queue: Callable[..., str], capsys: pytest.CaptureFixture[str]
):
    assert probe_queue(["--url", make_queue(), "--region", "us-east-1", "--move-clock"]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("FAILED")
    assert "'DeduplicationScope': 'queue'" in first


def test_probe_without_credentials_says_what_is_missing(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert probe_queue(["--url", f"{endpoint}/000000000000/q.fifo", "--region", "us-east-1"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("There are no AWS credentials: set AWS_PROFILE")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "q.fifo"], "is not the URL of a FIFO queue"),
        (["--url", "https://sqs.eu-west-1.amazonaws.com/1/standard"], "is not the URL of a FIFO queue"),
        (["--url", "http://127.0.0.1:9/1/q.fifo"], "names no region"),
    ],
)
@pytest.mark.usefixtures("credentials")
def test_probe_when_it_cannot_start_says_why(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert probe_queue(arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("credentials")
def test_probe_when_the_queue_does_not_exist_says_so(endpoint: str, capsys: pytest.CaptureFixture[str]):
    assert probe_queue(["--url", f"{endpoint}/000000000000/none.fifo", "--region", "us-east-1"]) == 1
    assert "The queue does not answer" in capsys.readouterr().err
