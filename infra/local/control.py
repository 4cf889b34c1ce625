"""What the door answers to the tool and to tests, below `/_local/`: status, and functions invoked directly."""

import ipaddress
import json
from collections.abc import Callable
from typing import TypedDict

from infra.local.admission import AdmissionStatus
from infra.local.errands import ErrandsStatus
from infra.local.runtime import Pool, PoolStatus
from infra.local.web import Receive, Scope, Send
from infra.local.web_function import WebFunction, WebFunctionStatus


class QueueStatus(TypedDict):
    """What `status` shows of one queue."""

    visible: int
    in_flight: int
    oldest_age_s: float


class StackStatus(TypedDict):
    """The answer of `GET /_local/status`."""

    functions: dict[str, PoolStatus]
    web_functions: dict[str, WebFunctionStatus]
    door: dict[str, AdmissionStatus]
    errands: ErrandsStatus
    queues: dict[str, QueueStatus]
    ignored_resources: list[str]


class Control:
    """The ASGI application behind the prefix. Only for this machine, and never for a web page opened on it."""

    def __init__(
        self, pools: dict[str, Pool], web_functions: dict[str, WebFunction], describe: Callable[[], StackStatus]
    ) -> None:
        self._pools = pools
        self._web_functions = web_functions
        self._describe = describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match str(scope["method"]), str(scope["path"]).split("/")[2:]:
            case _ if not _is_own(scope):
                await _reply(send, 403, {"detail": "This address is for the tool on this machine only"})
            case "GET", ["status"]:
                await _reply(send, 200, self._describe())
            case "POST", ["invoke", name] if name in self._pools:
                await self._invoke(self._pools[name], await _read(receive), send)
            case _:
                await _reply(send, 404, {"detail": "Not Found"})

    async def _invoke(self, pool: Pool, event: bytes, send: Send) -> None:
        result = await pool.invoke(event or b"{}")
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(result.payload))]
        if result.error is not None:
            # As the Invoke operation of Lambda tells it.
            headers.append((b"x-amz-function-error", result.error.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": result.payload})


def _is_own(scope: Scope) -> bool:
    """From this machine, by its loopback name, and not by a script of some web page."""
    client = scope.get("client")
    headers = {bytes(name): bytes(value) for name, value in scope["headers"]}
    host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0].strip("[]")
    return client is not None and is_loopback(str(client[0])) and is_loopback(host) and b"origin" not in headers


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while (message := await receive())["type"] == "http.request":
        chunks.append(bytes(message.get("body", b"")))
        if not message.get("more_body"):
            break
    return b"".join(chunks)


async def _reply(send: Send, status: int, document: object) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
