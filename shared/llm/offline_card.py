"""The offline model keeping a peer card: lasting facts in the form a card wants them."""

import re
from collections.abc import Sequence

from shared.domain.json import Json, JsonObject
from shared.llm.offline_beliefs import Belief, claim_of
from shared.llm.types import Turn, UserTurn

_CARD = re.compile(r"^<peer_card[^>\n]*>\n(?P<lines>.*?)\n</peer_card>$", re.MULTILINE | re.DOTALL)
_KINDS = ("IDENTITY: ", "ATTRIBUTE: ", "RELATIONSHIP: ", "INSTRUCTION: ")
_KIN = "wife|husband|partner|girlfriend|boyfriend|son|daughter|brother|sister|mother|father|friend|boss|dog|cat|horse"
_MOST_LETTERS = 200
# Of matters that can be one way at a time the newest statement counts.
_MATTERS = {
    "home": "ATTRIBUTE: Lives in {what}",
    "work": "ATTRIBUTE: Works at {what}",
    "job": "ATTRIBUTE: Works as {what}",
    "status": "RELATIONSHIP: Is {what}",
    "diet": "ATTRIBUTE: Is {what}",
}
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:'s name is| is called| goes by) (?P<what>[^.;,(]+)"), "IDENTITY: Name is {what}"),
    (re.compile(r" is (?:severely |very )?allergic to (?P<what>[^.;,(]+)"), "ATTRIBUTE: Allergic to {what}"),
    (re.compile(r" speaks (?P<what>[^.;(]+)"), "ATTRIBUTE: Speaks {what}"),
    (
        re.compile(rf"'s (?P<kin>{_KIN})(?:'s name is| is called| is named) (?P<what>[^.;,(]+)"),
        "RELATIONSHIP: {kin}: {what}",
    ),
    (
        re.compile(r" (?:prefers|wants|asks|likes) to be (?:called|addressed as) (?P<what>[^.;,(]+)"),
        "INSTRUCTION: Call them {what}",
    ),
)


def card_lines(turns: Sequence[Turn], beliefs: Sequence[Belief], subject: str) -> list[JsonObject]:
    """The whole card: what stands on it and was not overtaken, then what is new. Empty when nothing is to change."""
    before = _written(turns)
    found = _found(beliefs, subject)
    topics = {_topic(line) for line in found}
    kept = [line for line in before if line.startswith(_KINDS) and (_topic(line) not in topics or line in found)]
    lines = [*kept, *(line for line in found if line not in kept)]
    if not lines or lines == before:
        return []
    return [{"text": line, "source_ids": list[Json]([found[line]] if line in found else [])} for line in lines]


def _found(beliefs: Sequence[Belief], subject: str) -> dict[str, str]:
    """Lines with the conclusion each rests on; of one topic that has one value the newest."""
    by_topic: dict[str, tuple[str, str]] = {}
    for belief in beliefs:
        if not belief.is_explicit or not belief.text.startswith(subject):
            continue
        claim = claim_of(belief, subject)
        if claim is not None and claim.matter in _MATTERS:
            line = _MATTERS[claim.matter].format(what=claim.spelled_in(belief.text))
            by_topic[claim.matter] = (line, belief.id)
        for form, shape in _FORMS:
            if match := form.match(belief.text[len(subject) :]):
                parts = {key: value.strip() for key, value in match.groupdict().items()}
                line = shape.format(**{**parts, "kin": parts.get("kin", "").capitalize()})
                by_topic.setdefault(line, (line, belief.id))
    return {line[:_MOST_LETTERS]: source for line, source in by_topic.values()}


def _topic(line: str) -> str:
    """What a line is about, as far as a card can say one thing about it."""
    return next((shape for shape in _MATTERS.values() if line.startswith(shape.partition("{")[0])), line)


def _written(turns: Sequence[Turn]) -> list[str]:
    for turn in turns:
        if isinstance(turn, UserTurn) and (found := _CARD.search(turn.text)):
            return found["lines"].split("\n")
    return []
