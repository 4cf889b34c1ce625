"""What is read before a question is put to a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from shared.backends import Backends
from shared.domain.conclusion import DERIVED_LEVELS, Collection, Conclusion, Level
from shared.domain.configuration import Configuration, resolve
from shared.domain.errors import BudgetExhausted, Unavailable
from shared.domain.message import Message
from shared.domain.vector import Vector
from shared.memory.gather import gather
from shared.memory.planning import defaults
from shared.memory.recall import recall, recall_of_all, vector_of
from shared.reasoning.tools.lines import fitting_conclusions
from shared.store import cards, messages, sessions, workspaces
from shared.store.database import Connection
from shared.telemetry.logs import logger

_EXPLICIT: tuple[Level, ...] = ("explicit",)


@dataclass(frozen=True, slots=True)
class Briefing:
    """What the model is shown beside the question. `vector` is the question's, None when it could not be made.

    The cards are None where there are none or where they may not be used; `uses_cards` says whether they may.
    `instructions` are the caller's.
    """

    vector: Vector | None
    conclusions: tuple[Conclusion, ...]
    observer_card: tuple[str, ...] | None
    observed_card: tuple[str, ...] | None
    history: tuple[Message, ...]
    uses_cards: bool = True
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class _Recalled:
    vector: Vector | None = None
    conclusions: tuple[Conclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stored:
    observer_card: tuple[str, ...] | None
    observed_card: tuple[str, ...] | None
    history: tuple[Message, ...]
    uses_cards: bool
    instructions: str | None


def brief(
    backends: Backends,
    collection: Collection,
    query: str,
    *,
    prefetch: int,
    session: str | None,
    sessions: tuple[str, ...] | None,
) -> Briefing:
    """At most `prefetch` explicit and as many derived conclusions near `query`, the cards, the session's end."""
    near = partial(recall, backends, collection, query)
    recalled, stored = gather(
        partial(_recalled, backends, collection.workspace, near, query, prefetch, sessions),
        partial(_stored, backends, collection, session, sessions),
    )
    return Briefing(
        recalled.vector,
        recalled.conclusions,
        stored.observer_card,
        stored.observed_card,
        stored.history,
        stored.uses_cards,
        stored.instructions,
    )


def brief_on_all(
    backends: Backends,
    workspace: str,
    query: str,
    *,
    prefetch: int,
    session: str | None,
    sessions: tuple[str, ...] | None,
) -> Briefing:
    """The same for a question about anybody. No card is shown: each belongs to one peer."""
    near = partial(recall_of_all, backends, workspace, query)
    recalled, stored = gather(
        partial(_recalled, backends, workspace, near, query, prefetch, sessions),
        partial(_stored_of_all, backends, workspace, session, sessions),
    )
    return Briefing(
        recalled.vector, recalled.conclusions, None, None, stored.history, stored.uses_cards, stored.instructions
    )


def _recalled(
    backends: Backends,
    workspace: str,
    near: Callable[..., list[Conclusion]],
    query: str,
    k: int,
    sessions: Sequence[str] | None,
) -> _Recalled:
    """Empty when nothing can be looked up at all: the model can still search."""
    try:
        vector = vector_of(backends, workspace, query)
        # Derived conclusions rest on several sessions: under a list of sessions there are none to show.
        levels = (_EXPLICIT, DERIVED_LEVELS) if sessions is None else (_EXPLICIT,)
        found = gather(*(partial(near, vector, k=k, sessions=sessions, levels=some) for some in levels))
    except (Unavailable, BudgetExhausted) as error:
        logger.warning("prefetch_skipped", error=type(error).__name__)
        return _Recalled()
    return _Recalled(vector, tuple(conclusion for part in found for conclusion in _brief_enough(backends, part)))


def _brief_enough(backends: Backends, near: Sequence[Conclusion]) -> list[Conclusion]:
    """The nearest that together are no longer than a tool's result. What is shown here is never dropped later."""
    llm = backends.settings.llm
    return fitting_conclusions(near, max_chars=llm.max_message_content_chars, budget=llm.max_tool_output_chars)


def _stored(backends: Backends, collection: Collection, session: str | None, allowed: Sequence[str] | None) -> _Stored:
    workspace, own = collection.workspace, Collection(collection.workspace, collection.observer, collection.observer)
    with backends.db.reading() as conn:
        observer_card = observed_card = None
        configuration = _in_force(backends, conn, workspace, session)
        uses_cards = _may_use_cards(configuration, allowed)
        if uses_cards:
            observed_card = cards.get(conn, collection)
            observer_card = cards.get(conn, own) if own != collection else observed_card
    history, instructions = tuple(_history(backends, workspace, session)), configuration.dialectic_instructions
    return _Stored(observer_card, observed_card, history, uses_cards, instructions)


def _stored_of_all(backends: Backends, workspace: str, session: str | None, allowed: Sequence[str] | None) -> _Stored:
    with backends.db.reading() as conn:
        configuration = _in_force(backends, conn, workspace, session)
    history = tuple(_history(backends, workspace, session))
    uses_cards = _may_use_cards(configuration, allowed)
    return _Stored(None, None, history, uses_cards, configuration.dialectic_instructions)


def _history(backends: Backends, workspace: str, session: str | None) -> list[Message]:
    max_tokens = backends.settings.dialectic.session_history_max_tokens
    if session is None or max_tokens <= 0:
        return []
    with backends.db.reading() as conn:
        return messages.newest_within(conn, workspace, session, tokens=max_tokens)


def _may_use_cards(configuration: Configuration, allowed: Sequence[str] | None) -> bool:
    # Cards are made from all sessions: under a list of sessions they would tell about the others.
    return allowed is None and configuration.use_card


def _in_force(backends: Backends, conn: Connection, workspace: str, session: str | None) -> Configuration:
    there = workspaces.get(conn, workspace)
    here = sessions.get(conn, workspace, session) if session is not None else None
    levels = [found.configuration for found in (there, here) if found is not None]
    return resolve(defaults(backends.settings), *levels)
