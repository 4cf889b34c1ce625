"""What Prometheus reads, where the operator wants it; open to everybody, and so without any name of a tenant."""

from collections.abc import Callable
from typing import Final, Literal

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.lazy_route import LazyRoute
from shared.domain.access import Reach
from shared.domain.work import TaskKind
from shared.store import gauges
from shared.store.gauges import Session, WorkGauge
from shared.telemetry import prometheus
from shared.telemetry.outlets import Outlets
from shared.telemetry.prometheus import Reading

router = APIRouter(tags=["health"], dependencies=[requires(Reach.EVERYBODY)], route_class=LazyRoute)

_Row = tuple[str, Literal["gauge", "counter"], str, Callable[[WorkGauge], float]]
_WORK: Final[tuple[_Row, ...]] = (
    ("honcho_work_items_pending", "gauge", "Items that wait, those at work included.", lambda g: g.pending),
    ("honcho_work_items_in_progress", "gauge", "Items that a worker holds.", lambda g: g.in_progress),
    ("honcho_work_items_done", "counter", "Items that were finished.", lambda g: g.done),
    ("honcho_work_items_parked", "gauge", "Items that were set aside with their error.", lambda g: g.parked),
    ("honcho_work_oldest_pending_seconds", "gauge", "Age of the oldest item that waits.", lambda g: g.oldest_pending_s),
)


@router.api_route("/metrics", methods=["GET", "HEAD"], include_in_schema=False)
def get_metrics(backends: Backed, request: Request) -> Response:
    """What the functions have counted and what the database knows of itself, as text; 404 unless METRICS_ENABLED."""
    settings = backends.settings
    if not settings.metrics.enabled:
        return PlainTextResponse("Not Found", 404)
    with backends.db.reading() as conn:
        work, sessions = gauges.work(conn, backends.clock.now()), gauges.sessions(conn)
    outlets: Outlets = request.app.state.outlets
    namespace = settings.namespace("metrics")
    told = prometheus.exposition(outlets.prometheus, [*_of_work(work), *_of_database(sessions)], namespace=namespace)
    return Response(told, media_type=prometheus.CONTENT_TYPE)


def _of_work(found: list[WorkGauge]) -> list[Reading]:
    unindexed = sum(gauge.pending for gauge in found if gauge.kind == TaskKind.INDEX)
    return [
        *(
            Reading(name, about, kind, [({"kind": gauge.kind}, value(gauge)) for gauge in found])
            for name, kind, about, value in _WORK
        ),
        Reading("message_embeddings_pending", "Batches of messages without vectors.", "gauge", [({}, unindexed)]),
    ]


def _of_database(found: list[Session]) -> list[Reading]:
    """Of all functions together: the one that is asked knows only its own."""
    by_state = [({"state": one.state}, float(one.count)) for one in found]
    active = sum(one.count for one in found if one.state == "active")
    return [
        Reading("db_pool_connections", "Connections of the functions.", "gauge", by_state),
        Reading("db_queries_in_flight", "Those that a statement runs on.", "gauge", [({}, active)]),
    ]
