"""Recalling conclusions by meaning."""

from collections.abc import Sequence

from shared.backends import Backends
from shared.domain.conclusion import Collection, Conclusion, Level
from shared.domain.vector import Vector
from shared.store import conclusions


def recall(
    backends: Backends,
    collection: Collection,
    query: str,
    *,
    k: int,
    max_distance: float | None = None,
    levels: Sequence[Level] | None = None,
    sessions: Sequence[str] | None = None,
) -> list[Conclusion]:
    """The `k` conclusions nearest in meaning to `query`, nearest first.

    Raises `ModelUnavailable` or `IndexUnavailable`: nothing found is a different answer.
    """
    if k <= 0:
        return []
    vector = backends.models.embedder().embed([query])[0]
    return recall_by_vector(
        backends, collection, vector, k=k, max_distance=max_distance, levels=levels, sessions=sessions
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
) -> list[Conclusion]:
    """As `recall`, with the query's vector at hand."""
    [hits] = backends.vectors.nearest_conclusions(
        collection, [vector], k=k, max_distance=max_distance, levels=levels, sessions=sessions
    )
    if not hits:
        return []
    with backends.db.reading() as conn:
        rows = conclusions.by_ids(conn, collection.workspace, [hit.id for hit in hits])
    # The index may still hold what was deleted a moment ago.
    return [rows[hit.id] for hit in hits if hit.id in rows]
