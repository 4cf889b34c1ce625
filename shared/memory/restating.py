"""Which conclusions say the same, in equal or in other words, and what becomes of them then."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import mul

from shared.domain.conclusion import ConclusionDraft, content_hash, normal_form
from shared.domain.quotes import MAX_QUOTES, QuoteState
from shared.domain.vector import Vector

# Nearer than this, two conclusions of one level and session say the same.
MOST_APART = 0.05
# What a word that only one of two near-equal conclusions has is worth beside its length.
_OWN_WORD_WEIGHT = 10
_NEGATIONS = frozenset({"no", "not", "never", "none", "nobody", "nothing", "without", "neither", "nor", "cannot"})


def merged(drafts: Sequence[ConclusionDraft]) -> dict[str, ConclusionDraft]:
    """Each distinct text once, by its hash, with the messages and quotes of all its copies."""
    kept: dict[str, ConclusionDraft] = {}
    for draft in drafts:
        # Postgres stores no NUL, and models have been seen to write one.
        content = " ".join(draft.content.replace("\x00", " ").split())
        if not content:
            continue
        key, clean = content_hash(content), replace(draft, content=content)
        kept[key] = _equal(kept[key], clean) if key in kept else clean
    return kept


def without_restatements(
    drafts: Mapping[str, ConclusionDraft], vectors: Mapping[str, Vector]
) -> dict[str, ConclusionDraft]:
    """`drafts` with those that say the same in other words made one: the richer wording, from all their messages."""
    kept: dict[str, ConclusionDraft] = {}
    for key, draft in drafts.items():
        near = (other for other, known in kept.items() if _is_near(known, draft, vectors[other], vectors[key]))
        twin = next(near, None)
        if twin is None:
            kept[key] = draft
        elif says_less(draft.content, kept[twin].content):
            kept[twin] = _reinforced(kept[twin], draft)
        else:
            kept[key] = _reinforced(draft, kept.pop(twin))
    return kept


def is_restated(new: str, old: str) -> bool:
    """Whether two conclusions with near vectors may stand for each other.

    Not when a number or a negation tells them apart, nor when only the order of the words does: who likes
    whom is a matter of order. An equal wording meets its twin under the unique key instead.
    """
    ours, theirs = set(normal_form(new).split()), set(normal_form(old).split())
    return ours != theirs and not any(_turns_the_meaning(word) for word in ours ^ theirs)


def says_less(new: str, old: str) -> bool:
    """Whether `new` is the poorer wording: longer ones and words of one's own count."""
    ours, theirs = set(normal_form(new).split()), set(normal_form(old).split())
    weight_new = len(ours) + _OWN_WORD_WEIGHT * len(ours - theirs)
    weight_old = len(theirs) + _OWN_WORD_WEIGHT * len(theirs - ours)
    return weight_new < weight_old


def joined(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Both in order, each item once."""
    return tuple(dict.fromkeys((*first, *second)))


def earliest(first: datetime | None, second: datetime | None) -> datetime | None:
    return min((moment for moment in (first, second) if moment is not None), default=None)


def _equal(first: ConclusionDraft, second: ConclusionDraft) -> ConclusionDraft:
    """Two drafts of one wording: what either rests on."""
    quotes = tuple(dict.fromkeys((*first.quotes, *second.quotes)))[:MAX_QUOTES]
    states: tuple[QuoteState, QuoteState] = (first.quote_state, second.quote_state)
    return replace(_reinforced(first, second), quotes=quotes, quote_state=max(states))


def _reinforced(kept: ConclusionDraft, other: ConclusionDraft) -> ConclusionDraft:
    """`kept`, from the messages of both; the quotes are those of the wording that stays."""
    ids = joined(kept.message_ids, other.message_ids)
    return replace(
        kept,
        message_ids=ids,
        times=max(1, min(kept.times + other.times, len(ids))),
        occurred_at=max(kept.occurred_at, other.occurred_at),
        event_at=earliest(kept.event_at, other.event_at),
    )


def _is_near(one: ConclusionDraft, other: ConclusionDraft, vector: Vector, others: Vector) -> bool:
    if (one.level, one.session) != (other.level, other.session) or not is_restated(other.content, one.content):
        return False
    return _cosine(vector, others) >= 1 - MOST_APART


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.sqrt(sum(map(mul, one, one)) * sum(map(mul, other, other)))
    return sum(map(mul, one, other)) / lengths if lengths else 0.0


def _turns_the_meaning(word: str) -> bool:
    bare = word.strip(".,;:!?()\"'").replace("\u2019", "'")
    return bare in _NEGATIONS or bare.endswith("n't") or any(character.isdigit() for character in bare)
