"""The offline model as a dream's specialist: rules that find changes, contradictions, consequences and patterns."""

import re
from collections import defaultdict
from collections.abc import Sequence

from shared.domain.conclusion import normal_form
from shared.domain.json import Json, JsonObject
from shared.llm.offline_beliefs import Belief, Claim, beliefs_from, claim_of, subject_of
from shared.llm.offline_card import card_lines
from shared.llm.offline_english import stem
from shared.llm.types import AssistantTurn, Completion, ToolCall

DONE = "done"
_SPECIALISTS = ("conclude_deductions", "conclude_patterns", "rewrite_card")
_MOST = 20
_MOST_READ = 100
# So many statements about one topic are no accident.
_REPEATED = 3
_TOPICS = {
    "music": "music piano guitar violin cello drum sing song concert band choir orchestra jazz",
    "sport": "sport run marathon swim soccer football tennis gym yoga cycle climb ski train workout jog hike",
    "food": "cook bake recipe restaurant cuisine dish pasta sushi dinner",
    "travel": "travel trip flight visit vacation holiday journey abroad hotel",
    "reading": "book read novel author library poem literature",
    "technology": "code program software computer python app programming laptop",
    "nature": "garden plant tree forest bird flower mountain hike",
    "family": "daughter son wife husband mother father sister brother child parent family",
    "animals": "dog cat horse pet puppy kitten bird hamster",
    "art": "paint draw sculpture museum gallery photograph pottery",
}
_STEMS = {topic: frozenset(stem(word) for word in words.split()) for topic, words in _TOPICS.items()}
# What is said, and what follows for whoever it is about.
_CONSEQUENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r" is (?:severely |very )?allergic to (?P<what>[^.;,(]+)"), "{who} must not be given {what}."),
    (re.compile(r" is (?:now )?(?:a )?vegan\b"), "{who} must not be served meat, fish, eggs or dairy."),
    (re.compile(r" is (?:now )?(?:a )?vegetarian\b"), "{who} must not be served meat or fish."),
    (re.compile(r"'s (?:wife|husband)\b"), "{who} is married."),
    (re.compile(r"(?:'s| has (?:a|two|three|four)) (?:son|daughter|child|kid)(?:s|ren)?\b"), "{who} is a parent."),
    (re.compile(r" (?:has )?(?:just )?moved to (?P<what>[^.;,( ]+)"), "{who} lives in {what}."),
)


def is_dream(request: Completion) -> bool:
    """Whether a dream's specialist is asked: its tools say so."""
    return any(tool.name in _SPECIALISTS for tool in request.tools)


def dream_calls(request: Completion) -> tuple[ToolCall, ...]:
    """What to call now: first for everything there is to read, then once for what follows from it, then nothing."""
    turns = [turn for turn in request.turns if isinstance(turn, AssistantTurn)]
    if not turns:
        return (ToolCall("call_read", "read_recent", {"limit": _MOST_READ}),)
    if len(turns) > 1:
        return ()
    offered = {tool.name for tool in request.tools}
    subject, beliefs = subject_of(request.turns), beliefs_from(request.turns)
    if "rewrite_card" in offered:
        wanted = {"rewrite_card": _objects(card_lines(request.turns, beliefs, subject), "lines")}
    elif "conclude_patterns" in offered:
        wanted = {"conclude_patterns": _objects(_patterns(beliefs, subject), "patterns")}
    else:
        updates, contradictions = _changes(beliefs, subject)
        wanted = {
            "record_updates": _objects(updates, "updates"),
            "note_contradictions": _objects(contradictions, "contradictions"),
            "conclude_deductions": _objects(_deductions(beliefs, subject, updates), "deductions"),
        }
    return tuple(ToolCall(f"call_{name}", name, given) for name, given in wanted.items() if given)


def _objects(found: Sequence[JsonObject], name: str) -> JsonObject:
    return {name: list[Json](found[:_MOST])} if found else {}


def _changes(beliefs: Sequence[Belief], subject: str) -> tuple[list[JsonObject], list[JsonObject]]:
    """Updates and contradictions among what was stated."""
    matters: dict[str, list[tuple[Belief, Claim]]] = defaultdict(list)
    for belief in beliefs:
        claim = claim_of(belief, subject) if belief.is_explicit else None
        if claim is not None:
            matters[claim.matter].append((belief, claim))
    updates: list[JsonObject] = []
    contradictions: list[JsonObject] = []
    for told in matters.values():
        newest, value = told[-1]
        others = [(belief, claim) for belief, claim in told if claim.value != value.value]
        stale = [other for other in others if _overtakes(newest, other[0], value)]
        unsettled = [other[0] for other in others if other not in stale and not newest.is_about_time_before(other[0])]
        if stale:
            updates.append(_update(newest, stale))
        elif unsettled:
            sides = [newest, *unsettled]
            text = f"It cannot be both that {' and that '.join(_bare(one) for one in sides[::-1])}."
            if not _is_known(beliefs, text):
                contradictions.append({"content": text, "source_ids": [one.id for one in sides]})
    return updates, contradictions


def _overtakes(newer: Belief, older: Belief, claim: Claim) -> bool:
    if newer.at <= older.at or newer.is_about_time_before(older):
        return False
    # Tastes do not change by the calendar: who says so must say that they did.
    return newer.is_turn if claim.stance else True


def _update(newer: Belief, stale: Sequence[tuple[Belief, Claim]]) -> JsonObject:
    # In as few words as will do: whoever looks for what holds now must not find the whole old statement again.
    before = "; ".join(
        f"{_bare(old) if claim.stance else claim.spelled_in(old.text)}, as of {old.at[:10]}" for old, claim in stale
    )
    content = f"{_bare(newer)} (before that: {before})."
    return {"stale_ids": [old.id for old, _ in stale], "newer_id": newer.id, "content": content}


def _deductions(beliefs: Sequence[Belief], subject: str, updates: Sequence[JsonObject]) -> list[JsonObject]:
    going = {stale for update in updates for stale in _ids(update.get("stale_ids"))}
    found: dict[str, JsonObject] = {}
    for belief in beliefs:
        if not belief.is_explicit or belief.id in going or not belief.text.startswith(subject):
            continue
        for form, consequence in _CONSEQUENCES:
            if match := form.match(belief.text[len(subject) :]):
                text = consequence.format(who=subject, **match.groupdict())
                if not _is_known(beliefs, text):
                    found.setdefault(text, {"content": text, "source_ids": [belief.id]})
    return list(found.values())


def _patterns(beliefs: Sequence[Belief], subject: str) -> list[JsonObject]:
    found: list[JsonObject] = []
    for topic, stems in _STEMS.items():
        about = [belief for belief in beliefs if belief.is_explicit and stems & _words(belief)]
        text = f"{subject} comes back to {topic} again and again."
        if len(about) >= _REPEATED and not _is_known(beliefs, text):
            sources = list[Json](belief.id for belief in about)
            days = {belief.at[:10] for belief in about}
            kind = "behavior" if len(days) > 1 else "preference"
            sure = "high" if len(about) >= 5 else "medium"
            found.append({"content": text, "source_ids": sources, "pattern": kind, "confidence": sure})
    return found


def _words(belief: Belief) -> set[str]:
    words: list[str] = re.findall(r"[a-z]+", belief.text.lower())
    return {stem(word) for word in words}


def _is_known(beliefs: Sequence[Belief], text: str) -> bool:
    return any(normal_form(belief.text) == normal_form(text) for belief in beliefs)


def _bare(belief: Belief) -> str:
    return belief.text.rstrip(". ")


def _ids(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
