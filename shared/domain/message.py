"""Messages: what was said, by whom, in which order."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.json import JsonObject


def _nothing() -> JsonObject:
    return {}


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message as it arrives: it has no id and no place in its session yet.

    `internal` are facts about it that clients are not shown.
    """

    peer: str
    content: str
    metadata: JsonObject = field(default_factory=_nothing)
    configuration: JsonObject | None = None
    created_at: datetime | None = None
    internal: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message. `seq` counts 1, 2, 3… within its session, without gaps."""

    id: str
    workspace: str
    session: str
    peer: str
    seq: int
    content: str
    token_count: int
    metadata: JsonObject
    created_at: datetime
