"""The working representation: conclusions chosen by meaning, by how often they were derived, by age."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.backends import Backends
from shared.domain import degraded
from shared.domain.conclusion import Collection, Conclusion, Level
from shared.domain.errors import BudgetExhausted
from shared.domain.vector import Vector
from shared.memory import recall
from shared.memory.metering import metered
from shared.store import conclusion_words, conclusions


@dataclass(frozen=True, slots=True)
class Shares:
    """How many conclusions each way of choosing may contribute at most."""

    semantic: int
    most_derived: int
    total: int


def shares(total: int, *, has_query: bool, top_k: int | None, include_most_derived: bool) -> Shares:
    """The split of `total`: a third or `top_k` by meaning, then the most derived, the newest fill up."""
    semantic = min(max(1, top_k or total // 3), total) if has_query else 0
    derived = 0
    if include_most_derived:
        derived = min(total // 3, total - semantic) if has_query else total // 2
    return Shares(semantic, derived, total)


def represent(
    backends: Backends,
    collection: Collection,
    *,
    query: str | None = None,
    top_k: int | None = None,
    max_distance: float | None = None,
    include_most_derived: bool = False,
    limit: int | None = None,
    sessions: Sequence[str] | None = None,
) -> list[Conclusion]:
    """At most `limit` conclusions of the collection, in no particular order; None is what the server is set to.

    With `sessions` only explicit ones of these sessions. `max_distance` limits the semantic part only. Where
    model or index cannot be reached, those that share words with the query are the semantic part.
    """
    question = (query or "").strip()
    limit = limit or backends.settings.deriver.working_representation_max_observations
    split = shares(limit, has_query=bool(question), top_k=top_k, include_most_derived=include_most_derived)
    levels: tuple[Level, ...] | None = None if sessions is None else ("explicit",)
    with metered(backends, collection.workspace) as own:
        near: list[str] | None = []
        if question:
            near = recall.near(
                own,
                collection,
                _vector_of(own, collection.workspace, question),
                k=split.semantic,
                max_distance=max_distance,
                levels=levels,
                sessions=sessions,
            )
        with own.tab.riding() as made, own.db.reading() as conn:
            if near is None:
                alike = conclusion_words.by_words(
                    conn, collection, question, k=split.semantic, levels=levels, sessions=sessions
                )
                near = [one.id for one in alike]
            # The newest may be among those chosen already: so many more are looked at that the rest is filled.
            found = conclusions.chosen(
                conn, collection, ids=near, most_derived=split.most_derived, newest=limit, sessions=sessions, made=made
            )
    said: dict[tuple[object, ...], Conclusion] = {}
    for one in found[:limit]:
        # Whoever states something three times at once has said it once.
        said.setdefault((one.content, one.level, one.session, one.occurred_at.replace(microsecond=0)), one)
    return list(said.values())


def _vector_of(backends: Backends, workspace: str, query: str) -> Vector | None:
    try:
        return recall.vector_of(backends, workspace, query)
    except BudgetExhausted as error:
        # What is chosen by words is free.
        degraded.note(error)
        return None
