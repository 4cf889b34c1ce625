"""Whether the service lives, and whether it can serve. Open to everybody."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from functions.api import problems
from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.description import also
from functions.api.repeating import RepeatingRoute
from shared.domain.access import Reach
from shared.domain.errors import DatabaseUnavailable, cause_of
from shared.store import readiness
from shared.telemetry.logs import logger

# Migrations take seconds; whoever asks for them may need longer.
_MIGRATED_IN_S: Final = 10.0

router = APIRouter(
    prefix="/health", tags=["health"], dependencies=[requires(Reach.EVERYBODY)], route_class=RepeatingRoute
)


@router.get("")
async def health_check() -> Response:
    """The process answers."""
    return answer({"status": "ok"})


@router.get("/ready", responses=also(503))
def readiness_check(backends: Backed) -> Response:
    """The database answers and has the tables this code needs; with the age of the oldest work that waits."""
    try:
        with backends.db.reading() as conn:
            found = readiness.look(conn, backends.clock.now())
    except DatabaseUnavailable as error:
        return _unready("database", str(type(error)()), error.retry_after_s, cause_of(error))
    if not found.is_migrated:
        return _unready("migrations", "The database needs migrations.", _MIGRATED_IN_S, None)
    return answer({"status": "ok", "oldest_pending_s": found.oldest_pending_s})


def _unready(missing: str, detail: str, retry_after_s: float | None, cause: str | None) -> Response:
    # Everybody may ask, so that why it cannot be reached is for the log.
    logger.warning("not_ready", reason=missing, error=cause)
    refusal = answer({"status": "unavailable", "detail": detail}, 503)
    refusal.headers["Retry-After"] = str(problems.retry_after(retry_after_s))
    return refusal
