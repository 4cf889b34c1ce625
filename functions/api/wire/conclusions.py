"""Conclusions on the wire."""

from typing import Annotated, Self

from pydantic import AliasChoices, Field

from functions.api.wire.fields import Letters, Moment, Object, Open, Text, Wire
from functions.api.wire.peers import Count, Distance
from shared.domain import conclusion
from shared.domain.conclusion import Level
from shared.memory.conclude import GivenConclusion


class ConclusionCreate(Wire):
    """A conclusion that a client states."""

    content: Annotated[Text, Letters(1, 65_535)]
    observer_id: Text
    observed_id: Text
    session_id: Text | None = None

    def given(self) -> GivenConclusion:
        return GivenConclusion(self.observer_id, self.observed_id, self.session_id, self.content)


class ConclusionBatchCreate(Wire):
    """Conclusions to be saved together, in order."""

    conclusions: Annotated[list[ConclusionCreate], Field(min_length=1, max_length=100)] = Field(
        validation_alias=AliasChoices("conclusions", "observations")
    )


class ConclusionGet(Wire):
    """Which conclusions to list."""

    filters: Object | None = None


class ConclusionQuery(Wire):
    """What to look for by meaning; `filters` must name observer and observed."""

    query: Text
    top_k: Count = 10
    distance: Distance | None = None
    filters: Object | None = None


class Conclusion(Wire):
    """A conclusion and what it rests on."""

    id: str
    content: str
    observer_id: str
    observed_id: str
    session_id: str | None
    level: Open[Level]
    created_at: Moment
    source_ids: list[str]
    source_message_ids: list[str]
    times_derived: int

    @classmethod
    def of(cls, stored: conclusion.Conclusion) -> Self:
        return cls(
            id=stored.id,
            content=stored.content,
            observer_id=stored.observer,
            observed_id=stored.observed,
            session_id=stored.session,
            level=stored.level,
            created_at=stored.created_at,
            source_ids=list(stored.source_ids),
            source_message_ids=list(stored.message_ids),
            times_derived=stored.times_derived,
        )
