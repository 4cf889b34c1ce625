"""Made-up talk of any length: words as often as words are used, in sessions that keep to a few topics."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from infra.tools.crowd.meaning import Meaning

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

BIG: Final = "crowd"
GUIDE: Final = "guide"
LONG_SESSION: Final = "long"
KINDS: Final = 100

_USUAL_LENGTH: Final = 200
_LONG_LENGTH: Final = 10_000
_SMALL_WORKSPACES: Final = 50
# Every tenth session belongs to another workspace: an index that knows no workspaces has to tell them apart.
_STRANGE: Final = 10
_SESSIONS_PER_PERSON: Final = 20
_TOPICS, _WORDS_OF_TOPIC, _COMMONPLACE = 400, 300, 400
_MEANT_DIMENSIONS: Final = 256
_WORDS_PER_SENTENCE: Final = 11
_BEGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)
_WORD: Final = re.compile(r" [a-z]{3,12}")


@dataclass(frozen=True, slots=True)
class Session:
    """A session to be told: the first `taken` of its messages."""

    number: int
    workspace: str
    name: str
    person: str
    taken: int


@dataclass(frozen=True, slots=True)
class Line:
    """A message of a session, at its place."""

    seq: int
    peer: str
    text: str
    at: datetime
    metadata: dict[str, object]


class Talk:
    """`messages` messages. The same number is always the same talk, and a longer one begins with the shorter."""

    def __init__(self, messages: int) -> None:
        self.messages = messages

    def sessions(self) -> Iterator[Session]:
        """One long session, and many usual ones."""
        left, number = self.messages, 0
        while left:
            is_strange = number % _STRANGE == _STRANGE - 1
            workspace = f"{BIG}-{number // _STRANGE % _SMALL_WORKSPACES}" if is_strange else BIG
            length = min(_LONG_LENGTH, self.messages // 10) if number == 0 else _USUAL_LENGTH
            name = LONG_SESSION if number == 0 else f"session-{number}"
            taken = min(length, left)
            yield Session(number, workspace, name, f"person-{number // _SESSIONS_PER_PERSON}", taken)
            left, number = left - taken, number + 1

    def lines(self, session: Session) -> list[Line]:
        """What is said in a session: half of it by its person, half by the guide."""
        chance = self._chance(session.number)
        topics = chance.integers(_TOPICS, size=3)
        begin = _BEGIN + timedelta(minutes=37 * session.number)
        return [
            Line(
                n + 1,
                GUIDE if n % 2 else session.person,
                self._text(chance, int(topics[n * len(topics) // session.taken]), int(chance.integers(8, 48))),
                begin + timedelta(seconds=20 * n),
                {"kind": f"k{n % KINDS}", "n": n},
            )
            for n in range(session.taken)
        ]

    def questions(self, count: int) -> list[str]:
        """What somebody might ask: a few words of a topic in a sentence, or by themselves."""
        chance = self._chance(2**31)
        asked: list[str] = []
        for n in range(count):
            words = self._of_topic(chance, int(chance.integers(_TOPICS)), 2 + n % 3)
            asked.append(f"what did we say about {' and '.join(words)}" if n % 2 else " ".join(words))
        return asked

    @cached_property
    def _words(self) -> list[str]:
        """The lower-case English of the tokenizer, most frequent first: that is how its ranks are ordered."""
        import tiktoken

        encoding = tiktoken.get_encoding("o200k_base")
        found = (encoding.decode_single_token_bytes(rank).decode(errors="ignore") for rank in range(100_000))
        return [word.strip() for word in found if _WORD.fullmatch(word)]

    @cached_property
    def _shares(self) -> "NDArray[numpy.float64]":
        """Up to each word, the share of what is said that words up to it have: Zipf's law."""
        import numpy

        weights = 1.0 / numpy.arange(2, len(self._words) + 2)
        return numpy.cumsum(weights) / weights.sum()

    @cached_property
    def _topics(self) -> "NDArray[numpy.int64]":
        """The words of each topic: those that lie nearest to one of them, none commonplace.

        Words thrown together at random would mean nothing in common: all messages would lie about as far from each
        other, as those of people do not.
        """
        import numpy

        meant = Meaning(_MEANT_DIMENSIONS).of(self._words[_COMMONPLACE:])
        seeds = self._chance(2**31 - 1).integers(len(meant), size=_TOPICS)
        return numpy.argsort(-(meant[seeds] @ meant.T), axis=1)[:, :_WORDS_OF_TOPIC] + _COMMONPLACE

    def _of_topic(self, chance: "numpy.random.Generator", topic: int, count: int) -> list[str]:
        # The logarithm of an even chance falls as Zipf's law does.
        places = (_WORDS_OF_TOPIC ** chance.random(count)).astype("int64") - 1
        return [self._words[int(self._topics[topic, place])] for place in places]

    def _text(self, chance: "numpy.random.Generator", topic: int, length: int) -> str:
        import numpy

        own = self._of_topic(chance, topic, length // 2)
        common = [self._words[int(at)] for at in numpy.searchsorted(self._shares, chance.random(length - len(own)))]
        words = own + common
        chance.shuffle(words)
        return " ".join(_sentences(words))

    def _chance(self, seed: int) -> "numpy.random.Generator":
        import numpy

        return numpy.random.default_rng(seed)


def _sentences(words: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(words), _WORDS_PER_SENTENCE):
        yield " ".join(words[start : start + _WORDS_PER_SENTENCE]).capitalize() + "."
