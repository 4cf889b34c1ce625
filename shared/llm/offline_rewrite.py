"""First person into third: "I love my cat" said by alice is "alice loves alice's cat"."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.llm.offline_english import (
    AUXILIARIES,
    OBJECTS,
    REPORTING,
    SUBORDINATORS,
    VERBS,
    is_past,
    is_verb,
    third_person,
)
from shared.llm.offline_words import Word, is_adverb, skip_adverbs, text_of

_SAME_IN_THIRD = frozenset("was had did could would should might may can will shall must cannot used".split())
_PRESENT_SIGNS = frozenset("always usually often every sometimes never regularly daily weekly".split())
FIRST_PERSON = frozenset("i me my mine myself we us our ours ourselves".split())


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says "I", and who is "you" when only one other takes part."""

    name: str
    other: str | None = None


def in_third_person(words: Sequence[Word], speaker: Speaker) -> str:
    """What `words`, said by `speaker`, say about them."""
    rewritten = list(words)
    for index, word in enumerate(words):
        low = word.low
        if low == "i":
            told = index > 0 and _is_told(words, index - 1)
            rewritten[index] = word.spelled(f"that {speaker.name}" if told else speaker.name)
            if not _in_company(words, index) and not word.tail:
                _conjugate(rewritten, index + 1)
        elif low in {"you", "u"} and speaker.other is not None:
            rewritten[index] = word.spelled(speaker.other)
            if not word.tail and _opens_clause(words, index):
                _conjugate(rewritten, index + 1)
        else:
            rewritten[index] = _replaced(rewritten[index], low, speaker)
    return text_of(rewritten)


def _replaced(word: Word, low: str, speaker: Speaker) -> Word:
    others = f"{speaker.name} and others"
    new = {
        "me": speaker.name,
        "my": f"{speaker.name}'s",
        "mine": f"{speaker.name}'s",
        "myself": "themselves",
        "we": others,
        "us": others,
        "our": f"{speaker.name}'s",
        "ours": f"{speaker.name}'s",
        "ourselves": "themselves",
        "you": "the other person",
        "your": f"{speaker.other}'s" if speaker.other else "the other person's",
        "yours": f"{speaker.other}'s" if speaker.other else "the other person's",
    }.get(low)
    # "US" is a country.
    return word if new is None or word.core == "US" else word.spelled(new)


def _is_told(words: Sequence[Word], index: int) -> bool:
    """Whether the word at `index` ends a "he told me", after which "I" opens what was told."""
    if words[index].tail:
        return False
    if words[index].low in {"me", "him", "her", "us", "them", "you"} and index > 0:
        return words[index - 1].low in {"told", "tells", "tell"}
    return words[index].low in REPORTING and index > 0


def _in_company(words: Sequence[Word], index: int) -> bool:
    """Whether "I" is the end of "my wife and I", which keeps the plural."""
    if index < 2 or words[index - 1].low not in {"and", "nor", "or"}:
        return False
    return not any(is_verb(word.low) or word.low == "i" for word in words[: index - 1])


def _opens_clause(words: Sequence[Word], index: int) -> bool:
    after = skip_adverbs(words, index + 1)
    if after >= len(words) or not is_verb(words[after].low):
        return False
    before = words[index - 1].low if index else ""
    return not before or before in SUBORDINATORS | OBJECTS | {"and", "but", "which", "who", "thing"}


def _conjugate(words: list[Word], start: int) -> None:
    """Put the verb that follows a subject at `start` into the third person, with one joined to it directly."""
    at = skip_adverbs(words, start)
    if at >= len(words) or not words[at].core[:1].isalpha():
        return
    verb = words[at].low
    if verb in _SAME_IN_THIRD or verb in {"and", "or", "but"}:
        return
    if verb in {"were"}:
        words[at] = words[at].spelled("was")
        return
    if is_past(verb) or (verb in {"put", "read", "set", "spread"} and _is_over(words)):
        return
    words[at] = words[at].spelled(third_person(verb))
    if not words[at].tail and verb not in AUXILIARIES:
        _conjugate_joined(words, at + 1)


def _conjugate_joined(words: list[Word], at: int) -> None:
    if at + 1 < len(words) and words[at].low in {"and", "or"}:
        joined = at + 1
        while joined < len(words) - 1 and is_adverb(words[joined].low):
            joined += 1
        if words[joined].low in VERBS:
            words[joined] = words[joined].spelled(third_person(words[joined].low))


def _is_over(words: Sequence[Word]) -> bool:
    """Whether the statement names a day or a time gone by, so that "read" is past."""
    lows = {word.low for word in words}
    if lows & _PRESENT_SIGNS:
        return False
    return bool(lows & {"ago", "before", "yesterday", "once", "already", "just", "finally"}) or any(
        word.core[:4].isdigit() and len(word.core) in {4, 7, 10} for word in words
    )
