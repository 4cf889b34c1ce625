import pytest

from shared.llm.offline_sentences import MAX_SENTENCE, sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("I ran. I slept!", ["I ran.", "I slept!"]),
        ("no full stop", ["no full stop"]),
        ("Dr. Smith paid 3.5 euros, e.g. for tea. Fine.", ["Dr. Smith paid 3.5 euros, e.g. for tea.", "Fine."]),
        ("J. R. Smith is here.", ["J. R. Smith is here."]),
        ("I wake at 6 a.m. and run. At 7 a.m. I eat.", ["I wake at 6 a.m. and run.", "At 7 a.m.", "I eat."]),
        ("Well... maybe... Yes.", ["Well... maybe...", "Yes."]),
        ('He said "Go. Now." and left. Bye.', ['He said "Go. Now." and left.', "Bye."]),
        ("Things:\n- one\n- two\n1. three", ["Things:", "one", "two", "three"]),
        ("a line that goes\non here", ["a line that goes on here"]),
        ("one line\nI begin another", ["one line", "I begin another"]),
        ("see `code`\n```\nI am code.\n```\nend", ["see code", "end"]),
        ("> I am quoted\nI am not", ["I am not"]),
        ("I love it 😍 My dog too", ["I love it.", "My dog too"]),
        ("我住在里斯本。我喜欢茶。", ["我住在里斯本。", "我喜欢茶。"]),
        ("!!! ... 👍", []),
        ("Really?!?! (Yes!!!) So...what", ["Really?!?!", "(Yes!!!)", "So...what"]),
        ("I like tea \t\xa0 \u3000 and milk.", ["I like tea and milk."]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, parts: list[str]):
    assert sentences(text) == parts


def test_sentences_when_one_is_too_long_are_cut_at_a_word():
    (cut,) = sentences("word " * 1000)
    assert len(cut) <= MAX_SENTENCE
    assert cut.endswith("word…")
