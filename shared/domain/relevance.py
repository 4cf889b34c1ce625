"""How well a message answers a query: rare words weigh more, and words and meaning add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

# A message that has every word of the query must beat one that is merely nearest in meaning, so even a long
# one (SATURATED at MAX_NORM gives 0.42) has to reach what meaning alone can give.
WORDS_SHARE = 0.7
_MEANING_SHARE = 0.3
# Distances of different models spread differently; below this spread they tell nothing apart.
_LEAST_SPREAD = 0.2

MAX_SCORED_TERMS = 12
_MAX_RARE_TERMS = 5
_MAX_RARE_MATCHES = 2000
_MAX_COMMON_TERMS = 3


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a query, as it is indexed, and how many messages of the workspace have it."""

    lexeme: str
    df: int


@dataclass(frozen=True, slots=True)
class Question:
    """A query's terms, rarest first, in a workspace of `documents` messages of `mean_length` lexemes."""

    terms: tuple[Term, ...]
    documents: int
    mean_length: float

    def weights(self) -> list[float]:
        """Each term's share of the whole: 1 is a message that has them all. Words nobody ever used count nothing.

        Inverse document frequency as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25
        and Beyond", 2009, section 3.4, with the one added inside the logarithm that keeps it positive.
        """
        rarity = [log(1 + (self._size() - t.df + 0.5) / (t.df + 0.5)) for t in self.terms]
        whole = sum(r for r, t in zip(rarity, self.terms, strict=True) if t.df) or sum(rarity)
        return [r / whole for r in rarity] if whole else []

    def rare(self) -> list[Term]:
        """The rarest known terms: few enough together that each message having one can be scored."""
        taken: list[Term] = []
        matches = 0
        for term in self._known()[:_MAX_RARE_TERMS]:
            matches += term.df
            if matches > _MAX_RARE_MATCHES:
                break
            taken.append(term)
        return taken

    def common(self) -> list[Term]:
        """The rarest of those that `rare` leaves out: only messages having them all are worth scoring."""
        return self._known()[len(self.rare()) :][:_MAX_COMMON_TERMS]

    def _known(self) -> list[Term]:
        return [term for term in self.terms if term.df]

    def _size(self) -> int:
        # Counts of deleted messages linger, so a term may seem to be in more messages than there are.
        return max(self.documents, *(term.df for term in self.terms), 0)


def meaning(distances: Mapping[str, float]) -> dict[str, float]:
    """What distances are worth, by id: the nearest as much as `_MEANING_SHARE`, on a scale of their own.

    Added up with `WORDS_SHARE` times what words say. Scores and not ranks: the best of a list may be a bad answer.
    """
    return {key: _MEANING_SHARE * nearness for key, nearness in _nearness(distances).items()}


def _nearness(distances: Mapping[str, float]) -> dict[str, float]:
    """1 for the nearest, 0 for the farthest unless all are about as near."""
    if not distances:
        return {}
    nearest = min(distances.values())
    spread = max(max(distances.values()) - nearest, _LEAST_SPREAD)
    return {key: 1 - (distance - nearest) / spread for key, distance in distances.items()}


def is_literal(query: str) -> bool:
    """Whether `query` may be meant letter by letter: an address, a path, a piece of code, not a sentence."""
    words = query.split()
    inner = [word.strip(_SENTENCE_MARKS) for word in words]
    return len(words) <= _MAX_LITERAL_WORDS and any(_has_mark(word) for word in inner or [query])


def needles(query: str) -> list[str]:
    """The words of `query` that hold marks inside, as `a@b.example` does, without the sentence's own marks."""
    inner = (word.strip(_SENTENCE_MARKS) for word in query.split())
    return [word.lower() for word in inner if _has_mark(word)]


def agreement(query: str, content: str, marked: Sequence[str]) -> float:
    """What a message deserves on top for saying the query, or its words with marks, letter by letter."""
    said = content.lower()
    phrase = " ".join(query.lower().split())
    if " " in phrase and phrase.strip(_SENTENCE_MARKS) in said:
        return _SAID_WHOLE
    return _SAID_IN_PART if any(word in said for word in marked) else 0.0


_SENTENCE_MARKS = ".,;:!?\"'()[]{}<>"
_MAX_LITERAL_WORDS = 8
_SAID_WHOLE = 0.5
_SAID_IN_PART = 0.3


def _has_mark(word: str) -> bool:
    # An apostrophe or a hyphen is how people write; it makes no word an address.
    return any(not (letter.isalnum() or letter in "'’-") for letter in word)
