"""Workspaces on the wire."""

from typing import Self

from pydantic import AliasChoices, Field

from functions.api.wire.configuration import WorkspaceConfiguration, shown
from functions.api.wire.fields import Metadata, Moment, Name, Object, Wire
from shared.domain import workspace
from shared.domain.json import Json


class WorkspaceCreate(Wire):
    """Which workspace to get, and what to make it with."""

    id: Name = Field(validation_alias=AliasChoices("id", "name"))
    metadata: Metadata = Field(default_factory=dict[str, Json])
    configuration: WorkspaceConfiguration = Field(default_factory=WorkspaceConfiguration)


class WorkspaceGet(Wire):
    """Which workspaces to list."""

    filters: Object | None = None


class WorkspaceUpdate(Wire):
    """What to change; null keeps."""

    metadata: Metadata | None = None
    configuration: WorkspaceConfiguration | None = None


class Workspace(Wire):
    """A workspace."""

    id: str
    uid: str
    metadata: Object
    configuration: Object
    created_at: Moment

    @classmethod
    def of(cls, stored: workspace.Workspace) -> Self:
        return cls(
            id=stored.name,
            uid=stored.uid,
            metadata=stored.metadata,
            configuration=shown(stored.configuration),
            created_at=stored.created_at,
        )
