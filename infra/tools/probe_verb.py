"""The `probe-queue` verb: the checks of `probe_queue`, against the SQS that an operator points to."""

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from infra.tools.probe_queue import CHECKS, Bench, NeedsClock, Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

# SQS stores a new queue's attributes within seconds; waiting longer than this for anything is for `--patient`.
_MOST_SLEEP_S = 15.0
_LONG_POLL_S = 1
_REGION = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")
_WANTED = {
    "FifoQueue": "true",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}


class CannotProbe(Exception):
    """The probe cannot start; the message says why and what to do."""


def probe_queue(argv: list[str]) -> int:
    """Check the named queue's settings, and on short-lived queues beside it how SQS behaves. Its messages stay."""
    arguments = _parser().parse_args(argv)
    try:
        client = _client(arguments.url, arguments.region)
        findings = _settings_of(client, arguments.url)
    except CannotProbe as reason:
        print(reason, file=sys.stderr)
        return 1
    print(f"{'ok' if not findings else 'FAILED':<8} the queue is set up as the template says {findings or ''}")
    made = _Temporary(client, arguments.url)
    try:
        failed = [check.__name__ for check in CHECKS if not _passes(check, _bench(client, made, arguments))]
    finally:
        made.delete()
    return 1 if failed or findings else 0


def _passes(check: Callable[[Bench], Outcome], bench: Bench) -> bool:
    name = check.__name__.replace("_", " ")
    try:
        passed, seen = check(bench)
    except NeedsClock as need:
        print(f"{'skipped':<8} {name}: needs a movable clock, or {need} (--patient waits)", flush=True)
        return True
    except Exception as error:
        passed, seen = False, f"{type(error).__name__}: {error}"
    print(f"{'ok':<8} {name}" if passed else f"{'FAILED':<8} {name}: {seen}", flush=True)
    return passed


class _Temporary:
    """Queues beside the named one, for one check each, deleted at the end."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        # Names have at most 80 characters.
        self._prefix = urlsplit(url).path.rpartition("/")[2].removesuffix(".fifo")[:40]
        self._urls: list[str] = []

    def make(self, attributes: Mapping[str, str]) -> str:
        name = f"{self._prefix}-probe-{uuid.uuid4().hex[:12]}.fifo"
        given = cast("Mapping[QueueAttributeNameType, str]", attributes)
        url = self._client.create_queue(QueueName=name, Attributes=given)["QueueUrl"]
        self._urls.append(url)
        return url

    def delete(self) -> None:
        for url in self._urls:
            self._client.delete_queue(QueueUrl=url)


def _bench(client: "SQSClient", made: _Temporary, arguments: argparse.Namespace) -> Bench:
    if arguments.move_clock:
        return Bench(client, made.make, lambda seconds: _move_clock(arguments.url, seconds))
    most_s = float("inf") if arguments.patient else _MOST_SLEEP_S
    return Bench(client, made.make, lambda seconds: _sleep(seconds, most_s), wait_s=_LONG_POLL_S)


def _sleep(seconds: float, most_s: float) -> None:
    if seconds > most_s:
        raise NeedsClock(f"{seconds:.0f} s of waiting")
    time.sleep(seconds)


def _move_clock(url: str, seconds: float) -> None:
    address = urlsplit(url)
    body = json.dumps({"advance": seconds}).encode()
    try:
        urllib.request.urlopen(f"{address.scheme}://{address.netloc}/_clock", data=body, timeout=10).close()
    except urllib.error.URLError as error:
        raise CannotProbe(f"{address.netloc} has no clock to move: leave out --move-clock.") from error


def _client(url: str, region: str | None) -> "SQSClient":
    from boto3.session import Session
    from botocore.config import Config

    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.path.endswith(".fifo"):
        raise CannotProbe(
            f"{url} is not the URL of a FIFO queue: https://sqs.<region>.amazonaws.com/<account>/<name>.fifo"
        )
    in_the_cloud = _REGION.search(address.netloc)
    session = Session()
    # boto3 ships no types for its sessions.
    configured = cast("str | None", session.region_name)  # pyright: ignore[reportUnknownMemberType]
    named = region or (in_the_cloud[1] if in_the_cloud else configured)
    if named is None:
        raise CannotProbe("The URL names no region: say --region.")
    if session.get_credentials() is None:
        raise CannotProbe(
            "There are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "of somebody who may create, use and delete queues."
        )
    endpoint = None if in_the_cloud else f"{address.scheme}://{address.netloc}"
    config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3, "mode": "standard"})
    made = session.client("sqs", region_name=named, endpoint_url=endpoint, config=config)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("SQSClient", made)


def _settings_of(client: "SQSClient", url: str) -> dict[str, str]:
    """What the queue's settings say other than the template's. Raises `CannotProbe` when they cannot be read."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        shown = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except (BotoCoreError, ClientError) as error:
        raise CannotProbe(f"The queue does not answer: {error}") from error
    given = {str(name): value for name, value in shown.items()}
    return {name: given.get(name, "unset") for name, wanted in _WANTED.items() if given.get(name) != wanted}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra probe-queue",
        description=probe_queue.__doc__,
        epilog="Makes and deletes queues named after it with your AWS credentials; a run costs some hundred requests.",
    )
    parser.add_argument("--url", required=True, help="of the FIFO queue, as SQS gives it")
    parser.add_argument("--region", help="where the URL does not name it")
    parser.add_argument("--patient", action="store_true", help="wait minutes where a check needs that")
    parser.add_argument("--move-clock", action="store_true", help="the local endpoint only: move its clock, never wait")
    return parser
