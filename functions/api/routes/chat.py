"""Asking about a peer: a whole answer, or one that streams."""

from collections.abc import Iterator
from itertools import chain

from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from functions.api import sse
from functions.api.answers import answer
from functions.api.auth import within_workspace
from functions.api.deps import Backed
from functions.api.scopes import refuse_scopes
from functions.api.wire.chat import ChatResponse, DialecticOptions, Evidence
from shared.backends import Backends
from shared.domain.allowlist import allowlist
from shared.domain.errors import NotFound
from shared.memory import peers
from shared.reasoning import dialectic
from shared.reasoning.dialectic import Question
from shared.store import sessions

router = APIRouter(prefix="/workspaces/{workspace_id}", dependencies=[Depends(within_workspace)])


@router.post(
    "/peers/{peer_id}/chat",
    response_model=ChatResponse,
    tags=["peers"],
    responses={200: {"content": {sse.MEDIA_TYPE: {}}, "description": "The answer, or its pieces while it is written."}},
)
def chat(backends: Backed, workspace_id: str, peer_id: str, body: DialecticOptions) -> Response:
    """Answer a question from what the peer knows of itself or of `target`."""
    refuse_scopes(body.scope, is_narrowed=body.session_id is not None or body.filters is not None)
    question = Question(
        workspace=workspace_id,
        observer=peer_id,
        observed=body.target or peer_id,
        query=body.query,
        level=body.reasoning_level,
        session=body.session_id,
        sessions=_allowed(body),
        answer_schema=body.response_format,
        wants_evidence=body.include_evidence,
    )
    _check(backends, question)
    if body.stream:
        pieces = sse.frames(_begun(dialectic.stream(backends, question)), with_evidence=body.include_evidence)
        return StreamingResponse(pieces, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    answered = dialectic.answer(backends, question)
    evidence = Evidence.of(answered.evidence) if body.include_evidence else None
    return answer(ChatResponse(content=answered.content, evidence=evidence))


def _allowed(body: DialecticOptions) -> tuple[str, ...] | None:
    """The sessions that may be read; `session_id` must be one of them, but does not narrow them to itself."""
    if body.filters is None:
        return None
    allowlist(body.filters, body.session_id)
    return allowlist(body.filters, None)


def _check(backends: Backends, question: Question) -> None:
    """Whom the question is put to is made when missing; whom and what it is about must exist."""
    if question.observed != question.observer:
        peers.require(backends, question.workspace, question.observed)
    if question.session is not None:
        with backends.db.reading() as conn:
            found = sessions.get(conn, question.workspace, question.session)
        if found is None or not found.is_active:
            raise NotFound(f"session {question.session} not found")
    peers.ensure(backends, question.workspace, question.observer)


def _begun(pieces: Iterator[str | dialectic.Answered]) -> Iterator[str | dialectic.Answered]:
    """`pieces` with the first one made: what goes wrong before it can still be answered with a status."""
    return chain([next(pieces)], pieces)
