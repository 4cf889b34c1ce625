"""Scopes on the wire."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field

from functions.api.wire.fields import Metadata, Moment, Text, Wire
from shared.domain import scope
from shared.domain.clock import iso_z
from shared.domain.scope import MAX_SCOPE_LENGTH

ScopeName = Annotated[str, Field(min_length=1, max_length=MAX_SCOPE_LENGTH, pattern=r"^[a-zA-Z0-9_-]+$")]
"""The id of a scope to be made: shorter than others, because its peer's name has a prefix."""


class ScopeCreate(Wire):
    """Which scope to get, and what to make or change it with."""

    id: ScopeName = Field(validation_alias=AliasChoices("id", "name"))
    metadata: Metadata | None = None


class Scope(Wire):
    """A scope."""

    id: str
    metadata: Metadata
    created_at: Moment

    @classmethod
    def of(cls, stored: scope.Scope) -> Self:
        return cls(id=stored.name, metadata=stored.metadata, created_at=stored.created_at)


class ScopeSessionsAdd(Wire):
    """Sessions to put into a scope."""

    session_ids: Annotated[list[Text], Field(min_length=1, max_length=100)]


class BackfillJob(Wire):
    """How far a scope is with one session; `docs_copied` once it is completed."""

    state: Literal["pending", "completed", "failed"]
    updated_at: Moment
    docs_copied: int | None = None


class ScopeStatus(Wire):
    """The sessions whose earlier conclusions a scope takes over."""

    backfill_status: dict[str, BackfillJob]


def shown(found: Sequence[scope.Backfill]) -> dict[str, object]:
    """The status as it is sent: what is not known yet is not there."""
    return {"backfill_status": {one.session: _job(one) for one in found}}


def _job(one: scope.Backfill) -> dict[str, object]:
    known: dict[str, object] = {"state": one.state, "updated_at": iso_z(one.updated_at)}
    return known if one.copied is None else {**known, "docs_copied": one.copied}
