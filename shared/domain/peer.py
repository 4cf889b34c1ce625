"""The peer: anyone, human or agent, that the memory knows."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class Peer:
    """A participant of a workspace. `configuration` carries only `observe_me` on the wire.

    One that is being erased is not active: nothing is written for it any more.
    """

    workspace: str
    name: str
    uid: str
    metadata: JsonObject
    configuration: JsonObject
    created_at: datetime
    is_active: bool = True
