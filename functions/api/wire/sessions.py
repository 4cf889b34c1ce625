"""Sessions on the wire: their members, summaries and context."""

from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field

from functions.api.wire.configuration import SessionConfiguration, shown
from functions.api.wire.fields import Metadata, Moment, Name, Object, Wire
from functions.api.wire.messages import Message
from shared.domain import session, summary
from shared.domain.clock import iso_z
from shared.domain.scope import MAX_SCOPES
from shared.domain.session import ObservationSettings


class SessionPeerConfig(Wire):
    """Who watches whom; null is not set."""

    observe_me: bool | None = None
    observe_others: bool | None = None

    def settings(self) -> ObservationSettings:
        return ObservationSettings(self.observe_me, self.observe_others)


class SessionCreate(Wire):
    """Which session to get, what to make or change it with, and whom to add."""

    id: Name = Field(validation_alias=AliasChoices("id", "name"))
    metadata: Metadata | None = None
    configuration: SessionConfiguration | None = None
    peers: dict[str, SessionPeerConfig] | None = Field(
        default=None, validation_alias=AliasChoices("peers", "peer_names")
    )
    scopes: Annotated[list[str], Field(max_length=MAX_SCOPES)] | None = None


class SessionGet(Wire):
    """Which sessions to list."""

    filters: Object | None = None


class SessionUpdate(Wire):
    """What to change; null keeps."""

    metadata: Metadata | None = None
    configuration: SessionConfiguration | None = None


class Session(Wire):
    """A session."""

    id: str
    is_active: bool
    workspace_id: str
    uid: str
    metadata: Object
    configuration: Object
    created_at: Moment

    @classmethod
    def of(cls, stored: session.Session) -> Self:
        return cls(
            id=stored.name,
            is_active=stored.is_active,
            workspace_id=stored.workspace,
            uid=stored.uid,
            metadata=stored.metadata,
            configuration=shown(stored.configuration),
            created_at=stored.created_at,
        )


class Summary(Wire):
    """A summary up to a message."""

    content: str
    message_id: str
    summary_type: Literal["honcho_chat_summary_short", "honcho_chat_summary_long"]
    created_at: str
    token_count: int

    @classmethod
    def of(cls, stored: summary.Summary) -> Self:
        return cls(
            content=stored.content,
            message_id=stored.message_id,
            summary_type="honcho_chat_summary_short" if stored.kind == "short" else "honcho_chat_summary_long",
            created_at=iso_z(stored.created_at.replace(microsecond=0)),
            token_count=stored.token_count,
        )


class SessionSummaries(Wire):
    """Both summaries of a session, where there are any."""

    id: str
    short_summary: Summary | None
    long_summary: Summary | None


class SessionContext(Wire):
    """What a model should read of a session."""

    id: str
    messages: list[Message]
    summary: Summary | None
    peer_representation: str | None
    peer_card: list[str] | None
