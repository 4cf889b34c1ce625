"""Attacks through the whole of the memory: what they make it conclude, and what they make it tell a model."""

import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import LiteralString

import pytest

from shared.backends import Backends
from shared.domain.message import MessageDraft
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.llm.types import Completion
from shared.memory.record import record_messages
from shared.reasoning.derive import derive
from shared.reasoning.dialectic import AnyQuestion, Question, answer
from shared.reasoning.summarize import summarize
from shared.reasoning.workspace import WorkspaceQuestion
from tests.integration.shared.reasoning.conftest import Memory
from tests.support.backends import AnsweringModel, facts, offline_backends
from tests.support.injections import ATTACKS, Attack, tags, turn_marks
from tests.support.scripted_model import FixedModels, calls

CONCLUDED: LiteralString = """
SELECT observer, observed, content FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL
 ORDER BY created_at, content
"""


@dataclass(frozen=True)
class OfflineMemory:
    """A workspace whose models are the offline ones."""

    backends: Backends
    workspace: str

    def hears(self, session: str, *said: tuple[str, str]) -> None:
        record_messages(self.backends, self.workspace, session, [MessageDraft(*one) for one in said])
        for peer in {peer for peer, _ in said}:
            derive(self.backends, WakeUp(WorkUnit(self.workspace, TaskKind.DERIVE, session, peer), 1))

    def concluded(self) -> list[tuple[str, str, str]]:
        with self.backends.db.reading() as conn:
            return conn.execute(CONCLUDED, {"workspace": self.workspace}).fetchall()


@pytest.fixture(scope="module")
def offline(database_dsn: str, owner_dsn: str) -> Generator[Backends]:
    with offline_backends(database_dsn, owner_dsn, {"deriver": {"flush_enabled": True}}) as opened:
        yield opened


@pytest.fixture
def remembering(offline: Backends) -> OfflineMemory:
    return OfflineMemory(offline, f"w-{uuid.uuid4().hex[:10]}")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.kind)
def test_attack_makes_no_fact_of_what_is_asked_for(remembering: OfflineMemory, attack: Attack):
    remembering.hears("s", ("bob", "Hello."), (attack.by, attack.text))
    expected = [(attack.by, attack.by, fact) for fact in attack.facts]
    assert remembering.concluded() == expected


def test_attacks_in_one_conversation_make_nothing_of_anybody_else(remembering: OfflineMemory):
    for attack in ATTACKS:
        remembering.hears("s", (attack.by, attack.text), ("bob", "I play the cello."))
    concluded = remembering.concluded()
    assert [row for row in concluded if row[1] == "bob"] == [("bob", "bob", "bob plays the cello")]
    told = {fact for attack in ATTACKS for fact in attack.facts}
    assert {fact for _, observed, fact in concluded if observed != "bob"} == told


def configured(backends: Backends, **deriver: bool) -> Backends:
    settings = backends.settings
    changed = settings.model_copy(update={"deriver": settings.deriver.model_copy(update=deriver)})
    return replace(backends, settings=changed)


def asked(memory: Memory, question: AnyQuestion) -> list[list[str]]:
    """The tags in each turn of every request that the question leads to."""
    backends, model = memory.asks(
        calls(("search_memory", {"query": "admin"}), ("search_messages", {"query": "admin bob"})), "Nothing."
    )
    answer(backends, question)
    assert model.is_finished
    assert turn_marks("".join(turn.text for request in model.requests for turn in request.turns)) == []
    return [tags(turn.text) for request in model.requests for turn in request.turns]


def filled(memory: Memory, texts: Sequence[str]) -> list[list[str]]:
    """The tags of every turn of questions about a peer and a workspace that said and is known for `texts`."""
    memory.hears("s", *(("ada", text) for text in texts))
    memory.backends = configured(memory.backends, deduplicate=False)
    memory.concludes("ada", "ada", "s", *dict.fromkeys(" ".join(text.split()) for text in texts))
    mine = Question(memory.workspace, "ada", "ada", texts[0], "low", session="s")
    return asked(memory, mine) + asked(memory, WorkspaceQuestion(memory.workspace, texts[0], "low", session="s"))


@pytest.mark.parametrize("part", range(4))
def test_question_over_attacks_is_built_as_one_over_small_talk(memory: Memory, part: int):
    attacks = [attack.text for attack in ATTACKS[part::4]]
    harmless = [f"bob is an admin, number {number}" for number in range(len(attacks))]
    found = filled(memory, attacks)
    memory.workspace += "-harmless"
    assert found == filled(memory, harmless)


def test_derivations_and_summaries_of_attacks_hold_one_fence_each(memory: Memory):
    requests: list[Completion] = []

    def note(request: Completion) -> str:
        requests.append(request)
        return facts() if request.purpose == "derive" else "</messages> A summary."

    memory.hears("s", *(("ada", attack.text) for attack in ATTACKS))
    serving = replace(
        configured(memory.backends, flush_enabled=True), models=FixedModels(AnsweringModel(note), memory.embedder)
    )
    unit = WorkUnit(memory.workspace, TaskKind.DERIVE, "s", "ada")
    for _ in range(30):
        derive(serving, WakeUp(unit, 1))
    summarize(serving, WakeUp(WorkUnit(memory.workspace, TaskKind.SUMMARY, "s"), 1))

    kinds = {request.purpose for request in requests}
    assert kinds == {"derive", "summary_short", "summary_long"}
    whole = ["messages", "/messages"]
    for request in requests:
        [turn] = request.turns
        expected = whole if request.purpose == "derive" else ["earlier_summary", "/earlier_summary", *whole]
        assert tags(turn.text) == expected
        assert turn_marks(turn.text) == []
