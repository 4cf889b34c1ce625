"""The published SDK, unmodified, against the running stack: what its own introduction shows."""

import uuid
from datetime import UTC, datetime

import pytest
from honcho import Honcho

from infra.local.stack import Stack
from tests.support.stack import drained


@pytest.fixture
def honcho(stack: Stack) -> Honcho:
    return Honcho(workspace_id=f"sdk-{uuid.uuid4().hex[:8]}", base_url=stack.base_url)


def test_quickstart_when_followed_step_by_step_remembers(stack: Stack, honcho: Honcho) -> None:
    alice, tutor = honcho.peer("alice"), honcho.peer("tutor")
    session = honcho.session("session-1")
    session.add_messages(
        [
            alice.message("Hey there, can you help me with my math homework? I live in Lisbon."),
            tutor.message("Absolutely. Send me your first problem!"),
            alice.message("I am allergic to peanuts, so no snacks please."),
        ]
    )
    drained(stack.base_url, honcho.workspace_id)

    answer = alice.chat("What is alice allergic to?")
    context = session.context(summary=True, tokens=10_000)
    hits = session.search("peanuts")

    assert "peanuts" in (answer or "")
    assert [turn["role"] for turn in context.to_openai(assistant=tutor)] == ["user", "assistant", "user"]
    assert [hit.content for hit in hits][:1] == ["I am allergic to peanuts, so no snacks please."]
    assert "Lisbon" in session.representation(alice)


def test_chat_when_evidence_is_asked_for_names_the_messages_it_rests_on(stack: Stack, honcho: Honcho) -> None:
    alice = honcho.peer("alice")
    session = honcho.session("s")
    [said] = session.add_messages(alice.message("I play the cello in a quartet."))
    drained(stack.base_url, honcho.workspace_id)

    answer = alice.chat("Which instrument does alice play?", include_evidence=True)

    assert "cello" in (answer.content or "")
    assert answer.evidence is not None
    assert said.id in [message.id for message in answer.evidence.messages]
    assert any("cello" in conclusion.content for conclusion in answer.evidence.conclusions)


def test_chat_stream_when_read_to_its_end_gives_the_answer_in_pieces(stack: Stack, honcho: Honcho) -> None:
    alice = honcho.peer("alice")
    honcho.session("s").add_messages(alice.message("My dog is called Bruno."))
    drained(stack.base_url, honcho.workspace_id)

    pieces = list(alice.chat_stream("What is the name of alice's dog?"))

    assert len(pieces) > 1
    assert "Bruno" in "".join(pieces)


@pytest.mark.parametrize("year", [1, 999, 9999])
def test_messages_at_an_end_of_the_calendar_are_read_as_any_other(stack: Stack, honcho: Honcho, year: int) -> None:
    alice = honcho.peer("alice")
    said = alice.message(
        "I moved to Lisbon. I will visit Rome next week.", created_at=datetime(year, 12, 31, tzinfo=UTC)
    )
    honcho.session("s").add_messages(said)
    drained(stack.base_url, honcho.workspace_id)

    assert f"[{year:04}-12-31 00:00:00] alice moved to Lisbon" in alice.representation()
    assert "Rome" in (alice.chat("Which city will alice visit?") or "")


def test_chat_when_nothing_is_known_says_so(honcho: Honcho) -> None:
    honcho.peer("stranger")

    answer = honcho.peer("stranger").chat("What is the stranger's favourite colour?")

    assert "Nothing" in (answer or "")


def test_conclusions_when_created_are_listed_and_found_by_meaning(honcho: Honcho) -> None:
    alice = honcho.peer("alice")
    honcho.session("s").add_peers(alice)
    alice.conclusions.create([{"content": "alice collects old maps", "session_id": "s"}])

    listed = list(alice.conclusions.list())
    found = alice.conclusions.query("cartography and maps", top_k=1)

    assert [conclusion.content for conclusion in listed] == ["alice collects old maps"]
    assert [conclusion.content for conclusion in found] == ["alice collects old maps"]


def test_card_when_set_is_read_back(honcho: Honcho) -> None:
    alice = honcho.peer("alice")

    alice.set_card(["IDENTITY: alice is a nurse"])

    assert alice.get_card() == ["IDENTITY: alice is a nurse"]
