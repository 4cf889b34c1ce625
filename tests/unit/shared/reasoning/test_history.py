"""What of a conversation is sent when not everything fits."""

from hypothesis import given
from hypothesis import strategies as st

from shared.llm import tokens
from shared.llm.types import AssistantTurn, SystemTurn, ToolCall, ToolTurn, UserTurn
from shared.reasoning.history import History

CALL = AssistantTurn("", (ToolCall("1", "look", {"at": "sky"}),))


def history(*results: str) -> History:
    talk = History("Be kind.", "What is blue?")
    for result in results:
        talk.add(CALL, ToolTurn("1", "look", result))
    return talk


def results(talk: History, max_tokens: int, besides: str = "") -> list[str]:
    return [turn.text for turn in talk.fitted(max_tokens, besides=besides) if isinstance(turn, ToolTurn)]


def test_fitted_when_everything_fits_sends_everything_in_order():
    assert results(history("a", "b", "c"), 1000) == ["a", "b", "c"]


def test_fitted_when_something_must_go_drops_whole_units_oldest_first():
    talk = history("one " * 100, "two " * 100, "three " * 100)
    sent = talk.fitted(280)
    assert sent[:2] == (SystemTurn("Be kind."), UserTurn("What is blue?"))
    assert [turn.text[:4] for turn in sent[2:]] == ["", "two ", "", "thre"]


def test_fitted_counts_the_tools_that_are_told_beside_the_turns():
    talk = history("one " * 100, "two " * 100)
    assert len(results(talk, 400)) == 2
    assert len(results(talk, 400, besides="word " * 200)) == 1


def test_fitted_when_text_has_many_tokens_for_its_length_stays_within_the_limit():
    dense = ["".join(chr(0x4E00 + (7919 * i + 31 * j) % 20000) for i in range(300)) for j in range(6)]
    sent = history(*dense).fitted(1500)
    assert sum(tokens.count(turn.text) for turn in sent) <= 1500


def test_extend_keeps_what_is_said_about_a_unit_with_it():
    talk = history("one " * 500, "two " * 500)
    talk.extend(UserTurn("Answer now."))
    assert [turn.text[:4] for turn in talk.fitted(600)[2:]] == ["", "two ", "Answ"]


def test_extend_when_there_is_no_unit_begins_one():
    talk = history()
    talk.extend(UserTurn("Answer now."))
    assert talk.fitted(100)[2:] == (UserTurn("Answer now."),)


@given(st.lists(st.integers(1, 400), max_size=12), st.integers(100, 900))
def test_kept_units_are_sent_as_the_whole_would_be_however_often_the_rest_is_dropped(sizes: list[int], most: int):
    whole, pruned = history(), history()
    for size in sizes:
        unit = (CALL, ToolTurn("1", "look", "word " * size))
        whole.add(*unit)
        pruned = History("Be kind.", "What is blue?", pruned.kept(most))
        pruned.add(*unit)
        assert pruned.fitted(most) == whole.fitted(most)
