"""Answers that are too large for Lambda: told as such, where the caller would get a 502 that says nothing."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.answers import is_deliverable
from functions.api.problems import problem

_TOO_LARGE: Final = (
    "The answer would be larger than the 6 MB that are handed over at once: ask for less, for instance a smaller `size`"
)


class Deliverable:
    """Answers 413 in the place of an answer that Lambda would not hand over. A server that streams has no such limit.

    What is written is looked at before it is committed (`functions.api.once`), so that this concerns reading.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "aws.event" not in scope:
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        is_refused = False

        async def looking(message: Message) -> None:
            nonlocal start, is_refused
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                first, start = start, None
                if not is_deliverable(message.get("body", b"")):
                    is_refused = True
                    await problem(413, _TOO_LARGE)(scope, receive, send)
                    return
                await send(first)
            if not is_refused:
                await send(message)

        await self._app(scope, receive, looking)
