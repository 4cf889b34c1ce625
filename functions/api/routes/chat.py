"""Asking about a peer or a workspace: a whole answer, or one that streams.

What answers is imported by the first question: `ApiFunction` has these routes only in order to describe them.
"""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from functions.api import sse
from functions.api.answers import answer
from functions.api.auth import Asking, requires
from functions.api.deps import Backed
from functions.api.description import also
from functions.api.narrow_keys import check_memberships, refuse_scope
from functions.api.repeating import RepeatingRoute
from functions.api.scopes import sessions_of, view
from functions.api.wire.chat import ChatResponse, DialecticOptions, Evidence, WorkspaceDialecticOptions
from shared.backends import Backends
from shared.domain.access import Reach
from shared.domain.allowlist import allowlist
from shared.domain.errors import NotFound
from shared.memory import peers, workspaces
from shared.store import sessions

if TYPE_CHECKING:
    from shared.reasoning.dialectic import Answered, AnyQuestion, Question

router = APIRouter(prefix="/workspaces/{workspace_id}", route_class=RepeatingRoute)

_ANSWER: Final[dict[str, Any]] = {
    "content": {sse.MEDIA_TYPE: {}},
    "description": "The answer, or its pieces while it is written.",
}


@router.post(
    "/peers/{peer_id}/chat",
    response_model=ChatResponse,
    tags=["peers"],
    dependencies=[requires(Reach.PEER)],
    responses={200: _ANSWER, **also(402)},
)
def chat(backends: Backed, asking: Asking, workspace_id: str, peer_id: str, body: DialecticOptions) -> Response:
    """Answer a question from what the peer knows of itself or of `target`."""
    from shared.reasoning.dialectic import Question

    refuse_scope(asking, body.scope)
    allowed = _allowed(body)
    check_memberships(backends, asking, workspace_id, (body.session_id, *(allowed or ())))
    is_narrowed = body.session_id is not None or body.filters is not None
    seen = view(backends, workspace_id, body.scope, is_narrowed=is_narrowed)
    question = Question(
        workspace=workspace_id,
        observer=seen.observer or peer_id,
        observed=body.target or peer_id,
        query=body.query,
        level=body.reasoning_level,
        session=body.session_id,
        sessions=allowed if seen.sessions is None else seen.sessions,
        answer_schema=body.response_format,
        wants_evidence=body.include_evidence,
    )
    _check(backends, question, asked=peer_id)
    return _answered(backends, question, is_streamed=body.stream)


@router.post(
    "/chat",
    response_model=ChatResponse,
    tags=["workspaces"],
    dependencies=[requires(Reach.WORKSPACE)],
    responses={200: _ANSWER, **also(402)},
)
def chat_with_workspace(backends: Backed, workspace_id: str, body: WorkspaceDialecticOptions) -> Response:
    """Answer a question from what is known of all peers of the workspace, in all sessions, in one, or in scopes."""
    from shared.reasoning.workspace import WorkspaceQuestion

    within = sessions_of(backends, workspace_id, body.scope, is_narrowed=body.session_id is not None)
    if body.session_id is not None:
        within = (body.session_id,)
    question = WorkspaceQuestion(
        workspace=workspace_id,
        query=body.query,
        level=body.reasoning_level,
        session=body.session_id,
        sessions=within,
        answer_schema=body.response_format,
        wants_evidence=body.include_evidence,
    )
    workspaces.require(backends, workspace_id)
    _check_session(backends, question)
    return _answered(backends, question, is_streamed=body.stream)


def _answered(backends: Backends, question: "AnyQuestion", *, is_streamed: bool) -> Response:
    from shared.reasoning import dialectic

    if is_streamed:
        pieces = sse.frames(_begun(dialectic.stream(backends, question)), with_evidence=question.wants_evidence)
        return StreamingResponse(pieces, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    answered = dialectic.answer(backends, question)
    evidence = Evidence.of(answered.evidence) if question.wants_evidence else None
    return answer(ChatResponse(content=answered.content, evidence=evidence))


def _allowed(body: DialecticOptions) -> tuple[str, ...] | None:
    """The sessions that may be read; `session_id` must be one of them, but does not narrow them to itself."""
    if body.filters is None:
        return None
    allowlist(body.filters, body.session_id)
    return allowlist(body.filters, None)


def _check(backends: Backends, question: "Question", *, asked: str) -> None:
    """Who is asked is made when missing; whom and what the question is about must exist."""
    peers.refuse_scope(question.observed)
    if question.observed != asked:
        peers.require(backends, question.workspace, question.observed)
    _check_session(backends, question)
    peers.ensure(backends, question.workspace, asked)


def _check_session(backends: Backends, question: "AnyQuestion") -> None:
    if question.session is not None:
        with backends.db.reading() as conn:
            found = sessions.get(conn, question.workspace, question.session)
        if found is None or not found.is_active:
            raise NotFound(f"session {question.session} not found")


def _begun(pieces: "Iterator[str | Answered]") -> "Iterator[str | Answered]":
    """`pieces` with the first one made: what goes wrong before it can still be answered with a status."""
    return chain([next(pieces)], pieces)
