"""The smoke test: whether a deployed service does its main job, from outside and through the published SDK.

What can only be known on AWS comes first: that the chat route streams, which is the Web Adapter's doing. Then the
quickstart: messages, their derivation by the workers, and the three ways to read what was learnt.
"""

import argparse
import os
import sys
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

import httpx
from honcho import Honcho
from honcho.http.exceptions import HonchoError, NotFoundError

from infra.deploy.stream_check import NotStreamed, read_stream

PATIENCE_S: Final = 240.0
_POLL_S: Final = 0.5
_REQUEST_S: Final = 120.0
_KEY: Final = "HONCHO_API_KEY"
_SESSION: Final = "first-talk"
_FACT: Final = "peanuts"
# Deployed, the deriver waits until a peer has said about 1,000 tokens, or for half an hour: so much is said at once.
_SMALL_TALK: Final = (
    "The kitchen of the new flat in Lisbon has a gas stove with four burners, a narrow oven and a window to the yard."
    " In the morning the baker across the street opens at six, and on Saturdays there is a market by the river where"
    " farmers sell oranges, olives, bread and fish. The tram to the office takes twenty minutes when it does not rain."
)
_TALKS: Final = 40


class SmokeFailed(Exception):
    """The service does not do its main job; the text says what was seen, and where to look."""


def smoke(argv: list[str]) -> int:
    """Ask a running service for its main job, and say whether it does it."""
    parser = argparse.ArgumentParser(prog="python3 -m infra smoke", description=smoke.__doc__)
    parser.add_argument("--url", required=True, help="base URL of the service, as an SDK takes it")
    parser.add_argument("--key", help=f"an admin key (better: the variable {_KEY})")
    parser.add_argument("--patience", type=float, default=PATIENCE_S, help="seconds for the derivation (%(default)g)")
    arguments = parser.parse_args(argv)
    try:
        run(arguments.url.rstrip("/"), arguments.key or os.environ.get(_KEY), patience_s=arguments.patience)
    except SmokeFailed as error:
        print(f"smoke test: failed\n{error}", file=sys.stderr)
        return 1
    print("smoke test: passed")
    return 0


def run(url: str, key: str | None, *, patience_s: float = PATIENCE_S, say: Callable[[str], None] = print) -> None:
    """All of it, in a workspace of its own that is erased afterwards. Raises `SmokeFailed`."""
    name = f"smoke-{uuid.uuid4().hex[:12]}"
    with _told(url):
        honcho = Honcho(workspace_id=name, base_url=url, api_key=key or "none", timeout=_REQUEST_S)
        # This makes the workspace: only from here on there is something to erase.
        honcho.refresh()
        try:
            _check_stream(honcho, url, key, say)
            _check_quickstart(honcho, patience_s, say)
        finally:
            _erase(honcho, name, say)


@contextmanager
def _told(url: str) -> Generator[None]:
    """What goes wrong on the way, as one sentence with the next step."""
    try:
        yield
    except NotStreamed as error:
        raise SmokeFailed(
            f"Chat does not stream: {error}. Look at ChatFunction: its layer LambdaAdapterLayerArm64,"
            " AWS_LWA_INVOKE_MODE=response_stream, and ResponseTransferMode of its two events."
        ) from error
    except HonchoError as error:
        how = "answered" if error.status else "could not be reached"
        said = f"{type(error).__name__}: {str(error).rstrip('.')}."
        raise SmokeFailed(f"{url} {how}: {said}{_hint(error)}") from error
    except httpx.HTTPError as error:
        raise SmokeFailed(f"{url} could not be reached: {type(error).__name__}: {error}") from error


def _hint(error: HonchoError) -> str:
    if error.status in (401, 403):
        return f" Give a key that this service signed: `python3 -m infra key --admin` prints one ({_KEY})."
    if error.status >= 500:
        return " The log of ApiFunction or ChatFunction says why."
    return ""


def _check_stream(honcho: Honcho, url: str, key: str | None, say: Callable[[str], None]) -> None:
    honcho.peer("alice", metadata={})
    path = f"{url}/v3/workspaces/{honcho.workspace_id}/peers/alice/chat"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(headers=headers, timeout=_REQUEST_S) as client:
        # The first one wakes the function up; how long that takes says nothing about streaming.
        answered = client.post(path, json={"query": "Who is alice?"})
        _refuse_error(answered)
        seen = read_stream(client, path)
    say(f"  streaming: {seen}")


def _refuse_error(answered: httpx.Response) -> None:
    if answered.is_error:
        raise SmokeFailed(f"Chat answered {answered.status_code}: {answered.text[:300]}")


def _check_quickstart(honcho: Honcho, patience_s: float, say: Callable[[str], None]) -> None:
    alice, tutor = honcho.peer("alice"), honcho.peer("tutor")
    session = honcho.session(_SESSION)
    kept = session.add_messages(
        [
            alice.message(f"I moved to Lisbon last week and I am allergic to {_FACT}."),
            tutor.message("Good to know. How do you like it there?"),
            *(alice.message(_SMALL_TALK) for _ in range(_TALKS)),
        ]
    )
    say(f"  messages: {len(kept)} kept")
    _await_derivation(honcho, patience_s, say)
    answer = alice.chat("Is alice allergic to anything? Name it if so.") or ""
    _demand(bool(answer.strip()), "chat gave an empty answer")
    say(f"  chat: {len(answer)} characters")
    context = session.context(summary=True, tokens=100_000)
    _demand(any(_FACT in message.content for message in context.messages), "a session's context lacks its message")
    say(f"  context: {len(context.messages)} messages")
    hits = session.search(_FACT)
    _demand(any(_FACT in hit.content for hit in hits), "search does not find a word of a message")
    say(f"  search: {len(hits)} found")


def _await_derivation(honcho: Honcho, patience_s: float, say: Callable[[str], None]) -> None:
    """Wait until what was said is known: that is the queues, their mappings, the workers and the model."""
    began = time.monotonic()
    while _FACT not in honcho.peer("alice").representation().lower():
        if time.monotonic() - began > patience_s:
            status = honcho.queue_status()
            raise SmokeFailed(
                f"Nothing was concluded from the messages within {patience_s:g} s: {status.pending_work_units} units of"
                f" work wait, {status.in_progress_work_units} are at work, {status.completed_work_units} done. The logs"
                " of DeriverFunction and TickFunction and the queues ending in -dead.fifo say why; often it is the key"
                " of the model, its limits, or the way to it (network)."
            )
        time.sleep(_POLL_S)
    say(f"  derivation: done after {time.monotonic() - began:.0f} s")


def _erase(honcho: Honcho, name: str, say: Callable[[str], None]) -> None:
    """Deleting takes what was written along, in the background; a failure here hides none of before."""
    try:
        with suppress(NotFoundError):
            honcho.session(_SESSION).delete()
        honcho.delete_workspace(name)
        say("  workspace: being erased")
    except (HonchoError, httpx.HTTPError) as error:
        say(f"  workspace {name} could not be erased: {type(error).__name__}")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SmokeFailed(
            f"It answers, but {otherwise}. The log of DeriverFunction and `python3 -m infra doctor` help."
        )
