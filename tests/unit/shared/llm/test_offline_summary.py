import pytest

from shared.llm.offline import OfflineModel
from shared.llm.types import Completion, UserTurn
from shared.reasoning.prompts import render

MESSAGES = """[#1 2026-01-02 03:04:05] bob: Good morning! Where have you been all week?
[#2 2026-01-02 03:04:09] alice: I moved to Lisbon last week.
  I also adopted a cat called Tom.
[#3 2026-01-02 03:05:00] bob: ok
[#4 2026-01-02 03:06:00] bob: I will visit you tomorrow."""


def summary(
    words: int, earlier: str = "(none yet)", max_tokens: int = 1000, kind: str = "short", messages: str = MESSAGES
) -> str:
    prompt = render(f"summary_{kind}", custom_instructions="", words=str(words), earlier=earlier, messages=messages)
    return OfflineModel("offline/rules-1").complete(Completion((UserTurn(prompt),), "summary", max_tokens)).text


@pytest.mark.parametrize("kind", ["short", "long"])
def test_summary_tells_what_was_said_in_order_with_dates(kind: str):
    text = summary(200, kind=kind)
    moved, adopted = text.index("alice moved to Lisbon in the week of 2025-12-22."), text.index("alice also adopted")
    assert moved < adopted < text.index("bob will visit alice on 2026-01-03.")
    assert "bob: ok" not in text


@pytest.mark.parametrize("words", [3, 10, 20, 40])
def test_summary_keeps_within_its_words(words: int):
    assert 0 < len(summary(words, earlier="alice hates olives. bob likes tea.").split()) <= words


def test_summary_keeps_what_the_earlier_one_says():
    text = summary(200, earlier="alice hates olives. bob lives in Rome.")
    assert text.startswith("alice hates olives. bob lives in Rome.")
    assert "Lisbon" in text


def test_summary_when_the_earlier_one_is_long_leaves_room_for_what_is_new():
    earlier = " ".join(f"alice painted picture number {n}." for n in range(40))
    assert "Lisbon" in summary(60, earlier=earlier)


def test_summary_made_again_from_itself_repeats_nothing():
    once = summary(200)
    assert summary(200, earlier=once) == once


def test_summary_keeps_within_the_output_tokens():
    assert len(summary(200, max_tokens=12).split()) <= 9


@pytest.mark.parametrize("text", ["ok", "\N{THUMBS UP SIGN}", "hi 1", ""])
def test_summary_of_small_talk_says_that_nothing_was_said_until_something_is(text: str):
    chat = "\n".join(f"[#{place} 2026-01-02 03:04:05] alice: {text}" for place in range(1, 21))
    nothing = summary(10, messages=chat)
    assert nothing == "Nothing of note was said."
    assert summary(10, earlier=nothing, messages=chat) == nothing
    later = summary(200, earlier=nothing)
    assert "Lisbon" in later
    assert "Nothing" not in later
