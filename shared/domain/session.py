"""The session and who is in it."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation. Inactive means that its deletion was accepted and its purge is under way."""

    workspace: str
    name: str
    uid: str
    is_active: bool
    metadata: JsonObject
    configuration: JsonObject
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ObservationSettings:
    """Who watches whom, as set on a membership; None means not set."""

    observe_me: bool | None = None
    observe_others: bool | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A peer in a session. `left_at` is None while it is active."""

    peer: str
    settings: ObservationSettings
    peer_observes_me: bool | None
    joined_at: datetime
    left_at: datetime | None

    @property
    def is_active(self) -> bool:
        return self.left_at is None

    @property
    def is_observed(self) -> bool:
        """The membership's word first, then the peer's own, then yes."""
        for flag in (self.settings.observe_me, self.peer_observes_me):
            if flag is not None:
                return flag
        return True

    @property
    def observes_others(self) -> bool:
        return self.is_active and self.settings.observe_others is True
