"""A session's context inside a token budget: a summary, the newest messages, and who they are about."""

from dataclasses import dataclass

from shared.backends import Backends
from shared.domain.budgets import chosen_summary
from shared.domain.conclusion import Collection
from shared.domain.errors import Invalid
from shared.domain.message import Message
from shared.domain.representation import render
from shared.domain.summary import Summary
from shared.llm import tokens
from shared.memory.represent import represent
from shared.store import cards, messages, summaries


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """What is asked for. `target` None leaves representation and card out; `sessions` is an allowlist."""

    tokens: int | None = None
    with_summary: bool = True
    target: str | None = None
    perspective: str | None = None
    sessions: tuple[str, ...] | None = None
    search_query: str | None = None
    search_top_k: int | None = None
    search_max_distance: float | None = None
    include_most_derived: bool = False
    max_conclusions: int = 100


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
    limit = backends.settings.app.get_context_max_tokens
    left = limit if request.tokens is None else request.tokens
    if left > limit:
        raise Invalid(f"tokens must be at most {limit}")
    representation, card = _about(backends, workspace, request)
    if representation:
        left -= tokens.count(representation)
    if card:
        left -= tokens.count("\n".join(card))
    with backends.db.reading() as conn:
        stored = summaries.both(conn, workspace, session) if request.with_summary else {}
        summary = chosen_summary(stored, left)
        budget = left - summary.token_count if summary else left
        first = summary.covered_seq if summary else 1
        kept = messages.newest_within(conn, workspace, session, tokens=budget, first=first) if left > 0 else []
    return SessionContext(kept, summary, representation, card)


def _about(backends: Backends, workspace: str, request: ContextRequest) -> tuple[str | None, tuple[str, ...] | None]:
    if request.target is None:
        return None, None
    collection = Collection(workspace, request.perspective or request.target, request.target)
    chosen = represent(
        backends,
        collection,
        query=request.search_query,
        top_k=request.search_top_k,
        max_distance=request.search_max_distance,
        include_most_derived=request.include_most_derived,
        limit=request.max_conclusions,
        sessions=request.sessions,
    )
    # A card rests on all sessions: under an allowlist it would tell what the list holds back.
    if request.sessions is not None:
        return render(chosen), None
    with backends.db.reading() as conn:
        return render(chosen), cards.get(conn, collection)
