"""Which words each generation of Claude is told to think with."""

import pytest

from shared.llm.anthropic_thinking import Thinking, can_be_forced, thinking_of


@pytest.mark.parametrize(
    "model",
    ["claude-3-7-sonnet-latest", "claude-sonnet-4-20250514", "claude-opus-4-1", "claude-haiku-4-5-20251001",
     "claude-opus-4-6", "anthropic.claude-haiku-4-5"],
)  # fmt: skip
def test_thinking_of_the_generations_up_to_4_6_is_a_budget_of_1024_at_least(model: str) -> None:
    assert thinking_of(model, 0) == Thinking("unsaid")
    assert thinking_of(model, 512) == Thinking("enabled", 1024)
    assert thinking_of(model, 2048) == Thinking("enabled", 2048)


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-sonnet-5", "claude-haiku-5-5", "claude-of-tomorrow"])
@pytest.mark.parametrize(
    ("asked", "effort", "room"), [(1024, "low", 4096), (2048, "medium", 4096), (8192, "high", 8192)]
)
def test_thinking_of_later_generations_is_an_effort_with_room_beside_the_answer(
    model: str, asked: int, effort: str, room: int
) -> None:
    assert thinking_of(model, asked) == Thinking("adaptive", room, effort)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("claude-opus-4-8", Thinking("unsaid")),
        ("claude-haiku-5-5", Thinking("disabled")),
        ("claude-sonnet-5-5", Thinking("between_tools", 1024)),
        ("claude-opus-5-5", Thinking("unsaid", 2048, "low")),
        ("claude-fable-5-1", Thinking("unsaid", 2048, "low")),
    ],
)
def test_thinking_of_none_is_off_or_as_little_as_the_model_can(model: str, said: Thinking) -> None:
    assert thinking_of(model, 0) == said


@pytest.mark.parametrize("model", ["claude-3-5-haiku-latest", "claude-3-opus-20240229", "claude-2.1"])
def test_thinking_of_a_model_that_cannot_think_is_dropped(model: str) -> None:
    assert thinking_of(model, 1024) == Thinking("unsaid")


@pytest.mark.parametrize(
    ("asked", "without", "said"),
    [
        (1024, ["thinking_adaptive"], Thinking("enabled", 1024)),
        (0, ["thinking_disabled"], Thinking("between_tools", 1024)),
        (0, ["thinking_disabled", "thinking_between_tools"], Thinking("unsaid", 2048, "low")),
    ],
)
def test_thinking_of_an_unknown_model_follows_what_it_objects_to(
    asked: int, without: list[str], said: Thinking
) -> None:
    assert thinking_of("claude-of-tomorrow", asked, without=without) == said


def test_thinking_of_a_conversation_without_signed_thoughts_has_no_budget() -> None:
    assert thinking_of("claude-haiku-4-5", 2048, is_signed=False) == Thinking("unsaid")
    assert thinking_of("claude-haiku-5-5", 2048, is_signed=False).form == "adaptive"


@pytest.mark.parametrize(
    ("model", "asked", "can"),
    [("claude-haiku-4-5", 0, True), ("claude-haiku-4-5", 1024, False), ("claude-sonnet-5", 1024, True),
     ("claude-opus-5-5", 0, False)],
)  # fmt: skip
def test_can_be_forced_only_without_a_budget_and_where_the_model_allows(model: str, asked: int, can: bool) -> None:
    assert can_be_forced(model, thinking_of(model, asked)) is can
