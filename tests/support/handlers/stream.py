"""A web server for tests: the ASGI application behind the chat routes of the test template."""

import asyncio
import json
import os
from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with the request as it arrived, as three chunks with pauses, or not at all, as the body asks."""
    if scope["type"] != "http":
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    asked = json.loads(body or b"{}")
    if asked.get("exit"):
        os._exit(1)
    if asked.get("hang"):
        await _until_gone(receive, asked["hang"])
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for number in range(3):
        chunk = json.dumps({"path": scope["path"], "asked": asked, "number": number})
        await send({"type": "http.response.body", "body": f"data: {chunk}\n\n".encode(), "more_body": True})
        await asyncio.sleep(float(asked.get("pause_s", 0)))
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Any, mark: str) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    with open(mark, "w") as file:
        file.write("gone")
