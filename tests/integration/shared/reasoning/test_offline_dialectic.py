"""The keyless model goes every way that any model can go: each tool, several at once, a form, a stream."""

import json
from dataclasses import replace

import pytest

from shared.domain.conclusion import Collection
from shared.domain.summary import Summary
from shared.llm.offline import open_chat
from shared.reasoning.dialectic import Answered, Question, answer, stream
from shared.reasoning.tools import READING
from shared.reasoning.workspace import WorkspaceQuestion
from shared.settings.models import ModelSpec
from shared.store import cards, summaries
from tests.integration.shared.reasoning.conftest import THEN
from tests.support.scripted_model import FixedModels

QUESTIONS = {
    "search_memory": "Which instrument does ada play?",
    "search_messages": "Which instrument does ada play?",
    "grep_messages": 'Who said "over the moon"?',
    "get_messages_by_date_range": "What did ada do on 2031-05-06?",
    "get_conclusion_context": "How do you know that ada plays the zither?",
    "get_reasoning_chain": "Why does ada practise music?",
    "get_recent_conclusions": "Which instrument does ada play lately?",
    "get_most_derived_conclusions": "Which instrument does ada play most often?",
    "get_session_summary": "Give me a summary of this session.",
    "get_recent_history": "What was said last?",
    "get_peer_card": "What is on the card of ada?",
}


@pytest.fixture
def keyless(memory):
    """A memory with something for every tool, asked with the offline model."""
    said = memory.hears("s", ("ada", "I play the zither"), ("bob", "I am over the moon"), ("ada", "I moved to Turin"))
    [plays] = memory.concludes("ada", "ada", "s", "ada plays the zither", messages=said[:1])
    memory.concludes("ada", "ada", "s", "ada moved to Turin", messages=said[2:])
    memory.concludes("ada", "ada", None, "ada practises music", level="deductive", sources=[plays])
    with memory.backends.db.transaction() as conn:
        cards.put(conn, Collection(memory.workspace, "ada", "ada"), ["ada collects stamps"], THEN)
        written = Summary("short", "ada told of her zither and of Turin.", said[2].id, 3, 9, THEN)
        summaries.put(conn, memory.workspace, "s", written)
    models = FixedModels(open_chat(ModelSpec("offline", "rules-1")), memory.embedder)
    memory.backends = replace(memory.backends, models=models)
    return memory


def asked(memory, query: str, **more) -> Question:
    return Question(memory.workspace, "ada", "ada", query, "high", session="s", wants_evidence=True, **more)


def test_questions_are_there_for_every_tool():
    assert QUESTIONS.keys() == {one.definition.name for one in READING}


@pytest.mark.parametrize("tool", QUESTIONS)
def test_offline_model_uses_each_tool_where_the_question_asks_for_it(keyless, tool):
    if tool == "get_peer_card":
        question = WorkspaceQuestion(keyless.workspace, QUESTIONS[tool], "high", wants_evidence=True)
    else:
        question = asked(keyless, QUESTIONS[tool])
    answered = answer(keyless.backends, question)
    assert tool in {call.tool_name for call in answered.evidence.tool_calls}
    assert answered.content


def test_offline_model_asks_several_tools_in_one_turn_and_answers_from_them(keyless):
    answered = answer(keyless.backends, asked(keyless, 'Who said "over the moon"?'))
    assert [call.tool_name for call in answered.evidence.tool_calls] == [
        "search_memory",
        "search_messages",
        "grep_messages",
    ]
    assert "moon" in (answered.content or "")


def test_offline_model_answers_from_a_card_of_the_workspace(keyless):
    question = WorkspaceQuestion(keyless.workspace, "What is on the card of ada about stamps?", "high")
    assert "stamps" in (answer(keyless.backends, question).content or "")


def test_offline_model_follows_a_form_and_streams_it(keyless):
    form = {"type": "object", "properties": {"instrument": {"type": "string"}}, "required": ["instrument"]}
    *pieces, last = stream(keyless.backends, asked(keyless, "Which instrument does ada play?", answer_schema=form))
    assert isinstance(last, Answered)
    assert "zither" in json.loads("".join(map(str, pieces)))["instrument"]
    assert last.evidence.tool_calls


def test_offline_model_streams_an_answer_in_pieces(keyless):
    *pieces, last = stream(keyless.backends, asked(keyless, "Which instrument does ada play?"))
    assert isinstance(last, Answered)
    assert len(pieces) > 1
    assert "".join(map(str, pieces)) == last.content
