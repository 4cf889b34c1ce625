"""Messages: create, list, get, update."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import NO_BODY, Backed, ReversiblyPaged
from functions.api.once import Once, Unkeyed
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.messages import Message, MessageBatchCreate, MessageCreate, MessageGet, MessageUpdate
from shared.backends import Backends
from shared.domain import filters
from shared.domain.access import Reach
from shared.domain.errors import Invalid, NotFound
from shared.memory.instructions import check_instructions
from shared.memory.record import record_messages
from shared.store import filter_sql, messages, selections

router = APIRouter(
    prefix="/workspaces/{workspace_id}/sessions/{session_id}/messages",
    tags=["messages"],
    route_class=RepeatingRoute,
)


@router.post("", response_model=list[Message], status_code=201, dependencies=[requires(Reach.SESSION)])
@router.post("/", include_in_schema=False, dependencies=[requires(Reach.SESSION)])
def create_messages_for_session(
    backends: Backed, once: Once, batch: Unkeyed, workspace_id: str, session_id: str, body: MessageBatchCreate
) -> Response:
    """Append messages to the session, all or none. What is missing is made: workspace, session, authors."""
    for place, message in enumerate(body.messages):
        _check(backends, place, message)
    drafts = [message.draft() for message in body.messages]
    return once.take(
        workspace_id,
        lambda note: record_messages(backends, workspace_id, session_id, drafts, note=note, batch=batch),
        lambda stored: answer([Message.of(message) for message in stored], 201),
        of="message",
    )


@router.post("/list", response_model=Page[Message], dependencies=[requires(Reach.MEMBER)])
def get_messages(
    backends: Backed, workspace_id: str, session_id: str, page: ReversiblyPaged, body: MessageGet | None = NO_BODY
) -> Response:
    """The session's messages, in the order they were recorded."""
    wanted = filters.parse(body.filters if body else None, filters.MESSAGES)
    where = selections.messages_of(workspace_id, session_id)
    with backends.db.reading() as conn:
        found = messages.page(conn, where.and_(filter_sql.condition(wanted, filter_sql.MESSAGES)), page)
    return envelope(found, page, Message.of)


@router.get("/{message_id}", response_model=Message, dependencies=[requires(Reach.MEMBER)])
def get_message(backends: Backed, workspace_id: str, session_id: str, message_id: str) -> Response:
    """One message of the session."""
    with backends.db.reading() as conn:
        found = messages.get(conn, workspace_id, session_id, message_id)
    if found is None:
        raise NotFound(f"message {message_id} not found")
    return answer(Message.of(found))


@router.put("/{message_id}", response_model=Message, dependencies=[requires(Reach.SESSION)])
def update_message(
    backends: Backed, workspace_id: str, session_id: str, message_id: str, body: MessageUpdate
) -> Response:
    """Replace the message's metadata; nothing else of it can change."""
    with backends.db.reading() as conn:
        if body.metadata is None:
            changed = messages.get(conn, workspace_id, session_id, message_id)
        else:
            changed = messages.set_metadata(conn, workspace_id, session_id, message_id, body.metadata)
    if changed is None:
        raise NotFound(f"message {message_id} not found")
    return answer(Message.of(changed))


def _check(backends: Backends, place: int, message: MessageCreate) -> None:
    limit = backends.settings.app.max_message_size
    if len(message.content) > limit:
        raise Invalid(f"messages[{place}].content must have at most {limit} characters")
    if message.configuration is not None:
        check_instructions(backends.settings, message.configuration.given())
