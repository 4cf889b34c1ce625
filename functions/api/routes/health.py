"""Whether the service lives, and whether it can serve. Open to everybody."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.repeating import RepeatingRoute
from shared.domain.access import Reach
from shared.domain.errors import DatabaseUnavailable
from shared.store import readiness
from shared.telemetry.logs import logger

router = APIRouter(
    prefix="/health", tags=["health"], dependencies=[requires(Reach.EVERYBODY)], route_class=RepeatingRoute
)


@router.get("")
async def health_check() -> Response:
    """The process answers."""
    return answer({"status": "ok"})


@router.get("/ready")
def readiness_check(backends: Backed) -> Response:
    """The database answers and has the tables this code needs; with the age of the oldest work that waits."""
    try:
        with backends.db.reading() as conn:
            found = readiness.look(conn, backends.clock.now())
    except DatabaseUnavailable:
        logger.warning("not_ready", reason="database")
        return answer({"status": "unavailable", "reason": "the database cannot be reached"}, 503)
    if not found.is_migrated:
        logger.warning("not_ready", reason="migrations")
        return answer({"status": "unavailable", "reason": "the database needs migrations"}, 503)
    return answer({"status": "ok", "oldest_pending_s": found.oldest_pending_s})
