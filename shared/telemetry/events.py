"""What happened, as events for whoever wants to know: counts, times and ids, never what was said.

Types, versions and fields are those of the v3 documentation where it has them. Names of peers, sessions and files are
given as pseudonyms, the same for the same name of the same workspace.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from shared.domain.json import Json
from shared.domain.trace import Trace
from shared.telemetry import tracing


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event. `is_frequent`: there are so many that a share may be enough."""

    name: str
    category: str
    version: int = 1
    is_frequent: bool = False


MESSAGE_CREATED: Final = EventType("message.created", "api")
FILE_UPLOADED: Final = EventType("file.uploaded", "api")
CONTEXT_RETRIEVED: Final = EventType("context.retrieved", "api")
REPRESENTATION_COMPLETED: Final = EventType("representation.completed", "representation", 2)
DIALECTIC_COMPLETED: Final = EventType("dialectic.completed", "dialectic", 2)
DREAM_RUN: Final = EventType("dream.run", "dream", 2)
DREAM_SPECIALIST: Final = EventType("dream.specialist", "dream", 2)
SUMMARY_CREATED: Final = EventType("agent.tool.summary.created", "agent", 3)
TOOL_CALLED: Final = EventType("agent.tool.call.completed", "agent", is_frequent=True)
MODEL_CALLED: Final = EventType("llm.call.completed", "llm", is_frequent=True)
EMBEDDING_CALLED: Final = EventType("embedding.call.completed", "llm", is_frequent=True)
DELETION_COMPLETED: Final = EventType("deletion.completed", "deletion")
VECTORS_SYNCED: Final = EventType("reconciliation.sync_vectors.completed", "reconciliation")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to `resource` at a time; the same thing is the same event, however often it is told."""

    type: EventType
    resource: str
    at: datetime
    fields: Mapping[str, Json]
    trace: Trace | None

    @property
    def id(self) -> str:
        said = "\n".join((self.type.name, self.resource, self.at.isoformat(), str(self.type.version)))
        return "evt_" + urlsafe_b64encode(hashlib.sha256(said.encode()).digest()[:16]).decode().rstrip("=")


class EventSink(Protocol):
    """Where events go. Must be quick, and not raise."""

    def take(self, event: Event) -> None: ...


_SINKS: Final[list[EventSink]] = []


def listen(sink: EventSink) -> None:
    _SINKS.append(sink)


def unlisten(sink: EventSink) -> None:
    _SINKS.remove(sink)


def publish(kind: EventType, resource: str, **fields: Json) -> None:
    """Tell that it happened now. `resource` is what the id is made from, and stays here."""
    if not _SINKS:
        return
    event = Event(kind, resource, datetime.now(UTC), fields, tracing.current())
    for sink in _SINKS:
        sink.take(event)


def alias(workspace: str | None, name: str | None) -> str | None:
    """What events call a peer, a session or a file of the workspace."""
    if name is None:
        return None
    return hashlib.sha256(f"{workspace}/{name}".encode()).hexdigest()[:16]


def run_id() -> str:
    """What events of one request or one piece of work have in common."""
    return tracing.trace_id() or ""
