"""The scope: a named set of sessions seen as one perspective, held by a peer of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Self

from shared.domain.errors import NameInvalid
from shared.domain.ids import MAX_NAME_LENGTH, SCOPE_PREFIX, is_name, is_scope
from shared.domain.json import JsonObject
from shared.domain.peer import Peer

MAX_SCOPE_LENGTH: Final = MAX_NAME_LENGTH - len(SCOPE_PREFIX)
MAX_SCOPES: Final = 100

BackfillState = Literal["pending", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope under the name its users give it, without the prefix of its peer."""

    workspace: str
    name: str
    metadata: JsonObject
    created_at: datetime

    @classmethod
    def of(cls, peer: Peer) -> Self:
        return cls(peer.workspace, peer.name.removeprefix(SCOPE_PREFIX), peer.metadata, peer.created_at)


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far a scope is with what a session had concluded before. `copied` is None until it is completed."""

    session: str
    state: BackfillState
    copied: int | None
    updated_at: datetime


def peer_of(scope: str) -> str:
    """The name of the peer that sees what the scope sees. Raises `NameInvalid` for what names no scope."""
    if is_scope(scope):
        raise NameInvalid(f"scope id must not start with '{SCOPE_PREFIX}'")
    if not is_name(scope) or len(scope) > MAX_SCOPE_LENGTH:
        raise NameInvalid(f"scope id must be 1 to {MAX_SCOPE_LENGTH} characters of letters, digits, '_' and '-'")
    return SCOPE_PREFIX + scope


def is_perspective(peer: Peer) -> bool:
    """Whether the peer was made as a scope's. An ordinary one of such a name, from elsewhere, is observed itself."""
    return is_scope(peer.name) and peer.configuration.get("observe_me") is False
