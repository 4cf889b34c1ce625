"""The SQS endpoint of the local stack: an ASGI application that speaks the AWS JSON protocol 1.0 over LocalQueues.

Requests are not checked for a signature: it listens on loopback only. `POST /_clock` with {"advance": seconds}
moves the clock of all queues, `GET /_depth` counts their messages.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from infra.local.fifo import Depth
from infra.local.fifo_message import Draft, ReceivedMessage
from infra.local.queues import AdjustableClock, LocalQueues
from infra.local.sqs_errors import InternalError, SqsError, UnsupportedOperation
from infra.local.sqs_message_operations import MESSAGE_OPERATIONS, Answer, receive
from infra.local.sqs_parameters import Parameters
from infra.local.sqs_queue_operations import QUEUE_OPERATIONS

__all__ = ["AdjustableClock", "Depth", "Draft", "LocalQueues", "ReceivedMessage", "application"]

logger = logging.getLogger(__name__)

_MEDIA_TYPE = "application/x-amz-json-1.0"
_OPERATIONS = {**QUEUE_OPERATIONS, **MESSAGE_OPERATIONS}


def application(queues: LocalQueues) -> Starlette:
    """The endpoint over `queues`, to be served on the event loop the queues live on."""
    return Starlette(
        routes=[
            Route("/_clock", _advance_clock(queues), methods=["POST"]),
            Route("/_depth", _show_depth(queues), methods=["GET"]),
            # boto3 posts to "/", older SDKs to the queue's own URL.
            Route("/{path:path}", _JsonProtocol(queues)),
        ]
    )


class _JsonProtocol:
    """One operation per request, named by X-Amz-Target. Plain ASGI, because a send is mostly overhead anyway."""

    def __init__(self, queues: LocalQueues) -> None:
        self._queues = queues

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        target = request.headers.get("x-amz-target", "")
        body = await request.body()
        if target == "AmazonSQS.ReceiveMessage":
            response = await _unless_gone(self._answer(target, body), receive)
        else:
            response = await self._answer(target, body)
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, target: str, body: bytes) -> Response:
        try:
            return _response(await self._call(target, body))
        except SqsError as error:
            return _refusal(error)
        except Exception:
            logger.exception("sqs_operation_failed target=%s", target)
            return _refusal(InternalError())

    async def _call(self, target: str, body: bytes) -> Answer:
        service, _, operation = target.partition(".")
        if service != "AmazonSQS":
            raise UnsupportedOperation(
                "Only the AWS JSON protocol is served here: X-Amz-Target: AmazonSQS.<operation>."
            )
        parameters = Parameters.from_body(body)
        if operation == "ReceiveMessage":
            return await receive(self._queues, parameters)
        if operation not in _OPERATIONS:
            raise UnsupportedOperation(f"{operation} is not served here.")
        return _OPERATIONS[operation](self._queues, parameters)


async def _unless_gone(answer: Coroutine[None, None, Response], receive: Receive) -> Response | None:
    """The answer, or None when the client went away first, so that no message is handed to nobody."""
    answering = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait([answering, gone], return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()
        gone.cancel()


def _advance_clock(queues: LocalQueues) -> Callable[[Request], Awaitable[Response]]:
    async def advance_clock(request: Request) -> Response:
        seconds = json.loads(await request.body())["advance"]
        if not isinstance(seconds, int | float) or seconds < 0:
            return JSONResponse({"error": "advance must be a number of seconds, not negative"}, status_code=400)
        queues.advance(seconds)
        return JSONResponse({"advanced": seconds})

    return advance_clock


def _show_depth(queues: LocalQueues) -> Callable[[Request], Awaitable[Response]]:
    async def show_depth(_: Request) -> Response:
        return JSONResponse({name: asdict(queues.depth(name)) for name in queues.names()})

    return show_depth


def _response(answer: Answer) -> Response:
    return Response(json.dumps(answer), headers={"x-amzn-requestid": str(uuid.uuid4())}, media_type=_MEDIA_TYPE)


def _refusal(error: SqsError) -> Response:
    # The header carries the old query-protocol code, the body the shape name: boto3 wants both.
    headers = {
        "x-amzn-requestid": str(uuid.uuid4()),
        "x-amzn-query-error": f"{error.code};{'Receiver' if error.status >= 500 else 'Sender'}",
    }
    body = json.dumps({"__type": error.wire_type, "message": str(error)})
    return Response(body, status_code=error.status, headers=headers, media_type=_MEDIA_TYPE)
