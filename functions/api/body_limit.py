"""A limit to what a request may send, looked at before it is read: a body is held in memory as a whole."""

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.lengths import announced_bytes
from functions.api.problems import problem

FORM_BYTES: Final = 1024 * 1024
"""What an upload may have around its file: boundaries, metadata, configuration."""
_UPLOAD: Final = re.compile(r"/messages/upload/?$")
# Nobody reads what is still to come, so the connection is of no more use.
_CLOSING: Final = {"Connection": "close"}


class BodyLimit:
    """Answers 413 to a body that announces or turns out to be too large, without reading the rest of it."""

    def __init__(self, app: ASGIApp, *, max_file_size: int, max_body_bytes: int) -> None:
        self._app = app
        self._upload = max_file_size + FORM_BYTES
        self._most = max_body_bytes
        self._upload_told = f"The upload is too large: a file may have at most {max_file_size} bytes"
        self._told = f"The body is too large: it may have at most {max_body_bytes} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = _UPLOAD.search(scope["path"]) is not None
        most, told = (self._upload, self._upload_told) if is_upload else (self._most, self._told)
        if announced_bytes(scope["headers"]) > most:
            await problem(413, told, _CLOSING)(scope, receive, send)
            return
        size = 0

        async def counting() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                # Whoever reads the body passes this class on, and turns any other into a 400.
                raise HTTPException(413, told, _CLOSING)
            return message

        await self._app(scope, counting, send)
