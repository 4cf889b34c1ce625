"""Questions, answers and their evidence on the wire."""

from typing import Annotated, Self

from functions.api.wire.fields import Letters, Moment, Object, Open, Text, Wire
from functions.api.wire.peers import ScopeNames
from shared.domain import evidence
from shared.domain.conclusion import Level
from shared.settings.models import ReasoningLevel
from shared.telemetry import tracing


class DialecticOptions(Wire):
    """A question about a peer."""

    query: Annotated[Text, Letters(1, 10_000)]
    target: Text | None = None
    session_id: Text | None = None
    filters: Object | None = None
    scope: str | ScopeNames | None = None
    stream: bool = False
    reasoning_level: ReasoningLevel = "low"
    response_format: Object | None = None
    include_evidence: bool = False


class WorkspaceDialecticOptions(Wire):
    """A question about everybody in a workspace."""

    query: Annotated[Text, Letters(1, 10_000)]
    session_id: Text | None = None
    scope: str | ScopeNames | None = None
    stream: bool = False
    reasoning_level: ReasoningLevel = "low"
    response_format: Object | None = None
    include_evidence: bool = False


class EvidenceQuote(Wire):
    """Words of a message that a conclusion rests on: its characters from `start` up to `end`."""

    message_id: str
    start: int
    end: int
    text: str


class EvidenceConclusion(Wire):
    """A conclusion that was read; `event_at` is when it happened, where that is known.

    `trace_id` is the trace of the request that caused it: the second part of its `traceparent`.
    """

    id: str
    level: Open[Level]
    content: str
    created_at: Moment
    session_id: str | None
    observer_id: str | None
    observed_id: str | None
    source_ids: list[str]
    event_at: Moment | None
    quotes: list[EvidenceQuote]
    trace_id: str | None


class EvidenceMessage(Wire):
    """A message that was read."""

    id: str
    session_id: str
    peer_id: str
    created_at: Moment


class EvidenceToolCall(Wire):
    """A tool call that succeeded."""

    tool_name: str
    tool_input: Object


class Evidence(Wire):
    """What the answering run read; `reasoning_trace_id` is the trace that its calls of models are in."""

    conclusions: list[EvidenceConclusion]
    messages: list[EvidenceMessage]
    tool_calls: list[EvidenceToolCall]
    reasoning_trace_id: str | None = None

    @classmethod
    def of(cls, read: evidence.Evidence) -> Self:
        return cls(
            conclusions=[
                EvidenceConclusion(
                    id=one.id,
                    level=one.level,
                    content=one.content,
                    created_at=one.created_at,
                    session_id=one.session,
                    observer_id=one.observer,
                    observed_id=one.observed,
                    source_ids=list(one.source_ids),
                    event_at=one.event_at,
                    quotes=[EvidenceQuote.model_validate(quote, from_attributes=True) for quote in one.quotes],
                    trace_id=one.trace_id,
                )
                for one in read.conclusions
            ],
            messages=[
                EvidenceMessage(id=one.id, session_id=one.session, peer_id=one.peer, created_at=one.created_at)
                for one in read.messages
            ],
            tool_calls=[
                EvidenceToolCall(tool_name=one.tool_name, tool_input=one.tool_input) for one in read.tool_calls
            ],
            reasoning_trace_id=tracing.trace_id(),
        )


class ChatResponse(Wire):
    """An answer; `content` is null when there was nothing to say."""

    content: str | None
    evidence: Evidence | None = None
