"""Evidence: what was read while a question was answered, whether or not the answer rests on it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.domain.conclusion import Conclusion, Level
from shared.domain.json import Json, JsonObject
from shared.domain.message import Message

# The arguments of tools that name conclusions.
_IDS: Final = frozenset(("conclusion_id", "conclusion_ids"))


@dataclass(frozen=True, slots=True)
class EvidenceQuote:
    """Words that a conclusion rests on, and where they stand in their message."""

    message_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class EvidenceConclusion:
    """A conclusion that was read. Its quotes are those whose message was read, too.

    `trace_id` leads to the request that caused it.
    """

    id: str
    level: Level
    content: str
    created_at: datetime
    session: str | None
    observer: str
    observed: str
    source_ids: tuple[str, ...]
    event_at: datetime | None = None
    quotes: tuple[EvidenceQuote, ...] = ()
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceMessage:
    """A message that was read. Its text stays where it is."""

    id: str
    session: str
    peer: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EvidenceToolCall:
    """A tool call that succeeded, without what came back."""

    tool_name: str
    tool_input: JsonObject


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything one answer has read, each thing once, in the order it was first read."""

    conclusions: tuple[EvidenceConclusion, ...] = ()
    messages: tuple[EvidenceMessage, ...] = ()
    tool_calls: tuple[EvidenceToolCall, ...] = ()


def evidence(
    conclusions: Iterable[Conclusion], messages: Iterable[Message], tool_calls: Iterable[EvidenceToolCall]
) -> Evidence:
    """What was read, in the order given; repetitions are dropped.

    Where a tool was given the beginning of a conclusion's id, as models are shown it, the whole id stands instead.
    """
    said = {message.id: message for message in messages}
    read = {conclusion.id: _conclusion(conclusion, said) for conclusion in conclusions}
    seen = {m.id: EvidenceMessage(m.id, m.session, m.peer, m.created_at) for m in said.values()}
    calls = (EvidenceToolCall(call.tool_name, _with_whole_ids(call.tool_input, read)) for call in tool_calls)
    return Evidence(tuple(read.values()), tuple(seen.values()), tuple(calls))


def _with_whole_ids(given: JsonObject, read: Collection[str]) -> JsonObject:
    def whole(value: Json) -> Json:
        if isinstance(value, list):
            return [whole(one) for one in value]
        meant = [known for known in read if isinstance(value, str) and value and known.startswith(value)]
        return meant[0] if len(meant) == 1 else value

    return {name: whole(value) if name in _IDS else value for name, value in given.items()}


def _conclusion(read: Conclusion, said: Mapping[str, Message]) -> EvidenceConclusion:
    return EvidenceConclusion(
        read.id,
        read.level,
        read.content,
        read.created_at,
        read.session,
        read.observer,
        read.observed,
        read.source_ids,
        read.event_at,
        tuple(
            EvidenceQuote(one.message_id, one.start, one.end, said[one.message_id].content[one.start : one.end])
            for one in read.quotes
            if one.message_id in said
        ),
        read.trace_id,
    )
