"""Uploads: a file becomes consecutive messages of one peer."""

from dataclasses import dataclass
from datetime import datetime

from shared.backends import Backends
from shared.domain.errors import TooLarge
from shared.domain.ids import new_id
from shared.domain.json import JsonObject, without_nul
from shared.domain.message import Message, MessageDraft
from shared.memory.file_text import Piece, pieces, text_of
from shared.memory.note import UNNOTED, Note
from shared.memory.record import record_messages
from shared.telemetry import events
from shared.telemetry.events import publish

_MOST_NAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent, with what all of its messages are to carry."""

    peer: str
    name: str
    content_type: str | None
    content: bytes
    metadata: JsonObject
    configuration: JsonObject | None
    created_at: datetime | None


def record_upload(
    backends: Backends, workspace: str, session: str, upload: Upload, *, note: Note[list[Message]] = UNNOTED
) -> list[Message]:
    """Append the file's text to the session, as many messages as it takes; all of them or none.

    Raises `TooLarge`, `UnsupportedType`, `Invalid` for a file that cannot be read, and as `record_messages`.
    """
    limits = backends.settings.app
    if len(upload.content) > limits.max_file_size:
        raise TooLarge(f"a file may have at most {limits.max_file_size} bytes")
    parts = list(pieces(text_of(upload.content, upload.content_type), limits.max_message_size))
    file = new_id()
    drafts = [
        MessageDraft(
            peer=upload.peer,
            content=part.content,
            metadata=upload.metadata,
            configuration=upload.configuration,
            created_at=upload.created_at,
            internal=_facts(upload, file, part, number, len(parts)),
        )
        for number, part in enumerate(parts)
    ]
    stored = record_messages(backends, workspace, session, drafts, note=note)
    publish(
        events.FILE_UPLOADED,
        f"{workspace}:{session}:{file}",
        workspace_name=workspace,
        session_name=events.alias(workspace, session),
        peer_name=events.alias(workspace, upload.peer),
        filename=events.alias(workspace, upload.name),
        file_id=file,
        file_size_bytes=len(upload.content),
        message_count=len(stored),
        total_tokens=sum(message.token_count for message in stored),
    )
    return stored


def _facts(upload: Upload, file: str, part: Piece, number: int, of: int) -> JsonObject:
    """Where in which file the message comes from."""
    facts: JsonObject = {
        "file": {
            "id": file,
            "name": upload.name.encode(errors="replace").decode()[:_MOST_NAME_CHARACTERS],
            "content_type": upload.content_type,
            "size": len(upload.content),
            "piece": number,
            "pieces": of,
            "start": part.start,
            "end": part.end,
        }
    }
    return {key: without_nul(value) for key, value in facts.items()}
