"""Quotes: the words of a message that a conclusion rests on, found again in what was really said."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

QuoteState = Literal["none", "unverified", "verified"]
"""None was given; one was given that the message does not hold; at least one was found. Sorts by strength."""

MAX_QUOTES = 10
# Scripts from here on, such as Thai or Chinese, put no spaces between words: a quote may begin anywhere.
_UNSPACED_FROM = 0x0E00


@dataclass(frozen=True, slots=True)
class Quote:
    """Where the words stand: from character `start` of the message's text up to `end`, which is not included.

    The words themselves stay in the message: when it is erased, nothing of it is left here.
    """

    message_id: str
    start: int
    end: int


class Wording:
    """The text of a message as quotes are looked for in it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def find(self, quote: str) -> tuple[int, int] | None:
        """Start and end of `quote` in the text, whatever its white space, case and Unicode form.

        Whole words only: "I do not" is not in "I do nothing". None when it is not there or says nothing.
        """
        wanted = "".join(piece for piece, _, _ in _pieces(quote)).strip()
        if not any(letter.isalnum() for letter in wanted):
            return None
        folded, starts, ends = self._folded
        at = folded.find(wanted)
        while at >= 0:
            last = at + len(wanted) - 1
            if self._is_whole(at, last):
                return starts[at], ends[last]
            at = folded.find(wanted, at + 1)
        return None

    @cached_property
    def _folded(self) -> tuple[str, list[int], list[int]]:
        """The text in one form, and for each letter of it where what it stands for begins and ends."""
        letters: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for piece, start, end in _pieces(self._text):
            letters.append(piece)
            starts += [start] * len(piece)
            ends += [end] * len(piece)
        return "".join(letters), starts, ends

    def _is_whole(self, first: int, last: int) -> bool:
        folded, starts, _ = self._folded
        return not (_goes_on(folded, starts, first - 1) or _goes_on(folded, starts, last))


def _goes_on(folded: str, starts: list[int], place: int) -> bool:
    """Whether a letter or a word goes on from `place` to the next one."""
    if place < 0 or place + 1 >= len(folded):
        return False
    return starts[place] == starts[place + 1] or (_is_in_word(folded[place]) and _is_in_word(folded[place + 1]))


def _is_in_word(letter: str) -> bool:
    return ord(letter) < _UNSPACED_FROM and (letter.isalnum() or unicodedata.combining(letter) != 0)


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """Each letter with its accents in one form, white space as one blank, what has no width as nothing."""
    place = 0
    while place < len(text):
        start, place = place, place + 1
        if text[start].isspace():
            while place < len(text) and text[place].isspace():
                place += 1
            yield " ", start, place
        elif unicodedata.category(text[start]) != "Cf":
            while place < len(text) and unicodedata.combining(text[place]):
                place += 1
            yield _plain(text[start:place]), start, place


def _plain(letter: str) -> str:
    # Folding the case can make letters that decompose again.
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
