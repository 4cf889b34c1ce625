"""What Prometheus reads, where the operator wants it; open to everybody, and so without any name of a tenant."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from functions.api.auth import requires
from functions.api.deps import Backed
from shared.domain.access import Reach
from shared.store import gauges
from shared.store.gauges import WorkGauge

router = APIRouter(tags=["health"], dependencies=[requires(Reach.EVERYBODY)])

_FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"
_GAUGES: Final[tuple[tuple[str, str, str, Callable[[WorkGauge], float]], ...]] = (
    ("honcho_work_items_pending", "gauge", "Items that wait, those at work included.", lambda g: g.pending),
    ("honcho_work_items_in_progress", "gauge", "Items that a worker holds.", lambda g: g.in_progress),
    ("honcho_work_items_done_total", "counter", "Items that were finished.", lambda g: g.done),
    ("honcho_work_items_parked", "gauge", "Items that were set aside with their error.", lambda g: g.parked),
    ("honcho_work_oldest_pending_seconds", "gauge", "Age of the oldest item that waits.", lambda g: g.oldest_pending_s),
)


@router.api_route("/metrics", methods=["GET", "HEAD"], include_in_schema=False)
def get_metrics(backends: Backed) -> Response:
    """Background work by kind, as text; 404 unless METRICS_ENABLED."""
    if not backends.settings.metrics.enabled:
        return PlainTextResponse("Not Found", 404)
    with backends.db.reading() as conn:
        found = gauges.work(conn, backends.clock.now())
    return PlainTextResponse("\n".join(_lines(found)) + "\n", media_type=_FORMAT)


def _lines(found: list[WorkGauge]) -> list[str]:
    lines: list[str] = []
    for name, kind, about, value in _GAUGES:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        lines += [f'{name}{{kind="{gauge.kind}"}} {value(gauge):g}' for gauge in found]
    return lines
