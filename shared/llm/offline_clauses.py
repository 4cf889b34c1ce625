"""Coordinated statements taken apart: "I am a nurse and have two cats" are two."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.llm.offline_english import (
    ANIMALS,
    DETERMINERS,
    MODALS,
    OBJECTS,
    PAST,
    PEOPLE,
    PLURALS,
    PREPOSITIONS,
    REPORTING,
    SUBORDINATORS,
    VERBS,
    base_of,
    is_participle,
    is_past,
)
from shared.llm.offline_words import Word, skip_adverbs

_JOINERS = frozenset("and but plus so yet".split())
_FIRST = frozenset("am was have had do did".split()) | MODALS
_THIRD = frozenset("is was has had does did".split()) | MODALS
_BE = frozenset("am is are was were".split())
_RELATIVE = frozenset("who which that whose whom where".split())
_AFTER_VERB = DETERMINERS | PREPOSITIONS | OBJECTS | {"to"}
# Rarely nouns, so that what follows them need not say that they are verbs.
_ONLY_VERBS = frozenset(
    """hate love prefer enjoy adore dislike loathe despise live eat own speak teach learn write sing grow keep go bring
    buy know think believe want collect listen become bake play avoid""".split()
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the subject of a statement ends and where its verb is. `third` asks for "has" instead of "have"."""

    end: int
    verb: int
    third: bool


def clauses(words: Sequence[Word]) -> list[list[Word]]:
    """The statements of a sentence in order, each with its own subject; one when they cannot be told apart safely."""
    parts: list[list[Word]] = []
    rest = list(words)
    while (cut := _cut(rest)) is not None:
        parts.append(cut[0])
        rest = cut[1]
    return [*parts, rest]


def subject_of(words: Sequence[Word]) -> Subject | None:
    """The subject that `words` begin with, or None when they begin with something else."""
    if len(words) < 2:
        return None
    first = words[0].low
    if first in {"i", "we", "they", "he", "she", "it"}:
        verb = skip_adverbs(words, 1)
        return Subject(1, verb, first in {"he", "she", "it"}) if verb < len(words) else None
    if first in {"my", "our", "his", "her", "its", "their"}:
        return _owned_subject(words)
    if words[1].low in _THIRD and (words[0].core[:1].isupper() or first in {"that", "this", "there"}):
        return Subject(1, 1, True)
    return None


def _owned_subject(words: Sequence[Word]) -> Subject | None:
    for index in range(2, min(len(words), 8)):
        word = words[index].low
        if word in _RELATIVE:
            return None
        if word == "i" and words[index - 1].low == "and":
            return Subject(index + 1, skip_adverbs(words, index + 1), False)
        if word in {"are", "were", "have", "do"} or (word in VERBS and words[index - 1].low in PLURALS):
            return Subject(index, index, False)
        if word in _THIRD or _is_third(word) or (is_past(word) and word not in {"left", "saw"}):
            return Subject(index, index, True)
    return None


def _is_third(word: str) -> bool:
    return word.endswith("s") and word not in PLURALS and word not in VERBS and base_of(word) in VERBS


def _cut(words: list[Word]) -> tuple[list[Word], list[Word]] | None:
    if not words or words[0].low in SUBORDINATORS:
        return None
    subject = subject_of(words)
    if subject is None:
        return None
    for index in range(subject.verb + 1, len(words) - 1):
        joiner = words[index].low if words[index].low in _JOINERS else ""
        breaks = words[index - 1].tail[-1:] in {",", ";", ":"} or words[index].core in {"-", "–", "—"}
        if not joiner and not breaks:
            continue
        left = words[:index]
        right = words[index + 1 :] if joiner or not words[index].core[:1].isalnum() else words[index:]
        # What follows "he said that…" may be part of what he said.
        if any(word.low in REPORTING for word in left[subject.verb :]):
            return None
        if _own_clause(left, right):
            return left, right
        shared = _shared(left, subject, right, joiner)
        if shared:
            return left, [*shared, *right]
    return None


def _own_clause(left: list[Word], right: list[Word]) -> bool:
    found = subject_of(right)
    if found is None or found.verb >= len(right):
        return False
    match right[0].low:
        case "i" | "we" | "my" | "our":
            return True
        case "he" | "she" | "it" | "they" | "his" | "her" | "its" | "their":
            # Alone, a pronoun says something only when the left side says who is meant.
            return any(_is_kin(left, index) for index in range(len(left)))
        case _:
            return False


def _is_kin(words: list[Word], index: int) -> bool:
    """Whether a relative or pet of somebody's is named there, and not just "the doctor"."""
    noun = words[index].low.removesuffix("'s")
    before = {word.low for word in words[max(0, index - 2) : index]}
    return noun in PEOPLE | ANIMALS and not before & {"the", "this"}


def _shared(left: list[Word], subject: Subject, right: list[Word], joiner: str) -> list[Word]:
    """The words of `left` that `right`, a bare verb phrase, needs before it; none when it is not one."""
    at = skip_adverbs(right, 0)
    if at >= len(right) or (not joiner and at + 1 >= len(right)):
        return []
    verb = right[at].low
    closed = bool(right[at].tail) or at + 1 >= len(right)
    clear = joiner == "but" or (not closed and right[at + 1].low in _AFTER_VERB)
    owner = left[: subject.end]
    if verb.endswith("ing"):
        return _shared_progressive(left, subject, verb, clear)
    if _is_finite(verb, left, subject) or _is_told(verb, left, subject, clear):
        return owner
    return owner if _is_present(verb, left, subject, clear and not closed, joiner) else []


def _is_finite(verb: str, left: list[Word], subject: Subject) -> bool:
    if verb == "have" and _takes_bare_verbs(left, subject):
        return False
    return verb in (_THIRD if subject.third else _FIRST)


def _is_told(verb: str, left: list[Word], subject: Subject, clear: bool) -> bool:
    """Whether `verb` is a past form that goes on from the left side."""
    if not is_past(verb):
        return False
    # After "was" or "have" it may be a participle: "was born and raised".
    if left[subject.verb].low in _BE | {"have", "has", "had"} and is_participle(verb):
        return False
    regular = verb not in PAST
    return clear or (is_past(left[subject.verb].low) and not (regular and base_of(verb) not in VERBS))


def _is_present(verb: str, left: list[Word], subject: Subject, clear: bool, joiner: str) -> bool:
    base = base_of(verb) if subject.third else verb
    if base not in VERBS or verb in PAST or (subject.third and not _is_third(verb)):
        return False
    if joiner != "but" and _takes_bare_verbs(left, subject):
        return False
    if is_past(left[subject.verb].low) and left[subject.verb].low not in _BE | {"had"}:
        return clear and joiner == "but"
    return clear or base in _ONLY_VERBS


def _takes_bare_verbs(left: list[Word], subject: Subject) -> bool:
    """Whether a bare verb on the right may hang on "can", "do not" or "to" on the left."""
    if left[subject.verb].low in MODALS | {"do", "did", "does"}:
        return True
    return any(word.low == "to" and after.low in VERBS for word, after in pairwise(left))


def _shared_progressive(left: list[Word], subject: Subject, verb: str, clear: bool) -> list[Word]:
    at = skip_adverbs(left, subject.verb + 1)
    going_on = left[subject.verb].low in _BE and at < len(left) and left[at].low.endswith("ing")
    if not (going_on and clear and base_of(verb) in VERBS and base_of(left[at].low) in VERBS):
        return []
    return [*left[: subject.end], left[subject.verb]]
