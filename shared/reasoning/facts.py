"""What the deriving model answers, and the conclusions made of it: from which message, when, in which words."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ValidationError, model_validator

from shared.domain.conclusion import ConclusionDraft
from shared.domain.event_time import event_time
from shared.domain.json import JsonObject
from shared.domain.message import Message
from shared.domain.quotes import Quote, QuoteState, Wording
from shared.domain.work import Claim
from shared.llm import repair
from shared.llm.types import Answer

_NUMBER = re.compile(r"#?(\d{1,6})")


def _text_or_none(given: object) -> object:
    return given if isinstance(given, str) else None


def _number_or_none(given: object) -> object:
    found = _NUMBER.fullmatch(str(given).strip())
    return int(found[1]) if found else None


# A slip in what is only said about a fact must not cost the facts.
_MaybeText = Annotated[str | None, BeforeValidator(_text_or_none)]
_MaybeNumber = Annotated[int | None, BeforeValidator(_number_or_none)]


class Fact(BaseModel):
    """One fact, the number of the message it was read from, the words it rests on and when it happened."""

    content: str
    message: _MaybeNumber = None
    quote: _MaybeText = None
    date: _MaybeText = None


class Facts(BaseModel):
    """What the model answers. An empty list means that it found nothing."""

    explicit: list[Fact]

    @model_validator(mode="before")
    @classmethod
    def _is_told(cls, answer: object) -> object:
        # Nothing at all is nothing found. Anything else without the list is another answer: an error as JSON, say.
        return answer or {"explicit": []}


# Everything is required, so that providers can hold the model to it; what is not known is null.
_FACT: JsonObject = {
    "type": "object",
    "properties": {
        "content": {"type": "string"},
        "message": {"type": "integer", "minimum": 1},
        "quote": {"type": ["string", "null"]},
        "date": {"type": ["string", "null"]},
    },
    "required": ["content", "message", "quote", "date"],
    "additionalProperties": False,
}
ANSWER = Answer(
    "conclusions",
    {
        "type": "object",
        "properties": {"explicit": {"type": "array", "items": _FACT}},
        "required": ["explicit"],
        "additionalProperties": False,
    },
)


def read(text: str) -> list[Fact]:
    """Raises `AnswerUnreadable`: that is not the same as an answer that holds no facts."""
    return repair.read(Facts, text).explicit


def drafts_of(facts: Sequence[Fact], shown: Sequence[Message], claimed: Claim) -> list[ConclusionDraft]:
    """The facts as conclusions to be saved; `shown` are the messages in the order of their numbers."""
    sources = _Sources(shown, {item.seq for item in claimed.items})
    return [sources.draft(fact, claimed.unit.session) for fact in facts]


class _Sources:
    """The messages that facts may rest on: those of the target in this window."""

    def __init__(self, shown: Sequence[Message], own: Collection[int]) -> None:
        self._own = {number: _Source(message) for number, message in enumerate(shown, 1) if message.seq in own}

    def draft(self, fact: Fact, session: str) -> ConclusionDraft:
        quoted = next(self._holding(fact), None)
        cited = self._own.get(fact.message or 0) or (quoted[0] if quoted else None)
        messages = tuple(source.message for source in ([cited] if cited else self._own.values()))
        said_at = max(message.created_at for message in messages)
        quotes = (quoted[1],) if quoted else ()
        return ConclusionDraft(
            content=fact.content,
            level="explicit",
            session=session,
            message_ids=tuple(message.id for message in messages),
            occurred_at=said_at,
            event_at=event_time(fact.date, said_at),
            quotes=quotes,
            quote_state=_state(fact, is_found=quoted is not None),
        )

    def _holding(self, fact: Fact) -> Iterator[tuple["_Source", Quote]]:
        """Where the fact's words stand: in the message it names, or if it names none of these, in any."""
        cited = self._own.get(fact.message or 0)
        for source in [cited] if cited else self._own.values():
            span = source.wording.find(_undefused(fact.quote)) if fact.quote else None
            if span is not None:
                yield source, Quote(source.message.id, *span)


@dataclass(frozen=True)
class _Source:
    message: Message

    @cached_property
    def wording(self) -> Wording:
        return Wording(self.message.content)


def _state(fact: Fact, *, is_found: bool) -> QuoteState:
    if is_found:
        return "verified"
    return "unverified" if fact.quote and fact.quote.strip() else "none"


def _undefused(quote: str) -> str:
    # Models saw what would have read as a tag in another spelling.
    return quote.replace("&lt;", "<").replace("&#91;", "[")


class _Kept(BaseModel):
    """A window's conclusions on their way into the store: which messages they are about, and what they say."""

    seqs: list[int]
    drafts: list[ConclusionDraft]


def kept(claimed: Claim, drafts: Sequence[ConclusionDraft]) -> str:
    """The drafts as text, for a worker that takes the window over."""
    return _Kept(seqs=[item.seq for item in claimed.items], drafts=list(drafts)).model_dump_json()


def restored(claimed: Claim) -> list[ConclusionDraft] | None:
    """What an earlier worker kept about exactly these messages; None when the model must be asked."""
    if claimed.answer is None:
        return None
    try:
        found = _Kept.model_validate_json(claimed.answer)
    except ValidationError:
        # An earlier release wrote it in another form.
        return None
    # Parked messages may have come back into the window since.
    return found.drafts if found.seqs == [item.seq for item in claimed.items] else None
