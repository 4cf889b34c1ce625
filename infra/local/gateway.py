"""The door: what API Gateway does between a client and the functions."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping

from functions.api.lengths import announced_bytes
from functions.api.reads import is_read
from infra.local.admission import Admission
from infra.local.environment import Result
from infra.local.errands import Errands, batch_of
from infra.local.resources import Match, Resources
from infra.local.rest_event import Answer, MalformedAnswer, Request, read_answer, write_event
from infra.local.template import Template
from infra.local.web import App, Receive, Scope, Send, until_gone
from infra.local.web_function import WebFunction

logger = logging.getLogger(__name__)

CONTROL_PREFIX = "/_local/"
INTEGRATION_TIMEOUT_S = 29.0
MAX_BODY_BYTES = 10 * 1024 * 1024
_TOO_LARGE = "Request Too Long: the event may have 6 MB, a file in it 4.5 MB"
RETRY_AFTER_S = 1
# From the end of a connection that the kernel has seen to the task that waits for it.
_LAST_ROUNDS = 4
# In the cloud everything is below the stage; on one machine these also answer at the root.
ROOT_ALIASES = frozenset({"/", "/health", "/health/ready", "/metrics", "/openapi.json", "/docs", "/redoc"})

Invoke = Callable[[str, bytes], "asyncio.Future[Result]"]


class Gateway:
    """The ASGI application of the door."""

    def __init__(
        self,
        template: Template,
        invoke: Invoke,
        web_functions: Mapping[str, WebFunction],
        control: App,
        admissions: Mapping[str, Admission],
        errands: Errands,
    ) -> None:
        self._template = template
        self._stage = template.stage
        self._resources = Resources(template.routes)
        self._invoke = invoke
        self._web_functions = web_functions
        self._control = control
        self._admissions = admissions
        self._errands = errands

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        raw_path = bytes(scope.get("raw_path") or b"/").decode("latin-1")
        if raw_path.startswith(CONTROL_PREFIX):
            await self._control(scope, receive, send)
            return
        path = self._inside_stage(raw_path)
        match = None if path is None else self._resources.match(str(scope["method"]), path)
        if path is None or match is None:
            await respond(send, refusal(404, "Not Found"))
            return
        is_too_long = announced_bytes(scope["headers"]) > MAX_BODY_BYTES
        body = b"" if is_too_long else await _body(receive)
        if body is None:
            return
        if is_too_long or len(body) > MAX_BODY_BYTES:
            await respond(send, refusal(413, _TOO_LARGE))
            return
        client = scope.get("client") or ("127.0.0.1", 0)
        request = Request(
            str(scope["method"]), path, bytes(scope["query_string"]), list(scope["headers"]), str(client[0]), body
        )
        batch = batch_of(request)
        if batch is None:
            answer = await self._answer(request, match, receive, send)
        else:
            answer = await self._answer_batch(batch, request, match, receive, send)
        if answer is not None:
            await respond(send, answer)

    async def _answer_batch(
        self, batch: bytes, request: Request, match: Match, receive: Receive, send: Send
    ) -> Answer | None:
        """The answer to a batch of messages, perhaps that of an earlier run; None when there is nobody to take it."""
        caller_left = asyncio.get_running_loop().create_task(until_gone(receive))
        earlier, errand = self._errands.take(batch), self._errands.begin(batch, caller_left)
        answer: Answer | None = None
        try:
            answer = None if earlier is None else await self._errands.answer_of(earlier)
            if answer is None:
                answer = await self._answer(request, match, receive, send)
            # A few more rounds of the loop: what has come in by now may be that the caller has left.
            for _ in range(_LAST_ROUNDS):
                await asyncio.sleep(0)
        finally:
            is_taken = self._errands.end(errand, answer)
            caller_left.cancel()
        return answer if is_taken else None

    async def _answer(self, request: Request, match: Match, receive: Receive, send: Send) -> Answer | None:
        """The answer that is left to give: none when it was given on the way."""
        name = match.route.function
        admission, reads = self._admissions[name], is_read(request.method, request.path)
        if not await admission.enter(is_read=reads):
            return refusal(429, "Too many requests at once", retry_after_s=RETRY_AFTER_S)
        try:
            web_function = self._web_functions.get(name)
            if web_function is not None:
                return await self._proxied(web_function, request, receive, send)
            return await self._run(request, match)
        finally:
            # Before the answer is sent: a client who reads slowly takes no place.
            admission.leave(is_read=reads)

    async def _proxied(self, to: WebFunction, request: Request, receive: Receive, send: Send) -> Answer | None:
        """The answer that is left to give: none when the web server has given one."""
        if await to.proxy(request, receive, send):
            return None
        return refusal(502, f"Internal server error: see the log of {to.function.logical_id}")

    async def _run(self, request: Request, match: Match) -> Answer:
        name = match.route.function
        running = self._invoke(
            name, write_event(request, match, stage=self._stage, binary=self._template.binary_media_types)
        )
        result = await _within(running, INTEGRATION_TIMEOUT_S)
        match result:
            case None | Result(error="Sandbox.Timedout"):
                return refusal(504, "Endpoint request timed out")
            case Result(error="RequestEntityTooLarge"):
                return refusal(413, _TOO_LARGE)
            case Result(payload=payload, error=None):
                try:
                    return read_answer(payload)
                except MalformedAnswer as error:
                    logger.error("malformed_answer function=%s what=%s", name, error)
            case _:
                logger.error("function_failed function=%s error=%s", name, result.error)
        return refusal(502, f"Internal server error: see the log of {name}")

    def _inside_stage(self, raw_path: str) -> str | None:
        """The path as the API sees it, or None for one outside the stage."""
        prefix = f"/{self._stage}"
        if raw_path == prefix:
            return "/"
        if raw_path.startswith(prefix + "/"):
            return raw_path[len(prefix) :]
        return raw_path if raw_path in ROOT_ALIASES else None


async def _within(running: "asyncio.Future[Result]", seconds: float) -> Result | None:
    """The result, or None when it took too long: one that runs is left to finish, one that waits is dropped."""
    if running.done():
        return running.result()
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[Result | None] = loop.create_future()

    def on_done(done: "asyncio.Future[Result]") -> None:
        if not waiter.done() and not done.cancelled():
            waiter.set_result(done.result())

    def on_late() -> None:
        if not waiter.done():
            waiter.set_result(None)
            running.cancel()

    running.add_done_callback(on_done)
    late = loop.call_later(seconds, on_late)
    try:
        return await waiter
    finally:
        late.cancel()


async def _body(receive: Receive) -> bytes | None:
    """The whole body, cut off just past the limit; None when the caller left before it was sent."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    chunks: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        chunks.append(bytes(message.get("body", b"")))
        size += len(chunks[-1])
        if not message.get("more_body") or size > MAX_BODY_BYTES:
            return b"".join(chunks)
        message = await receive()
    return None


def refusal(status: int, detail: str, *, retry_after_s: int | None = None) -> Answer:
    """An answer of the door itself, in the shape the clients read."""
    headers = [(b"content-type", b"application/json")]
    if retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % retry_after_s))
    return Answer(status, headers, json.dumps({"detail": detail}).encode())


async def respond(send: Send, answer: Answer) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
