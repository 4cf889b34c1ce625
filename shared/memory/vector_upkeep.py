"""Keeping the vector index in line with the rows: what is missing is brought, what is gone is taken out."""

from collections.abc import Iterable, Mapping, MutableSet, Sequence
from datetime import timedelta

from shared.backends import Backends
from shared.domain.conclusion import Conclusion
from shared.domain.errors import BudgetExhausted, IndexRefused, ModelRefused
from shared.domain.vector import ConclusionVector, EmbeddingSpace, Vector
from shared.llm.failures import Objection
from shared.memory import conclude, meaning
from shared.memory.metering import INDEX, metered
from shared.store import index_state, vector_removals
from shared.store.index_state import MANY_ATTEMPTS
from shared.telemetry.logs import logger

_MOST_AT_ONCE = 200
_MOST_REMOVALS = 2000


def index_pending(backends: Backends) -> int:
    """Index conclusions whose vectors never reached the index, the oldest first; gives how many there were.

    A worker that died after its commit leaves them behind, and so does an index that could not be reached: then
    this raises `IndexUnavailable`, before anything was paid for. What is refused by itself is put off, so that it
    holds up nothing else; it is tried again for ever, and an operator is told. A model that refuses us is asked once.
    """
    now, indexed, stopped = backends.clock.now(), 0, list[str]()
    before, refusing = now - index_state.GRACE, set[EmbeddingSpace]()
    while True:
        with backends.db.reading() as conn:
            left = index_state.unindexed(conn, before=before, now=now, most=_MOST_AT_ONCE, without=stopped)
        waiting = [
            one for one in dict.fromkeys(c.workspace for c in left) if not _brought(backends, one, left, refusing)
        ]
        indexed += sum(conclusion.workspace not in waiting for conclusion in left)
        if not waiting:
            return indexed
        # They wait for their budgets or their model, and nobody else with them.
        stopped += waiting


def _brought(
    backends: Backends, workspace: str, left: Sequence[Conclusion], refusing: MutableSet[EmbeddingSpace]
) -> bool:
    """As `bring`; also False where the model of the workspace is one of those `refusing`, which this adds to."""
    space = meaning.embedder(backends, workspace).space
    if space in refusing:
        return False
    try:
        return bring(backends, workspace, left)
    except ModelRefused as error:
        # A key or a name that is wrong: whoever puts that right shall not have to wait until tomorrow.
        logger.error("conclusions_refused_by_model", workspace=workspace, model=space.model, error=str(error))
        refusing.add(space)
        return False


def bring(backends: Backends, workspace: str, left: Sequence[Conclusion]) -> bool:
    """Bring what was left of one workspace, on its own account; False when its budget has no room for that.

    Raises `ModelRefused` for what is not about single texts.
    """
    mine = [conclusion for conclusion in left if conclusion.workspace == workspace]
    try:
        with metered(backends, workspace, embedding=INDEX) as own:
            _bring(own, workspace, mine)
    except BudgetExhausted:
        logger.warning("conclusions_wait_for_budget", workspace=workspace, count=len(mine))
        return False
    return True


def _bring(backends: Backends, workspace: str, left: Sequence[Conclusion]) -> None:
    # Asked first: an index that is away says so here, and one of two that is whole saves the embeddings.
    known = {one.id: one.vector for one in backends.vectors.stored_conclusions(workspace, [one.id for one in left])}
    fresh, refused = embedded(backends, [one for one in left if one.id not in known])
    refused += placed(backends, records_of(left, {**known, **fresh}))
    if refused:
        _postpone(backends, workspace, refused)


def records_of(found: Iterable[Conclusion], vectors: Mapping[str, Vector]) -> list[ConclusionVector]:
    """What the index keeps of those conclusions that have a vector under their id."""
    return [
        ConclusionVector(
            one.workspace, one.id, one.observer, one.observed, one.session, one.level, vectors[one.id], one.content
        )
        for one in found
        if one.id in vectors
    ]


def embedded(backends: Backends, wanted: Sequence[Conclusion]) -> tuple[dict[str, Vector], list[str]]:
    """Vectors by id, and the ids of those whose text the model objects to. Raises `ModelRefused` for the rest of it."""
    if not wanted:
        return {}, []
    texts = list(dict.fromkeys(one.content for one in wanted))
    try:
        by_text = dict(zip(texts, meaning.embed(backends, wanted[0].workspace, texts), strict=True))
    except Objection:
        if len(wanted) == 1:
            return {}, [wanted[0].id]
        halves = [embedded(backends, half) for half in (wanted[: len(wanted) // 2], wanted[len(wanted) // 2 :])]
        return halves[0][0] | halves[1][0], halves[0][1] + halves[1][1]
    return {one.id: by_text[one.content] for one in wanted}, []


def placed(backends: Backends, records: Sequence[ConclusionVector]) -> list[str]:
    """Hand `records` to the index; gives the ids of those that it refuses by themselves."""
    if not records:
        return []
    try:
        conclude.place(backends, records)
    except IndexRefused:
        if len(records) == 1:
            return [records[0].id]
        middle = len(records) // 2
        return placed(backends, records[:middle]) + placed(backends, records[middle:])
    return []


def _postpone(backends: Backends, workspace: str, ids: Sequence[str]) -> None:
    pause = timedelta(seconds=backends.settings.vector_store.reconciliation_interval_seconds)
    now = backends.clock.now()
    attempts = backends.db.run(lambda conn: index_state.postpone(conn, workspace, ids, now, pause=pause))
    say = logger.error if attempts >= int(MANY_ATTEMPTS) else logger.warning
    say("conclusions_refused_by_index", workspace=workspace, count=len(ids), attempts=attempts)


def remove_hidden(backends: Backends) -> int:
    """Take the vectors of what is hidden or gone out of the index; gives how many. Twice does no harm."""
    with backends.db.reading() as conn:
        doomed = vector_removals.due(conn, backends.clock.now(), most=_MOST_REMOVALS)
    for workspace, ids in doomed.items():
        backends.vectors.delete_conclusions(workspace, ids)
        backends.db.run(lambda conn, workspace=workspace, ids=ids: vector_removals.done(conn, workspace, ids))
    return sum(map(len, doomed.values()))
