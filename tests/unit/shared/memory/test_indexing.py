"""Long messages in pieces."""

import pytest

from shared.llm import tokens
from shared.memory.indexing import split

TEXT = " ".join(f"word{number}" for number in range(300))


def test_split_of_a_short_text_is_the_text():
    assert list(split("hello there", 100)) == ["hello there"]


def test_split_of_a_long_text_has_pieces_within_the_limit_that_cover_it():
    pieces = list(split(TEXT, 50))
    assert all(tokens.count(piece) <= 50 for piece in pieces)
    end = 0
    for piece in pieces:
        start = TEXT.index(piece)
        assert start <= end
        end = start + len(piece)
    assert end == len(TEXT)


def test_split_overlaps_by_a_fifth_of_a_piece():
    first, second = list(split(TEXT, 50))[:2]
    overlap = len(first) - TEXT.index(second)
    assert tokens.count(first[-overlap:]) == pytest.approx(10, abs=2)


def test_split_gives_no_piece_that_lies_inside_another():
    pieces = list(split(TEXT, 50))
    assert not any(small in big for small in pieces for big in pieces if small is not big)


def test_split_of_letters_of_several_tokens_each_comes_to_an_end():
    pieces = list(split("𒀀𒀁𒀂", 1))
    assert 0 < len(pieces) <= 3
