"""Questions about a whole workspace, asked over a real database."""

import pytest

from shared.memory import scopes
from shared.memory.recall import recall_of_all
from shared.reasoning.dialectic import Answered, answer, stream
from shared.reasoning.workspace import WorkspaceQuestion
from tests.support.scripted_model import calls

TIME = "[2031-05-06 07:00]"


@pytest.fixture
def crowd(memory):
    """Ada and bob live somewhere; bob and a scope hold the first of ada, too."""
    memory.hears("s", ("ada", "I live in Turin"), ("bob", "I live in Oslo"))
    memory.hears("t", ("cleo", "I live in Cairo"))
    scopes.get_or_create(memory.backends, memory.workspace, "team", metadata=None)
    return memory


def ask(memory, query: str = "Who lives in Turin?", **more) -> WorkspaceQuestion:
    return WorkspaceQuestion(memory.workspace, query, **{"level": "low", **more})


def told(request) -> tuple[str, str]:
    """Instructions and question."""
    system, question, *_ = request.turns
    return system.text, question.text


def test_answer_says_of_each_conclusion_whom_it_is_about_and_once_what_several_hold(crowd):
    [other] = crowd.concludes("bob", "ada", "s", "ada plans to leave Turin")
    crowd.concludes("bob", "ada", "s", "ada lives in Turin")
    [own] = crowd.concludes("ada", "ada", "s", "ada lives in Turin")
    backends, model = crowd.asks("Ada.")
    answered = answer(backends, ask(crowd))
    system, question = told(model.requests[0])
    assert f"{TIME} ada lives in Turin (id: {own[:5]}; about ada)" in question.split("\n")
    assert f"{TIME} ada plans to leave Turin (id: {other[:5]}; bob about ada)" in question.split("\n")
    assert question.count("ada lives in Turin") == 1
    assert "all peers of the workspace" in system
    assert {one.id for one in answered.evidence.conclusions} == {own, other}


def test_answer_leaves_out_what_scopes_hold(crowd):
    crowd.concludes("scope.team", "ada", None, "ada lives in Turin", level="deductive")
    backends, model = crowd.asks("Nobody.")
    assert answer(backends, ask(crowd)).evidence.conclusions == ()
    assert "<conclusions>" not in told(model.requests[0])[1]


def test_tools_search_all_conclusions_and_all_messages(crowd):
    ids = crowd.concludes("bob", "bob", "s", *(f"bob lives in house {number}" for number in range(26)))
    wanted = calls(("search_memory", {"query": "house", "top_k": 40}), ("search_messages", {"query": "live Cairo"}))
    backends, model = crowd.asks(wanted, "Cleo.")
    answered = answer(backends, ask(crowd, "Which house?"))
    memory_result, message_result = [turn.text for turn in model.requests[1].turns[-2:]]
    assert memory_result.startswith("<findings>\n26 conclusions:\n## Explicit\n")
    assert "; about bob)" in memory_result
    assert f"> {TIME} cleo: I live in Cairo" in message_result.split("\n")
    assert {one.id for one in answered.evidence.conclusions} == set(ids)


def test_answer_within_sessions_reads_explicit_conclusions_and_messages_of_these(crowd):
    crowd.concludes("ada", "ada", "s", "ada lives in Turin")
    crowd.concludes("cleo", "cleo", "t", "cleo lives in Turin")
    crowd.concludes("cleo", "cleo", "t", "cleo is at home in Turin", level="deductive")
    wanted = calls(("search_memory", {"query": "Turin"}), ("search_messages", {"query": "live"}))
    backends, model = crowd.asks(wanted, "Cleo.")
    answered = answer(backends, ask(crowd, sessions=("t",), session="t"))
    assert [one.content for one in answered.evidence.conclusions] == ["cleo lives in Turin"]
    assert {message.session for message in answered.evidence.messages} == {"t"}
    assert "only some of the workspace's sessions" in told(model.requests[0])[0]
    assert "<session_history>" in told(model.requests[0])[0]


def test_answer_within_no_sessions_reads_nothing(crowd):
    crowd.concludes("ada", "ada", "s", "ada lives in Turin")
    wanted = calls(("search_memory", {"query": "Turin"}), ("search_messages", {"query": "live"}))
    backends, _ = crowd.asks(wanted, "Nobody.")
    evidence = answer(backends, ask(crowd, sessions=())).evidence
    assert (evidence.conclusions, evidence.messages) == ((), ())


def test_stream_ends_with_the_whole(crowd):
    backends, model = crowd.asks("Ada lives in Turin.")
    *pieces, whole = stream(backends, ask(crowd, level="minimal"))
    assert "".join(pieces) == "Ada lives in Turin."
    assert isinstance(whole, Answered)
    assert "You can search once" in told(model.requests[0])[0]


def test_recall_of_all_gives_as_many_different_ones_as_asked(crowd):
    for observer in ("ada", "bob", "cleo"):
        crowd.concludes(observer, "ada", "s", "ada lives in Turin", "ada lives in a tower")
    [vector] = crowd.embedder.embed(["Turin"])
    found = recall_of_all(crowd.backends, crowd.workspace, "", vector, k=2)
    assert [one.content for one in found] == ["ada lives in Turin", "ada lives in a tower"]
    assert [one.observer for one in found] == ["ada", "ada"]
