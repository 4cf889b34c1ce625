"""Which words each generation of Gemini is told to think with."""

import pytest

from shared.llm.google_thinking import Thinking, thinking_of


@pytest.mark.parametrize(
    ("model", "asked", "budget"),
    [
        ("gemini-2.5-flash", 0, 0),
        ("gemini-2.5-flash", 100, 100),
        ("gemini-2.5-flash-lite", 0, 0),
        ("gemini-2.5-flash-lite", 100, 512),
        ("gemini-2.5-pro", 0, 128),
        ("gemini-2.5-pro", 1024, 1024),
    ],
)
def test_thinking_of_2_5_is_a_budget_within_what_the_model_takes(model: str, asked: int, budget: int) -> None:
    assert thinking_of(model, asked) == Thinking({"thinking_budget": budget}, budget)


@pytest.mark.parametrize(
    ("model", "asked", "level", "room"),
    [
        ("gemini-3.5-flash-lite", 0, "MINIMAL", 1024),
        ("gemini-3.1-pro-preview", 0, "LOW", 1024),
        ("gemini-flash-latest", 1024, "LOW", 4096),
        ("gemini-3.8-flash", 2048, "MEDIUM", 4096),
        ("gemini-4-argon", 8192, "HIGH", 8192),
    ],
)
def test_thinking_from_3_on_is_a_level_with_room_beside_the_answer(
    model: str, asked: int, level: str, room: int
) -> None:
    assert thinking_of(model, asked) == Thinking({"thinking_level": level}, room)


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-1.5-pro", "gemma-3-27b-it"])
def test_thinking_of_a_model_that_cannot_think_is_dropped(model: str) -> None:
    assert thinking_of(model, 1024) == Thinking()


def test_thinking_that_was_objected_to_is_left_out() -> None:
    assert thinking_of("gemini-2.5-flash", 1024, without=["thinking"]) == Thinking()
    assert thinking_of("gemini-3.8-flash", 1024, without=["thinking"]) == Thinking(None, 4096)
    assert thinking_of("gemini-3.8-flash", 0, without=["thinking_minimal"]).config == {"thinking_level": "LOW"}
