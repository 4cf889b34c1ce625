"""A header on answers that had to do without the vector index or the model of embeddings."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.domain import degraded

HEADER: Final = "Degraded"
"""Names what was missing, `vectors` or `embeddings`: what meaning would have found was looked for by words."""


class Degraded:
    """Tells with each answer what it had to do without; nothing where it was whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with degraded.noting() as missing:

            async def telling(message: Message) -> None:
                if missing and message["type"] == "http.response.start":
                    MutableHeaders(scope=message)[HEADER] = ", ".join(sorted(missing))
                await send(message)

            await self._app(scope, receive, telling)
