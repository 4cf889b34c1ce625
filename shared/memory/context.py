"""A session's context inside a token budget: a summary, the newest messages, and who they are about."""

import time
from dataclasses import dataclass

from shared.backends import Backends
from shared.domain.budgets import chosen_summary
from shared.domain.conclusion import Collection
from shared.domain.errors import Invalid, NotFound
from shared.domain.message import Message
from shared.domain.representation import render
from shared.domain.scope import peer_of
from shared.domain.summary import Summary
from shared.llm import tokens
from shared.memory.represent import represent
from shared.memory.scopes import check_perspective
from shared.store import messages, session_view
from shared.store.session_view import SessionView
from shared.telemetry import events
from shared.telemetry.events import publish


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """What is asked for. `target` None leaves representation and card out; `sessions` is an allowlist.

    `perspective` looks in place of the target itself, and `scope` in place of both.
    """

    tokens: int | None = None
    with_summary: bool = True
    target: str | None = None
    perspective: str | None = None
    scope: str | None = None
    sessions: tuple[str, ...] | None = None
    search_query: str | None = None
    search_top_k: int | None = None
    search_max_distance: float | None = None
    include_most_derived: bool = False
    max_conclusions: int | None = None

    def collection(self, workspace: str) -> Collection | None:
        """Who looks at whom; None without a target. Raises `NameInvalid` for what names no scope."""
        if self.target is None:
            return None
        perspective = self.perspective if self.scope is None else peer_of(self.scope)
        return Collection(workspace, perspective or self.target, self.target)


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What a model should read of a session. Messages are in order; texts are None without a target."""

    messages: list[Message]
    summary: Summary | None
    representation: str | None
    card: tuple[str, ...] | None


def session_context(backends: Backends, workspace: str, session: str, request: ContextRequest) -> SessionContext:
    """Fill the budget: representation and card first, then a summary in at most 40 %, then messages.

    Messages start with the last one that the summary covers and are never cut.
    """
    began = time.monotonic()
    found = _context(backends, workspace, session, request)
    publish(
        events.CONTEXT_RETRIEVED,
        f"{workspace}:{session}:{events.run_id()}",
        workspace_name=workspace,
        context_scope="session",
        session_name=events.alias(workspace, session),
        target_name=events.alias(workspace, request.target),
        tokens_requested=request.tokens,
        message_count=len(found.messages),
        has_summary=found.summary is not None,
        has_representation=found.representation is not None,
        has_peer_card=found.card is not None,
        search_query_provided=request.search_query is not None,
        search_top_k=request.search_top_k,
        search_max_distance=request.search_max_distance,
        include_most_frequent=request.include_most_derived,
        max_conclusions=request.max_conclusions,
        include_summary=request.with_summary,
        limit_to_session=request.sessions is not None,
        peer_perspective_provided=request.perspective is not None,
        total_duration_ms=round((time.monotonic() - began) * 1000),
    )
    return found


def _context(backends: Backends, workspace: str, session: str, request: ContextRequest) -> SessionContext:
    limit = backends.settings.app.get_context_max_tokens
    left = limit if request.tokens is None else request.tokens
    if left > limit:
        raise Invalid(f"tokens must be at most {limit}")
    collection = request.collection(workspace)
    with backends.db.reading() as conn:
        view = session_view.look(conn, workspace, session, collection)
    representation: str | None = None
    card: tuple[str, ...] | None = None
    if collection is not None:
        _check_observer(view, collection, request)
        representation = _representation(backends, collection, request)
        # A card rests on all sessions: under an allowlist it would tell what the list holds back.
        card = view.card if request.sessions is None else None
        left -= tokens.count(representation) + tokens.count("\n".join(card or ()))
    summary = chosen_summary(view.summaries, left) if request.with_summary else None
    kept: list[Message] = []
    if left > 0:
        with backends.db.reading() as conn:
            budget = left - summary.token_count if summary else left
            first = summary.covered_seq if summary else 1
            kept = messages.newest_within(conn, workspace, session, tokens=budget, first=first)
    return SessionContext(kept, summary, representation, card)


def _check_observer(view: SessionView, collection: Collection, request: ContextRequest) -> None:
    """Whoever looks must exist; a peer need not where only certain sessions count."""
    if request.scope is not None:
        check_perspective(view.observer, request.scope)
    elif view.observer is None and request.sessions is None:
        raise NotFound(f"peer {collection.observer} not found")


def _representation(backends: Backends, collection: Collection, request: ContextRequest) -> str:
    return render(
        represent(
            backends,
            collection,
            query=request.search_query,
            top_k=request.search_top_k,
            max_distance=request.search_max_distance,
            include_most_derived=request.include_most_derived,
            limit=request.max_conclusions,
            sessions=request.sessions,
        )
    )
