"""Quotes: found where they stand whatever their white space, case and Unicode form, and nowhere else."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.domain.quotes import Wording

FOUND = [
    ("I live in Lisbon now.", "live in Lisbon", "live in Lisbon"),
    ("I live in Lisbon now.", "  LIVE in\nlisbon ", "live in Lisbon"),
    ("I  live\n\n\tin\u00a0Lisbon", "live in lisbon", "live\n\n\tin\u00a0Lisbon"),
    ("Caf\u00e9 de Flore", "cafe\u0301 DE", "Caf\u00e9 de"),
    ("Cafe\u0301 de Flore", "caf\u00e9", "Cafe\u0301"),
    ("Meine STRASSE ist lang", "stra\u00dfe", "STRASSE"),
    ("Meine Stra\u00dfe ist lang", "STRASSE IST", "Stra\u00dfe ist"),
    ("\u0130stanbul is home", "i\u0307stanbul is", "\u0130stanbul is"),
    ("my \ufb01sh", "fish", "\ufb01sh"),
    ("zero\u200bwidth\u00adtext", "zerowidthtext", "zero\u200bwidth\u00adtext"),
    ("\uff26\uff35\uff2c\uff2c width", "full", "\uff26\uff35\uff2c\uff2c"),
    ("\u6211\u4f4f\u5728\u91cc\u65af\u672c", "\u4f4f\u5728\u91cc\u65af", "\u4f4f\u5728\u91cc\u65af"),
    ("\ud55c\uad6d\uc5d0 \uc0b4\uc544\uc694", unicodedata.normalize("NFD", "\ud55c\uad6d\uc5d0"), "\ud55c\uad6d\uc5d0"),
    ("No. I do nothing. I do not.", "i do not", "I do not"),
    ("\U0001f600\U0001f600 I sing", "I sing", "I sing"),
    ("it is 5 o'clock", "5 o'clock", "5 o'clock"),
]
NOT_FOUND = [
    ("I do nothing", "I do not"),
    ("Italy is nice", "Italy is n"),
    ("unable to swim", "able to swim"),
    ("Caf\u00e9", "Cafe"),
    ("e\u0301a", "a"),
    ("\ud55c", "\u1112"),
    ("my \ufb01sh", "ish"),
    ("I live in Lisbon", "I live in Porto"),
    ("I live in Lisbon", ""),
    ("I live in Lisbon", " \n "),
    ("Well ... yes", "..."),
    ("a\u200bb", "\u200b"),
    ("", "a"),
]


@pytest.mark.parametrize(("text", "quote", "words"), FOUND)
def test_find_gives_where_the_words_stand_in_the_text_as_it_was_said(text: str, quote: str, words: str):
    span = Wording(text).find(quote)
    assert span is not None
    assert text[span[0] : span[1]] == words


@pytest.mark.parametrize(("text", "quote"), NOT_FOUND)
def test_find_when_the_words_are_not_there_gives_nothing(text: str, quote: str):
    assert Wording(text).find(quote) is None


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(st.text(st.characters(categories=("L", "N", "Mn", "P")), max_size=8), min_size=1, max_size=8), st.data()
)
@example(["A", "b"], None)
def test_find_of_whole_words_of_a_text_finds_words_that_read_the_same(parts: list[str], data: st.DataObject | None):
    text = " ".join(parts)
    first = data.draw(st.integers(0, len(parts) - 1)) if data else 0
    last = data.draw(st.integers(first, len(parts) - 1)) if data else 1
    quote = " ".join(parts[first : last + 1])
    span = Wording(text).find(quote.upper())
    if span is None:
        # Only what holds no letter, or changes with its case for good (a lone mark, a letter without a small form).
        assert not any(letter.isalnum() for letter in quote) or reads(quote.upper()) not in reads(text)
    else:
        assert reads(text[span[0] : span[1]]) == reads(quote.upper())


def reads(text: str) -> str:
    """The text as quotes compare it, made another way: all at once, with the order of accents settled."""
    seen = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", seen).casefold())
    return " ".join(folded.split())
