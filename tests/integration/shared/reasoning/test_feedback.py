"""What the memory has served is no news when it is said back."""

import uuid
from collections.abc import Generator

import pytest

from shared.backends import Backends
from shared.domain.clock import stamp
from shared.domain.conclusion import Collection
from shared.domain.message import MessageDraft
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.memory.context import ContextRequest, session_context
from shared.memory.record import record_messages
from shared.memory.represent import represent
from shared.reasoning.derive import derive
from shared.reasoning.dialectic import Question, answer
from shared.reasoning.summarize import summarize
from shared.store import cards, conclusions
from tests.support.backends import offline_backends

TURNS = 100
TALK = (
    ("ada", "Hi! I moved to Lisbon last week and I am allergic to peanuts."),
    ("agent", "Good to know. What do you like to eat?"),
    ("ada", "I love grilled fish. My sister Mia is a nurse, and she visits me in June."),
    ("agent", "Where do you work?"),
    ("ada", "At a bakery. I play the cello on Sundays."),
)


@pytest.fixture(scope="module")
def offline(database_dsn: str, owner_dsn: str) -> Generator[Backends]:
    sections = {
        "deriver": {"flush_enabled": True},
        "summary": {"messages_per_short_summary": 10, "messages_per_long_summary": 20},
    }
    with offline_backends(database_dsn, owner_dsn, sections) as opened:
        yield opened


def says(backends: Backends, workspace: str, *said: tuple[str, str]) -> None:
    record_messages(backends, workspace, "s", [MessageDraft(*one) for one in said])
    for peer in ("ada", "agent"):
        derive(backends, WakeUp(WorkUnit(workspace, TaskKind.DERIVE, "s", peer), 1))
    summarize(backends, WakeUp(WorkUnit(workspace, TaskKind.SUMMARY, "s"), 1))


def known(backends: Backends, workspace: str) -> dict[str, tuple[str, int]]:
    """What is concluded of either, by id: the text and how often it was derived."""
    with backends.db.reading() as conn:
        found = [
            one
            for peer in ("ada", "agent")
            for one in conclusions.newest(conn, Collection(workspace, peer, peer), most=500)
        ]
    return {one.id: (one.content, one.times_derived) for one in found}


def served(backends: Backends, workspace: str, turn: int) -> list[str]:
    """Everything that a turn's agent may have been given: context, transcript, card, search results, an answer."""
    context = session_context(backends, workspace, "s", ContextRequest(tokens=3000, target="ada"))
    transcript = "\n".join(f"{one.peer}: {one.content}" for one in context.messages[:4])
    stamped = "\n".join(f"[{stamp(one.created_at)}] {one.peer}: {one.content}" for one in context.messages[:4])
    ranked = represent(backends, Collection(workspace, "ada", "ada"), query="Where does ada live?")
    texts = [
        context.representation or "",
        context.summary.content if context.summary else "",
        "\n".join(context.card or ()),
        transcript,
        stamped,
        "What I know of ada:\n" + "\n".join(f"- {one.content}" for one in ranked),
        " ".join(f"{one.content}." for one in ranked),
    ]
    if turn % 10 == 0:
        question = Question(workspace, "ada", "ada", "What do you know about ada?", "low", session="s")
        texts.append(answer(backends, question).content or "")
    return [text for text in texts if text]


def test_served_context_echoed_back_for_a_hundred_turns_adds_no_conclusion(offline: Backends):
    workspace = f"w-{uuid.uuid4().hex[:10]}"
    says(offline, workspace, *TALK)
    with offline.db.transaction() as conn:
        card = ["IDENTITY: ada lives in Lisbon", "PREFERENCE: ada loves grilled fish"]
        cards.put(conn, Collection(workspace, "ada", "ada"), card, offline.clock.now())
    before = known(offline, workspace)
    assert len(before) >= 5

    for turn in range(TURNS):
        texts = served(offline, workspace, turn)
        echo = texts[turn % len(texts)]
        speaker = ("agent", "ada")[turn // len(texts) % 2]
        says(offline, workspace, (speaker, echo if turn % 3 else f"Thanks. Here is what you told me:\n{echo}"))
    assert known(offline, workspace) == before
