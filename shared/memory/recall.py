"""Recalling conclusions by meaning."""

from collections.abc import Iterable, Sequence

from shared.backends import Backends
from shared.domain.conclusion import Collection, Conclusion, Level, normal_form
from shared.domain.vector import Vector
from shared.memory.metering import metered
from shared.store import conclusions

# Several peers may hold the same of one: so many more are looked at that enough different ones remain.
_VIEWS_PER_CONCLUSION = 4


def recall(
    backends: Backends,
    collection: Collection,
    query: str,
    *,
    k: int,
    max_distance: float | None = None,
    levels: Sequence[Level] | None = None,
    sessions: Sequence[str] | None = None,
    among: Sequence[str] | None = None,
) -> list[Conclusion]:
    """The `k` conclusions nearest in meaning to `query`, nearest first; with `among` only those of these ids.

    Raises `ModelUnavailable`, `IndexUnavailable` or `BudgetExhausted`: nothing found is a different answer.
    """
    if k <= 0:
        return []
    with metered(backends, collection.workspace) as own:
        vector = own.models.embedder().embed([query])[0]
        return recall_by_vector(
            own, collection, vector, k=k, max_distance=max_distance, levels=levels, sessions=sessions, among=among
        )


def recall_by_vector(
    backends: Backends,
    collection: Collection,
    vector: Vector,
    *,
    k: int,
    max_distance: float | None = None,
    levels: Sequence[Level] | None = None,
    sessions: Sequence[str] | None = None,
    among: Sequence[str] | None = None,
) -> list[Conclusion]:
    """As `recall`, with the query's vector at hand."""
    # Derived conclusions rest on several sessions: under a list of sessions there are none.
    wanted = levels if sessions is None else ("explicit",)
    [hits] = backends.vectors.nearest_conclusions(
        collection, [vector], k=k, max_distance=max_distance, levels=wanted, sessions=sessions, among=among
    )
    if not hits:
        return []
    with backends.tab.riding() as made, backends.db.reading() as conn:
        rows = conclusions.by_ids(conn, collection.workspace, [hit.id for hit in hits], made)
    # The index may still hold what was deleted a moment ago.
    return [rows[hit.id] for hit in hits if hit.id in rows]


def recall_of_all(
    backends: Backends,
    workspace: str,
    vector: Vector,
    *,
    k: int,
    levels: Sequence[Level] | None = None,
    sessions: Sequence[str] | None = None,
) -> list[Conclusion]:
    """The `k` conclusions about any peer that are nearest to a query's vector, nearest first.

    What several peers hold of one in the same words is given once, as its own view if that is among them. With
    `sessions` only explicit ones of these sessions.
    """
    hits = backends.vectors.nearest_in_workspace(
        workspace,
        vector,
        k=k * _VIEWS_PER_CONCLUSION,
        levels=levels if sessions is None else ("explicit",),
        sessions=sessions,
    )
    if not hits:
        return []
    with backends.db.reading() as conn:
        rows = conclusions.by_ids(conn, workspace, [hit.id for hit in hits])
    return _each_once(rows[hit.id] for hit in hits if hit.id in rows)[:k]


def newest_of_all(
    backends: Backends, workspace: str, *, k: int, sessions: Sequence[str] | None = None
) -> list[Conclusion]:
    """The `k` newest conclusions about any peer, newest first; the rest as in `recall_of_all`."""
    most = k * _VIEWS_PER_CONCLUSION
    with backends.db.reading() as conn:
        return _each_once(conclusions.newest_of_all(conn, workspace, most=most, sessions=sessions))[:k]


def _each_once(read: Iterable[Conclusion]) -> list[Conclusion]:
    """`read`, with what several peers hold of one in the same words given once, as its own view if there is one."""
    said: dict[tuple[object, ...], Conclusion] = {}
    for one in read:
        key = (one.observed, one.level, one.session, normal_form(one.content))
        if key not in said or one.observer == one.observed:
            said[key] = one
    return list(said.values())
