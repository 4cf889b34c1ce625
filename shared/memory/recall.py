"""Recalling conclusions by meaning, and by their words where meaning cannot be told."""

from collections.abc import Iterable, Sequence

from shared.backends import Backends
from shared.domain import degraded
from shared.domain.conclusion import Collection, Conclusion, Level, normal_form
from shared.domain.errors import DatabaseUnavailable, IndexUnavailable, ModelRefused, ModelUnavailable, ServiceError
from shared.domain.vector import Vector
from shared.memory import meaning
from shared.store import conclusion_words, conclusions
from shared.telemetry.logs import logger

# Several peers may hold the same of one: so many more are looked at that enough different ones remain.
_VIEWS_PER_CONCLUSION = 4


def vector_of(backends: Backends, workspace: str, query: str) -> Vector | None:
    """The query's vector; None, and noted, where the model cannot make one."""
    try:
        return meaning.embed(backends, workspace, [query])[0]
    except (ModelUnavailable, ModelRefused) as error:
        _without(error)
        return None


def recall(
    backends: Backends,
    collection: Collection,
    query: str,
    vector: Vector | None,
    *,
    k: int,
    max_distance: float | None = None,
    levels: Sequence[Level] | None = None,
    sessions: Sequence[str] | None = None,
    among: Sequence[str] | None = None,
) -> list[Conclusion]:
    """The `k` conclusions nearest in meaning to `query`, nearest first; with `among` only those of these ids.

    Without its `vector`, or with the index away, those that share most words with it: nothing found would be a
    different answer. Distances count for nothing then, and the answer is noted as degraded.
    """
    if k <= 0:
        return []
    # Derived conclusions rest on several sessions: under a list of sessions there are none.
    wanted = levels if sessions is None else ("explicit",)
    found = near(
        backends, collection, vector, k=k, max_distance=max_distance, levels=wanted, sessions=sessions, among=among
    )
    with backends.tab.riding() as made, backends.db.reading() as conn:
        if found is None:
            return conclusion_words.by_words(
                conn, collection, query, k=k, levels=wanted, sessions=sessions, among=among
            )
        rows = conclusions.by_ids(conn, collection.workspace, found, made)
    # The index may still hold what was deleted a moment ago.
    return [rows[one] for one in found if one in rows]


def near(
    backends: Backends,
    collection: Collection,
    vector: Vector | None,
    *,
    k: int,
    max_distance: float | None,
    levels: Sequence[Level] | None,
    sessions: Sequence[str] | None,
    among: Sequence[str] | None = None,
) -> list[str] | None:
    """Ids of the nearest conclusions; None where there is no vector, and, noted, where there is no index to ask."""
    if vector is None:
        return None
    try:
        [hits] = backends.vectors.nearest_conclusions(
            collection, [vector], k=k, max_distance=max_distance, levels=levels, sessions=sessions, among=among
        )
    except IndexUnavailable as error:
        _without(error)
        return None
    return [hit.id for hit in hits]


def recall_of_all(
    backends: Backends,
    workspace: str,
    query: str,
    vector: Vector | None,
    *,
    k: int,
    levels: Sequence[Level] | None = None,
    sessions: Sequence[str] | None = None,
) -> list[Conclusion]:
    """The `k` conclusions about any peer that are nearest to a query, nearest first; by its words as in `recall`.

    What several peers hold of one in the same words is given once, as its own view if that is among them. With
    `sessions` only explicit ones of these sessions.
    """
    most = k * _VIEWS_PER_CONCLUSION
    wanted = levels if sessions is None else ("explicit",)
    hits = None
    if vector is not None:
        try:
            hits = backends.vectors.nearest_in_workspace(workspace, vector, k=most, levels=wanted, sessions=sessions)
        except IndexUnavailable as error:
            _without(error)
    with backends.db.reading() as conn:
        if hits is None:
            found = conclusion_words.by_words(conn, workspace, query, k=most, levels=wanted, sessions=sessions)
        else:
            rows = conclusions.by_ids(conn, workspace, [hit.id for hit in hits])
            found = [rows[hit.id] for hit in hits if hit.id in rows]
    return _each_once(found)[:k]


def _without(error: ServiceError) -> None:
    if isinstance(error.__cause__, DatabaseUnavailable):
        # Words are in the same place: whoever asked may ask again, and gets a whole answer.
        raise error
    logger.warning("recalled_by_words_only", reason=type(error).__name__)
    degraded.note(error)


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
