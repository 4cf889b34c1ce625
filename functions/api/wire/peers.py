"""Peers on the wire, and what is known about them."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, Field

from functions.api.wire.configuration import shown_of_peer
from functions.api.wire.fields import Metadata, Moment, Name, Object, Text, Wire
from shared.domain import peer
from shared.domain.json import JsonObject
from shared.domain.scope import MAX_SCOPES

Count = Annotated[int, Field(ge=1, le=100)]
Distance = Annotated[float, Field(ge=0, le=1)]
ScopeNames = Annotated[list[str], Field(min_length=1, max_length=MAX_SCOPES)]


def _flagged(given: JsonObject) -> JsonObject:
    """A flag that is none would be kept and mean nothing: whoever wrote "false" would go on being observed."""
    if not isinstance(given.get("observe_me"), bool | None):
        raise ValueError("observe_me should be true, false or null")
    return given


PeerConfiguration = Annotated[Object, AfterValidator(_flagged)]


class PeerCreate(Wire):
    """Which peer to get, and what to make or change it with."""

    id: Name = Field(validation_alias=AliasChoices("id", "name"))
    metadata: Metadata | None = None
    configuration: PeerConfiguration | None = None


class PeerGet(Wire):
    """Which peers to list: ordinary ones unless `kind` says otherwise."""

    filters: Object | None = None
    kind: Literal["scope", "all"] | None = None


class PeerUpdate(Wire):
    """What to replace; null keeps."""

    metadata: Metadata | None = None
    configuration: PeerConfiguration | None = None


class Peer(Wire):
    """A peer."""

    id: str
    workspace_id: str
    uid: str
    created_at: Moment
    metadata: Object
    configuration: Object

    @classmethod
    def of(cls, stored: peer.Peer) -> Self:
        return cls(
            id=stored.name,
            workspace_id=stored.workspace,
            uid=stored.uid,
            created_at=stored.created_at,
            metadata=stored.metadata,
            configuration=shown_of_peer(stored.configuration),
        )


class PeerRepresentationGet(Wire):
    """What to represent: of whom, from which sessions, near which question."""

    target: Text | None = None
    session_id: Text | None = None
    filters: Object | None = None
    scope: str | ScopeNames | None = None
    search_query: Text | None = None
    search_top_k: Count | None = None
    search_max_distance: Distance | None = None
    include_most_frequent: bool | None = None
    max_conclusions: Count | None = 25


class RepresentationResponse(Wire):
    """A representation; `""` when there is nothing to say."""

    representation: str


class PeerCardSet(Wire):
    """The card's new lines."""

    peer_card: list[Text]


class PeerCardResponse(Wire):
    """The card's lines; null when none was ever written."""

    peer_card: list[str] | None


class PeerContext(Wire):
    """What one peer knows of another."""

    peer_id: str
    target_id: str
    representation: str | None
    peer_card: list[str] | None
