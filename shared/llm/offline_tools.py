"""Which tool beside the searches a question asks for: what the offline model reads out of its wording."""

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from shared.domain.json import Json, JsonObject

Wanted: TypeAlias = tuple[str, JsonObject]

_MONTHS: Final[tuple[str, ...]] = tuple(
    "january february march april may june july august september october november december".split()
)
_QUOTED: Final = re.compile(r"[\"“”]([^\"“”]{2,200})[\"“”]")
_ISO_DAY: Final = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_MONTH: Final = re.compile(rf"\b({'|'.join(_MONTHS)}) (\d{{4}})\b", re.IGNORECASE)
_CARD: Final = re.compile(r"\b(?:card|profile) of ([\w-]+)|\b([\w-]+)['’]s (?:peer )?(?:card|profile)\b", re.IGNORECASE)
_GROUNDS: Final = re.compile(
    r"^why\b|\bhow (?:do|can|did) you know\b|\bwhat makes you\b|\bbased on what\b|\brests? on\b|\bwhat is the source\b",
    re.IGNORECASE,
)
_MOST_IDS: Final = 3


def tools_wanted(query: str) -> Iterator[Wanted]:
    """Names and arguments of the tools that `query` calls for, whether or not they are on offer."""
    for read in (_exact, _dated, _worded, _card):
        yield from read(query)


def grounds_wanted(query: str, ids: Sequence[str]) -> Iterator[Wanted]:
    """The same once conclusions are known by their `ids`, where what they rest on is asked for."""
    if ids and _GROUNDS.search(query):
        yield "get_reasoning_chain", {"conclusion_id": ids[0]}
        named: list[Json] = list(ids[:_MOST_IDS])
        yield "get_conclusion_context", {"conclusion_ids": named}


def _exact(query: str) -> Iterator[Wanted]:
    for text in _QUOTED.findall(query)[:1]:
        yield "grep_messages", {"text": text}


def _dated(query: str) -> Iterator[Wanted]:
    days: list[str] = sorted(_ISO_DAY.findall(query))
    month = _MONTH.search(query)
    if not days and month is not None:
        year, number = int(month[2]), _MONTHS.index(month[1].lower()) + 1
        if year > 0:
            last = monthrange(year, number)[1]
            days = [f"{year:04}-{number:02}-01", f"{year:04}-{number:02}-{last}"]
    if days:
        yield "get_messages_by_date_range", {"after_date": days[0], "before_date": days[-1], "order": "asc"}


_WORDED: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), name)
    for words, name in (
        (r"lately|recently|newest|latest", "get_recent_conclusions"),
        (r"most often|again and again|comes up most|mostly", "get_most_derived_conclusions"),
        (r"summari[sz]e|summary|recap|what happened", "get_session_summary"),
        (r"last messages?|said last|just said|end of (?:the|this) (?:session|conversation|talk)", "get_recent_history"),
    )
)


def _worded(query: str) -> Iterator[Wanted]:
    for words, name in _WORDED:
        if words.search(query):
            yield name, {}


def _card(query: str) -> Iterator[Wanted]:
    found = _CARD.search(query)
    if found is not None:
        yield "get_peer_card", {"peer": found[1] or found[2]}
