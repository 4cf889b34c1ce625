"""Files into messages."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.description import also
from functions.api.lazy_route import LazyRoute
from functions.api.once import Once
from functions.api.wire.fields import Text
from functions.api.wire.messages import Message
from functions.api.wire.uploads import UploadDetails
from shared.domain.access import Reach
from shared.memory.instructions import check_instructions
from shared.memory.uploads import Upload, record_upload

router = APIRouter(
    prefix="/workspaces/{workspace_id}/sessions/{session_id}/messages", tags=["messages"], route_class=LazyRoute
)


@router.post(
    "/upload",
    response_model=list[Message],
    status_code=201,
    dependencies=[requires(Reach.SESSION)],
    responses=also(415),
)
def create_messages_with_file(
    backends: Backed,
    once: Once,
    workspace_id: str,
    session_id: str,
    file: Annotated[UploadFile, File()],
    peer_id: Annotated[Text, Form()],
    metadata: Annotated[str | None, Form()] = None,
    configuration: Annotated[str | None, Form()] = None,
    created_at: Annotated[str | None, Form()] = None,
) -> Response:
    """Append the text of a PDF, text or JSON file to the session, as many messages as it takes; all or none."""
    details = UploadDetails.read(metadata, configuration, created_at)
    settings = None if details.configuration is None else details.configuration.given()
    check_instructions(backends.settings, settings or {})
    upload = Upload(
        peer=peer_id,
        name=file.filename or "",
        content_type=file.content_type,
        # One byte more than is allowed is enough to refuse it.
        content=file.file.read(backends.settings.app.max_file_size + 1),
        metadata=details.metadata or {},
        configuration=settings,
        created_at=details.created_at,
    )
    return once.take(
        workspace_id,
        lambda note: record_upload(backends, workspace_id, session_id, upload, note=note),
        lambda stored: answer([Message.of(message) for message in stored], 201),
        of="message",
    )
