"""Messages on the wire."""

from typing import Annotated, Self

from pydantic import Field

from functions.api.wire.configuration import MessageConfiguration
from functions.api.wire.fields import GivenMoment, Metadata, Moment, Object, Text, Wire
from shared.domain import message
from shared.domain.message import MessageDraft


class MessageCreate(Wire):
    """A message to be recorded. How long it may be is a setting, so the route looks at that."""

    content: Annotated[Text, Field(json_schema_extra={"maxLength": 25_000})]
    peer_id: Text
    metadata: Metadata | None = None
    configuration: MessageConfiguration | None = None
    created_at: GivenMoment | None = None

    def draft(self) -> MessageDraft:
        return MessageDraft(
            peer=self.peer_id,
            content=self.content,
            metadata=self.metadata or {},
            configuration=None if self.configuration is None else self.configuration.given(),
            created_at=self.created_at,
        )


class MessageBatchCreate(Wire):
    """Messages to be recorded together, in order."""

    messages: Annotated[list[MessageCreate], Field(min_length=1, max_length=100)]


class MessageGet(Wire):
    """Which messages to list."""

    filters: Object | None = None


class MessageUpdate(Wire):
    """The new metadata; null keeps."""

    metadata: Metadata | None = None


class MessageSearchOptions(Wire):
    """What to search for among messages."""

    query: Text
    filters: Object | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class WorkspaceMessageSearchOptions(MessageSearchOptions):
    """As in a peer or session; and within a scope."""

    scope: str | None = None


class Message(Wire):
    """A message."""

    id: str
    content: str
    peer_id: str
    session_id: str
    metadata: Object
    created_at: Moment
    workspace_id: str
    token_count: int

    @classmethod
    def of(cls, stored: message.Message) -> Self:
        return cls(
            id=stored.id,
            content=stored.content,
            peer_id=stored.peer,
            session_id=stored.session,
            metadata=stored.metadata,
            created_at=stored.created_at,
            workspace_id=stored.workspace,
            token_count=stored.token_count,
        )
