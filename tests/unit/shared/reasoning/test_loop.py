"""The agent loop: tools, limits, corrections and streams."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pydantic import BaseModel

from shared.domain.errors import AnswerUnreadable, ModelUnavailable
from shared.llm.types import (
    AssistantTurn,
    Completion,
    Delta,
    Reply,
    SystemTurn,
    TextDelta,
    ToolTurn,
    Turn,
    Usage,
    UserTurn,
)
from shared.reasoning.loop import Agent, Limits, Outcome, Progress, run_agent, stream_agent
from shared.reasoning.prompts import render
from shared.reasoning.toolkit import Rephrase, ToolResult, ToolSet, tool
from tests.support.scripted_model import Line, ScriptedModel, calls


class Look(BaseModel):
    at: str


@tool(Look)
def look(context: dict[str, str], args: Look) -> ToolResult:
    """Look at something."""
    return ToolResult(context[args.at])


LOOK_AT_SKY = ("look", {"at": "sky"})


def agent(
    *script: Line,
    iterations: int = 3,
    choice: str = "auto",
    max_input_tokens: int = 100_000,
    accept: Callable[[str], str] | None = None,
    seen: dict[str, str] | None = None,
) -> tuple[Agent, ScriptedModel]:
    model = ScriptedModel(script)
    tools = ToolSet((look,), seen or {"sky": "blue", "grass": "green"}, max_output_chars=100_000)
    limits = Limits(iterations, max_input_tokens, 250, timeout_s=60)
    return Agent(model, "Be kind.", "What is blue?", tools, limits, "test", choice, accept=accept), model


def shown(request: Completion) -> list[Turn]:
    return list(request.turns)


def texts(request: Completion) -> list[str]:
    return [turn.text for turn in request.turns]


def split(pieces: Iterator[str | Outcome]) -> tuple[list[str], Outcome]:
    *parts, outcome = pieces
    assert isinstance(outcome, Outcome)
    return [part for part in parts if isinstance(part, str)], outcome


def test_run_when_the_model_uses_a_tool_shows_it_the_result_and_returns_its_answer():
    one, model = agent(calls(LOOK_AT_SKY), "The sky is.")
    outcome = run_agent(one)
    assert outcome.text == "The sky is."
    assert shown(model.requests[1]) == [
        SystemTurn("Be kind."),
        UserTurn("What is blue?"),
        AssistantTurn("", calls(LOOK_AT_SKY).tool_calls),
        ToolTurn("call-1", "look", "blue"),
    ]


def test_run_sums_the_usage_of_all_turns():
    outcome = run_agent(agent(calls(LOOK_AT_SKY), "The sky is.")[0])
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens, outcome.usage.cached_tokens) == (20, 4, 4)
    assert outcome.turns == 2


@pytest.mark.parametrize("forced", ["any", "look"])
def test_run_when_a_tool_is_forced_forces_it_in_the_first_turn_only(forced: str):
    one, model = agent(calls(LOOK_AT_SKY), calls(LOOK_AT_SKY), "The sky is.", choice=forced)
    run_agent(one)
    assert [request.choice for request in model.requests] == [forced, "auto", "auto"]


def test_run_when_a_tool_is_forced_leaves_room_for_its_arguments():
    one, model = agent(calls(LOOK_AT_SKY), "The sky is.", choice="any")
    run_agent(one)
    assert [request.max_output_tokens for request in model.requests] == [1024, 250]


def test_run_when_iterations_are_used_up_asks_once_more_without_tools():
    one, model = agent(calls(LOOK_AT_SKY), calls(("look", {"at": "grass"})), "Sky.", iterations=2)
    outcome = run_agent(one)
    assert outcome.text == "Sky."
    # The last turn knows the tools as those before did, and may call none.
    assert [(len(one.tools), one.choice) for one in model.requests] == [(1, "auto"), (1, "auto"), (1, "none")]
    assert texts(model.requests[2])[-2:] == ["green", render("answer_now")]


def test_run_when_there_are_no_iterations_asks_once_without_tools():
    one, model = agent("Sky.", iterations=0, choice="any")
    assert run_agent(one).text == "Sky."
    assert (model.requests[0].tools, texts(model.requests[0])) == ((), ["Be kind.", "What is blue?"])


def test_run_when_the_answer_is_empty_nudges_once():
    one, model = agent("  ", "Sky.")
    assert run_agent(one).text == "Sky."
    assert texts(model.requests[1])[-1] == render("nudge")


def test_run_when_the_answer_stays_empty_gives_an_empty_answer():
    one, model = agent("", "")
    assert (run_agent(one).text, len(model.requests)) == ("", 2)


def test_run_when_the_answer_is_empty_in_the_last_iteration_does_not_nudge():
    one, model = agent("", iterations=1)
    assert (run_agent(one).text, len(model.requests)) == ("", 1)


def test_run_when_arguments_are_no_json_tells_the_model():
    one, model = agent(calls(("look", None)), "Sky.")
    outcome = run_agent(one)
    assert "not valid JSON" in texts(model.requests[1])[-1]
    assert [used.is_ok for used in outcome.used] == [False]


def test_run_when_the_conversation_is_too_long_drops_the_oldest_results_and_keeps_the_question():
    long = {str(number): f"{number} " * 400 for number in range(4)}
    script = [calls(("look", {"at": key})) for key in long]
    one, model = agent(*script, "Sky.", iterations=5, max_input_tokens=2000, seen=long)
    run_agent(one)
    last = model.requests[-1]
    assert texts(last)[:2] == ["Be kind.", "What is blue?"]
    results = [turn.text for turn in last.turns if isinstance(turn, ToolTurn)]
    assert results == [long["2"], long["3"]]
    assert sum(isinstance(turn, AssistantTurn) for turn in last.turns) == 2


def test_run_when_even_the_newest_result_is_too_long_keeps_it():
    one, model = agent(calls(LOOK_AT_SKY), "Sky.", max_input_tokens=50, seen={"sky": "blue " * 500})
    run_agent(one)
    assert texts(model.requests[1])[-1] == "blue " * 500


def test_run_when_time_runs_short_answers_with_what_it_has():
    moments = iter([0.0, 0.0, 50.0, 50.0])
    one, model = agent(calls(LOOK_AT_SKY), "Sky.")
    run_agent(one, now=lambda: next(moments))
    assert texts(model.requests[1])[-1] == render("answer_now")
    assert (model.requests[1].choice, model.requests[1].timeout_s) == ("none", 10.0)


def test_run_when_the_time_is_used_up_raises_unavailable():
    moments = iter([0.0, 0.0, 61.0, 61.0])
    with pytest.raises(ModelUnavailable):
        run_agent(agent(calls(LOOK_AT_SKY), "Sky.")[0], now=lambda: next(moments))


def test_run_when_the_model_is_unavailable_raises_it():
    with pytest.raises(ModelUnavailable):
        run_agent(agent(calls(LOOK_AT_SKY), ModelUnavailable())[0])


def shouting(text: str) -> str:
    if not text.isupper():
        raise Rephrase("It must be loud.")
    return text + "!"


def test_run_when_the_answer_is_not_accepted_asks_for_a_correction_with_the_reason():
    one, model = agent("sky", "SKY", accept=shouting)
    assert run_agent(one).text == "SKY!"
    assert texts(model.requests[1])[-2:] == ["sky", render("repair_answer", problem="It must be loud.")]


def test_run_when_the_correction_is_not_accepted_either_raises_unreadable():
    with pytest.raises(AnswerUnreadable):
        run_agent(agent("sky", "sky", accept=shouting)[0])


def test_stream_forwards_the_answer_in_pieces_and_generates_it_once():
    one, model = agent(calls(LOOK_AT_SKY), "The sky is blue.")
    pieces, outcome = split(stream_agent(one))
    assert len(pieces) > 1
    assert "".join(pieces) == outcome.text == "The sky is blue."
    assert (model.streamed, len(model.requests), model.is_finished) == (2, 2, True)


def test_stream_when_few_words_come_before_a_tool_forwards_the_answer_only():
    one, _ = agent(calls(LOOK_AT_SKY, text="Let me see."), "The sky.")
    pieces, outcome = split(stream_agent(one))
    assert "".join(pieces) == outcome.text == "The sky."


def test_stream_when_many_words_come_before_a_tool_keeps_them_as_a_preamble():
    said = "Let me see. " * 20
    one, _ = agent(calls(LOOK_AT_SKY, text=said), "The sky.")
    pieces, outcome = split(stream_agent(one))
    assert "".join(pieces) == outcome.text == said + "\n\nThe sky."


def test_stream_when_a_tool_is_forced_holds_back_the_text_before_it():
    one, _ = agent(calls(LOOK_AT_SKY, text="Let me see."), "The sky.", choice="any")
    assert "".join(split(stream_agent(one))[0]) == "The sky."


def test_stream_when_a_forced_tool_is_not_called_still_forwards_the_answer():
    one, _ = agent("The sky.", choice="any")
    assert "".join(split(stream_agent(one))[0]) == "The sky."


def test_stream_when_only_white_space_comes_before_a_tool_forwards_none_of_it():
    one, _ = agent(calls(LOOK_AT_SKY, text=" \n "), "The sky.")
    assert "".join(split(stream_agent(one))[0]) == "The sky."


def test_stream_forwards_the_first_piece_before_the_model_has_finished():
    one, _ = agent(calls(LOOK_AT_SKY), "The sky is blue.", iterations=1)
    assert next(iter(stream_agent(one))) == "The "


def test_stream_of_a_turn_that_may_call_a_tool_forwards_what_is_longer_than_a_preamble_before_its_end():
    class Endless(ScriptedModel):
        def stream(self, request: Completion) -> Iterator[Delta]:
            yield TextDelta("x" * 100)
            yield TextDelta("y" * 100)
            raise AssertionError("asked on before the first words were out")

    one, _ = agent()
    pieces = stream_agent(replace(one, model=Endless([])))
    assert [next(pieces), next(pieces)] == ["x" * 100, "y" * 100]


def test_stream_when_the_answer_must_be_accepted_forwards_it_whole():
    pieces, _ = split(stream_agent(agent("sky", "SKY", accept=shouting)[0]))
    assert pieces == ["SKY!"]


def test_stream_when_the_model_ends_without_a_reply_raises_unavailable():
    class Cut(ScriptedModel):
        def stream(self, request: Completion) -> Iterator[Reply]:
            return iter(())

    one, _ = agent()
    with pytest.raises(ModelUnavailable):
        list(stream_agent(Agent(Cut([]), one.system, one.question, one.tools, one.limits, "test")))


def doing(*script: Line, iterations: int = 3, max_total_tokens: int | None = None) -> tuple[Agent, ScriptedModel]:
    """An agent whose result is what its tools did."""
    one, model = agent(*script, iterations=iterations)
    limits = replace(one.limits, max_total_tokens=max_total_tokens)
    return replace(one, wants_text=False, limits=limits), model


def test_run_without_a_wish_for_text_ends_at_its_iterations_without_a_last_call():
    one, model = doing(calls(LOOK_AT_SKY), calls(LOOK_AT_SKY), iterations=2)
    outcome = run_agent(one)
    assert (outcome.is_cut, outcome.text, len(outcome.used)) == (True, "", 2)
    assert model.is_finished


@pytest.mark.parametrize("said", ["done", ""])
def test_run_without_a_wish_for_text_ends_with_whatever_is_no_tool_call(said: str):
    one, model = doing(calls(LOOK_AT_SKY), said)
    assert run_agent(one).is_cut is False
    assert model.is_finished


def test_run_goes_no_further_once_its_tokens_are_spent():
    # Each call of the script takes twelve.
    one, model = doing(*[calls(LOOK_AT_SKY)] * 3, max_total_tokens=24)
    outcome = run_agent(one)
    assert (len(model.requests), outcome.is_cut) == (2, True)


def test_run_whose_last_call_takes_all_its_time_keeps_what_its_tools_did():
    moments = iter([0.0, 0.0, 10.0, 10.0, 60.0])
    one, _ = doing(calls(LOOK_AT_SKY), ModelUnavailable())
    outcome = run_agent(one, now=lambda: next(moments))
    assert (outcome.is_cut, len(outcome.used)) == (True, 1)


def test_run_in_an_outage_with_time_left_fails():
    one, _ = doing(calls(LOOK_AT_SKY), ModelUnavailable())
    with pytest.raises(ModelUnavailable):
        run_agent(one, now=lambda: 0.0)


def test_run_that_is_late_stops_before_the_next_call():
    moments = iter([0.0, 0.0, 50.0])
    one, model = doing(calls(LOOK_AT_SKY))
    assert run_agent(one, now=lambda: next(moments)).is_cut
    assert model.is_finished


def silent(*script: Line, iterations: int = 6) -> tuple[Agent, ScriptedModel]:
    """An agent whose tools' doings are the result."""
    one, model = agent(*script, iterations=iterations)
    return replace(one, wants_text=False), model


def test_run_that_is_paused_after_any_turn_and_continued_asks_the_same():
    script: list[Line] = [calls(LOOK_AT_SKY), calls(LOOK_AT_SKY, text="Again."), "", "done"]
    whole, model = silent(*script)
    expected = run_agent(whole)
    assert expected.turns == 3
    for pause in range(1, 3):
        one, first = silent(*script)
        left: list[Progress] = []

        def goes_on(progress: Progress, pause: int = pause, left: list[Progress] = left) -> bool:
            left.append(progress)
            return progress.turns < pause

        paused = run_agent(one, goes_on=goes_on)
        assert (paused.is_paused, paused.is_cut, len(first.requests)) == (True, False, pause)
        other, second = silent(*script[pause:])
        # Whoever continues it may have put another question by now.
        ended = run_agent(replace(other, question="What is red?"), begun=left[-1])
        assert [one.turns for one in [*first.requests, *second.requests]] == [one.turns for one in model.requests]
        assert (ended.usage, ended.turns, ended.is_paused) == (expected.usage, expected.turns, False)


def test_run_that_is_continued_has_only_the_iterations_tokens_and_seconds_left():
    begun = Progress("What is blue?", usage=Usage(90, 5), turns=3, seconds=50)
    one, model = silent(*[calls(LOOK_AT_SKY)] * 9, iterations=5)
    assert run_agent(one, begun=replace(begun, seconds=0)).turns == 5
    assert len(model.requests) == 2
    one, model = silent(*[calls(LOOK_AT_SKY)] * 9, iterations=9)
    spent = replace(one, limits=replace(one.limits, max_total_tokens=100))
    assert run_agent(spent, begun=replace(begun, seconds=0)).is_cut
    assert len(model.requests) == 1
    one, model = silent(*[calls(LOOK_AT_SKY)] * 9, iterations=9)
    # Of 60 seconds 10 are left: less than the last quarter.
    assert run_agent(one, begun=begun).is_cut
    assert model.requests == []
