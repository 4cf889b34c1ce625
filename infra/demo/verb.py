"""`demo`: watch a memory grow out of a conversation."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from infra.demo.conversation import ConversationInvalid, Said, read
from infra.demo.walk import DemoFailed, Walk
from infra.local import state
from infra.local.commands import ROOT
from shared.domain.errors import ServiceError
from shared.domain.ids import checked_name
from shared.domain.principal import Principal
from shared.memory import keys
from shared.settings import load

_QUICKSTART = [
    Said("alice", "Hi! I'm planning a dinner for six friends on Saturday."),
    Said("assistant", "Lovely. Is there anything I should know about you or your guests?"),
    Said("alice", "I'm allergic to peanuts, and my brother Tom is vegetarian."),
    Said("assistant", "Noted. What do you like to cook?"),
    Said("alice", "I love Portuguese food. I moved to Lisbon last year and I work as a nurse."),
    Said("assistant", "Then a caldo verde without chorizo would do. Shall I write the shopping list?"),
    Said("alice", "Yes please, and I prefer short lists."),
]
_QUICKSTART_QUESTION = "What should I keep in mind when I cook for alice?"
_QUICKSTART_SEARCH = "vegetarian"


def demo(argv: list[str]) -> int:
    """Run the walk against the running stack, or against one started for it."""
    arguments = _parser().parse_args(argv)
    console = Console(highlight=False)
    try:
        said = read(arguments.file) if arguments.file else _QUICKSTART
        peer = _peer(said, arguments.peer)
        question = arguments.ask or (f"What do you know about {peer}?" if arguments.file else _QUICKSTART_QUESTION)
        search = arguments.search or (_a_word_of(said, peer) if arguments.file else _QUICKSTART_SEARCH)
        workspace = checked_name(arguments.workspace or f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}", "--workspace")
        with _base_url(arguments, console) as url:
            key = _key(workspace, is_ours=arguments.base_url is None)
            Walk(console, url, workspace, said, peer, key=key).run(question, search)
    except (ConversationInvalid, DemoFailed, ServiceError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra demo",
        description="Tell a conversation to the memory through the published SDK, and ask it what it has learnt.",
    )
    parser.add_argument(
        "--file",
        type=Path,
        help='your own conversation: a JSON list of {"peer", "content"}, JSONL, or "Name: text" lines',
    )
    parser.add_argument("--peer", help="whom to ask about (default: who spoke most)")
    parser.add_argument("--ask", help="the question to ask")
    parser.add_argument("--search", help="what to search the messages for")
    parser.add_argument("--workspace", help="workspace to use (default: a new one)")
    parser.add_argument("--base-url", help="a server that runs elsewhere (default: the local stack)")
    parser.add_argument("--data", type=Path, default=ROOT / ".dev", help=argparse.SUPPRESS)
    return parser


@contextmanager
def _base_url(arguments: argparse.Namespace, console: Console) -> Generator[str]:
    """The server to talk to; a stack of our own where none is running, stopped again at the end."""
    from infra.local.stack import Stack, StackFailed

    running = None if arguments.base_url else state.running(arguments.data.absolute())
    if arguments.base_url or running is not None:
        yield arguments.base_url or running.base_url  # pyright: ignore[reportOptionalMemberAccess] either is there
        return
    console.print("No stack is running: starting one for this demo …", style="dim")
    try:
        with Stack(arguments.data.absolute()) as stack:
            yield stack.base_url
    except StackFailed as error:
        raise DemoFailed(str(error)) from error
    console.print("The stack has been stopped again. 'python3 -m infra up' keeps one running.", style="dim")


def _key(workspace: str, *, is_ours: bool) -> str | None:
    """What opens the workspace: HONCHO_API_KEY, or for our own stack, where it asks for keys, one for an hour."""
    auth, given = load(folder=ROOT).auth, os.environ.get("HONCHO_API_KEY")
    if given or not (is_ours and auth.use_auth):
        return given
    now = datetime.now(UTC)
    return keys.issue(auth, Principal(workspace=workspace), now=now, expires_at=now + timedelta(hours=1)).token


def _peer(said: list[Said], wanted: str | None) -> str:
    authors = Counter(message.peer for message in said)
    if wanted is not None:
        if wanted not in authors:
            raise DemoFailed(f"{wanted!r} says nothing in this conversation; peers: {', '.join(sorted(authors))}")
        return wanted
    assistants = {"assistant", "agent", "bot", "ai", "system"}
    return max(authors, key=lambda peer: (peer.lower() not in assistants, authors[peer]))


def _a_word_of(said: list[Said], peer: str) -> str:
    """A long word of the peer's: something a search should find again."""
    words = [word.strip(".,;:!?\"'()") for message in said if message.peer == peer for word in message.content.split()]
    return max(words, key=len)
