"""Conclusions: create, list, query, get, delete."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer, nothing
from functions.api.auth import requires
from functions.api.deps import NO_BODY, Backed, ReversiblyPaged
from functions.api.description import also
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.conclusions import Conclusion, ConclusionBatchCreate, ConclusionGet, ConclusionQuery
from shared.backends import Backends
from shared.domain import conclusion, filters
from shared.domain.access import Reach
from shared.domain.conclusion import Collection
from shared.domain.errors import FilterError, NotFound
from shared.domain.filter_tree import All, Compare, Filter
from shared.domain.json import Json, JsonObject
from shared.domain.page import PageRequest
from shared.memory.conclude import create_conclusions as save_conclusions
from shared.memory.conclude import delete_conclusion as forget_conclusion
from shared.memory.limits import check_embeddable
from shared.memory.metering import metered
from shared.memory.peers import refuse_scope
from shared.memory.recall import recall, vector_of
from shared.store import conclusions, filter_sql, selections

router = APIRouter(
    prefix="/workspaces/{workspace_id}/conclusions",
    tags=["conclusions"],
    dependencies=[requires(Reach.WORKSPACE)],
    route_class=RepeatingRoute,
)

# With further filters the index is asked for more, because it does not know them.
_ASKED_UNDER_FILTER: Final = 1000
# When too few of them meet the filter: as many of those that do are measured, the newest first.
_MEASURED: Final = 5000


@router.post("", response_model=list[Conclusion], status_code=201, responses=also(402))
def create_conclusions(backends: Backed, once: Once, workspace_id: str, body: ConclusionBatchCreate) -> Response:
    """Save what the caller concluded, all or nothing."""
    for item in body.conclusions:
        refuse_scope(item.observed_id)
        check_embeddable(backends.settings, item.content)
    given = [item.given() for item in body.conclusions]
    return once.take(
        workspace_id,
        lambda note: save_conclusions(backends, workspace_id, given, note=note),
        lambda saved: answer([Conclusion.of(one) for one in saved], 201),
        of="conclusion",
    )


@router.post("/list", response_model=Page[Conclusion])
def list_conclusions(
    backends: Backed, workspace_id: str, page: ReversiblyPaged, body: ConclusionGet | None = NO_BODY
) -> Response:
    """The workspace's conclusions, newest first."""
    wanted = filters.parse(body.filters if body else None, filters.CONCLUSIONS)
    where = selections.live_conclusions(workspace_id).and_(filter_sql.condition(wanted, filter_sql.CONCLUSIONS))
    with backends.db.reading() as conn:
        found = conclusions.page(conn, where, page)
    return envelope(found, page, Conclusion.of)


@router.post("/query", response_model=list[Conclusion], responses=also(402))
def query_conclusions(backends: Backed, workspace_id: str, body: ConclusionQuery) -> Response:
    """The conclusions of one collection that are nearest in meaning to the query."""
    check_embeddable(backends.settings, body.query)
    given: JsonObject = dict(body.filters or {})
    collection = Collection(workspace_id, _taken(given, "observer"), _taken(given, "observed"))
    wanted = filters.parse(given, filters.CONCLUSIONS)
    if body.query.strip():
        with metered(backends, workspace_id) as own:
            found = _by_meaning(own, collection, body, wanted)
    else:
        # Nothing has no direction to measure from: the newest stand for it.
        found = _matching(backends, collection, wanted, most=body.top_k)
    return answer([Conclusion.of(one) for one in found])


@router.get("/{conclusion_id}", response_model=Conclusion)
def get_conclusion(backends: Backed, workspace_id: str, conclusion_id: str) -> Response:
    """One conclusion of the workspace."""
    with backends.db.reading() as conn:
        found = conclusions.get(conn, workspace_id, conclusion_id)
    if found is None:
        raise NotFound(f"conclusion {conclusion_id} not found")
    return answer(Conclusion.of(found))


@router.delete("/{conclusion_id}", status_code=204)
def delete_conclusion(backends: Backed, workspace_id: str, conclusion_id: str) -> Response:
    """Hide a conclusion; what was derived from it stays."""
    forget_conclusion(backends, workspace_id, conclusion_id)
    return nothing()


def _by_meaning(
    backends: Backends, collection: Collection, body: ConclusionQuery, wanted: Filter | None
) -> list[conclusion.Conclusion]:
    k = body.top_k if wanted is None else _ASKED_UNDER_FILTER
    vector = vector_of(backends, collection.workspace, body.query)
    nearest = recall(backends, collection, body.query, vector, k=k, max_distance=body.distance)
    if wanted is None or not nearest:
        return nearest
    among = Compare("id", "in", tuple(one.id for one in nearest))
    kept = {one.id for one in _matching(backends, collection, All((wanted, among)), most=_ASKED_UNDER_FILTER)}
    if len(kept) >= body.top_k or len(nearest) < _ASKED_UNDER_FILTER // 2:
        return [one for one in nearest if one.id in kept][: body.top_k]
    meeting = [one.id for one in _matching(backends, collection, wanted, most=_MEASURED)]
    return recall(backends, collection, body.query, vector, k=body.top_k, max_distance=body.distance, among=meeting)


def _matching(
    backends: Backends, collection: Collection, wanted: Filter | None, *, most: int
) -> list[conclusion.Conclusion]:
    """The newest conclusions of the collection that meet `wanted`."""
    own = (Compare("observer", "eq", collection.observer), Compare("observed", "eq", collection.observed))
    tree = All(own if wanted is None else (*own, wanted))
    where = selections.live_conclusions(collection.workspace).and_(filter_sql.condition(tree, filter_sql.CONCLUSIONS))
    with backends.db.reading() as conn:
        return conclusions.page(conn, where, PageRequest(size=most)).items


def _taken(given: JsonObject, role: str) -> str:
    """The peer that `filters` names in this role, in either spelling; it is taken out of `given`."""
    named: list[Json] = [given.pop(key) for key in (role, f"{role}_id") if key in given]
    first = named[0] if named else None
    if not isinstance(first, str) or any(other != first for other in named):
        raise FilterError(f"filters.{role}_id must name one peer")
    return first
