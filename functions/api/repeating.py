"""A second try for a request whose connection to the database was lost under it."""

import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from functions.api.lazy_route import LazyRoute
from functions.api.reads import is_read
from functions.api.threads import as_coroutine
from shared.domain.errors import Unavailable
from shared.store.database import ConnectionLost
from shared.telemetry.logs import logger

# One that was in use when the server hung up comes back to rest a moment later, and may be lent once more.
_MOST_LOST: Final = 2
_GET_OR_CREATE: Final = re.compile(r"/(?:workspaces|peers|sessions)/?$")


class RepeatingRoute(LazyRoute):
    """A route of the API that runs again what is harmless twice: reads, replacements, get-or-create.

    Messages and conclusions are not repeated here: their verbs know what a lost connection means to them.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, as_coroutine(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_again(request: Request) -> Response:
            for _ in range(_MOST_LOST):
                try:
                    return await handle(request)
                except Unavailable as error:
                    if not _is_lost(error) or not _is_harmless_twice(request.method, request.url.path):
                        raise
                    logger.warning("request_repeated", method=request.method)
                    # What rested beside the lost connection has hardly fared better.
                    request.app.state.backends.db.close()
            return await handle(request)

        return handle_again


def _is_harmless_twice(method: str, path: str) -> bool:
    return is_read(method, path) or method == "PUT" or (method == "POST" and _GET_OR_CREATE.search(path) is not None)


def _is_lost(error: Unavailable) -> bool:
    # The index in Postgres tells of its own outage, whatever the cause.
    return isinstance(error, ConnectionLost) or isinstance(error.__cause__, ConnectionLost)
