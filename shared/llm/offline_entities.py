"""Whom and what a speaker has mentioned, so that "she", "Rex" or "the dog" can be told in full later."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.llm.offline_english import ANIMALS, PEOPLE, PLURALS, THINGS
from shared.llm.offline_words import Word

_OWNING = frozenset("my our a an one two three four five the".split())
_NAMING = frozenset({"called", "named"})
_NAME = re.compile(r"[A-Z][\w'-]*$")
# How many sentences a pronoun may look back.
_REACH = 3


@dataclass(slots=True)
class Entities:
    """The relatives, pets and things of one speaker. Phrases are in the first person ("my sister Ana")."""

    _by_noun: dict[str, str] = field(default_factory=dict[str, str])
    _by_name: dict[str, str] = field(default_factory=dict[str, str])
    _last: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    _sentence: int = 0

    def next_sentence(self) -> None:
        self._sentence += 1

    def note(self, words: Sequence[Word]) -> None:
        """Remember whom a statement in the first person speaks of."""
        speaks_of_own = bool(words) and words[0].low in {"i", "we"}
        for index, word in enumerate(words):
            noun = word.low.removesuffix("'s")
            if noun not in PEOPLE and noun not in ANIMALS and noun not in THINGS:
                continue
            owner = next((w.low for w in reversed(words[max(0, index - 3) : index]) if w.low in _OWNING), "")
            if owner in {"my", "our"} or (speaks_of_own and owner and owner != "the" and _is_had(words)):
                self._remember(noun, _name_of(words, index))

    def resolved(self, words: list[Word]) -> list[Word]:
        """`words` with the pronoun, noun or name they begin with told in full, where that is known."""
        if not words:
            return words
        first = words[0]
        if first.low in {"the", "this"} and len(words) > 1 and words[1].low in self._by_noun:
            self._touch(words[1].low)
            return [first.spelled("my"), *words[1:]]
        owned = first.core.endswith(("'s", "’s"))
        name = first.core[:-2] if owned else first.core
        if name in self._by_name:
            return [first.spelled(self._by_name[name] + ("'s" if owned else "")), *words[1:]]
        return self._pronoun_resolved(words)

    def _pronoun_resolved(self, words: list[Word]) -> list[Word]:
        first = words[0]
        kind = {"he": "one", "she": "one", "his": "one", "her": "one", "it": "thing", "its": "thing", "they": "many",
                "their": "many"}.get(first.low)  # fmt: skip
        if kind is None or kind not in self._last:
            return words
        phrase, seen = self._last[kind]
        if self._sentence - seen > _REACH:
            return words
        owned = first.low in {"his", "her", "its", "their"}
        self._last[kind] = (phrase, self._sentence)
        if owned and len(words) > 3 and words[1].low == "name" and words[2].low in {"is", "was"}:
            self._rename(phrase, words[3].core)
        return [first.spelled(phrase + ("'s" if owned else "")), *words[1:]]

    def _remember(self, noun: str, name: str | None) -> None:
        phrase = f"my {noun} {name}" if name else f"my {noun}"
        self._by_noun[noun] = phrase
        if name:
            self._by_name[name] = phrase
        self._touch(noun)

    def _rename(self, phrase: str, name: str) -> None:
        noun = phrase.split()[-1]
        if phrase == f"my {noun}" and _NAME.match(name):
            self._remember(noun, name)

    def _touch(self, noun: str) -> None:
        seen = (self._by_noun[noun], self._sentence)
        if noun in PLURALS:
            self._last["many"] = seen
            return
        if noun in PEOPLE or noun in ANIMALS:
            self._last["one"] = seen
        if noun in ANIMALS or noun in THINGS:
            self._last["thing"] = seen


def _is_had(words: Sequence[Word]) -> bool:
    having = frozenset("have has had got adopted own bought keep welcomed raise".split())
    return any(word.low in having for word in words[1:4])


def _name_of(words: Sequence[Word], index: int) -> str | None:
    """The name given with a noun: "my sister Ana", "a dog called Rex", "my daughter's name is Mia"."""
    if not words[index].low.endswith("'s"):
        return _name_after(words, index)
    named = [word.low for word in words[index + 1 : index + 3]] in (["name", "is"], ["name", "was"])
    given = words[index + 3].core if named and index + 3 < len(words) else ""
    return given if _NAME.match(given) else None


def _name_after(words: Sequence[Word], index: int) -> str | None:
    at = index + 1
    if words[index].tail not in {"", ","}:
        return None
    if at < len(words) and words[at].low in _NAMING:
        at += 1
    elif words[index].tail and not (at < len(words) and words[at].tail):
        return None
    if at < len(words) and _NAME.match(words[at].core) and words[at].core != "I":
        return words[at].core
    return None
