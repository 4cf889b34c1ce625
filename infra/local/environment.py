"""One execution environment: a process of the genuine runtime client, and the Runtime API it polls."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from infra.local.code import Code
from infra.local.guard import Guard
from infra.local.logs import FunctionLog, Lines
from infra.local.runtime_api import Connection
from infra.local.template import FunctionSpec

# AWS allows 10 s; a first start on a busy laptop compiles every module on the way.
INIT_TIMEOUT_S = 60.0
_BACKGROUND_NICENESS = 5
# What Lambda takes in and gives out in one synchronous invocation.
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024


class State(Enum):
    """Where an environment is in its life."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    FINISHING = "finishing"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Result:
    """What an invocation gave: the payload, and the type of the error when it failed."""

    payload: bytes
    error: str | None = None


@dataclass(slots=True)
class Invocation:
    """An event on its way through a function."""

    event: bytes
    result: "asyncio.Future[Result]"
    since: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Pool(Protocol):
    """Who owns environments and hears what becomes of them."""

    def on_idle(self, environment: "Environment") -> None: ...
    def on_gone(self, environment: "Environment", init_error: Result | None) -> None: ...


def runtime_command(python: str, handler: str) -> list[str]:
    """How the runtime client of a handler is started. `awslambdaric` has wheels for Linux only."""
    if not sys.platform.startswith("linux"):
        raise RuntimeError("The local stack runs functions in awslambdaric, which needs Linux.")
    return [python, "-m", "awslambdaric", handler]


class Environment:
    """A process that takes one event at a time and is frozen between events, as on AWS."""

    def __init__(self, function: FunctionSpec, pool: Pool, log: FunctionLog) -> None:
        self.state = State.STARTING
        self.idle_since = 0.0
        self._function = function
        self._pool = pool
        self._lines = Lines(log)
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: Connection | None = None
        self._invocation: Invocation | None = None
        self._init_error: Result | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._frozen = False

    async def start(self, guard: Guard, variables: Mapping[str, str], code: Code) -> None:
        """Open the Runtime API and start the process; `Pool.on_idle` follows when the handler is loaded."""
        self._server = await self._loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        port = int(self._server.sockets[0].getsockname()[1])
        env = {**variables, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"}
        read_end, write_end = os.pipe()
        try:
            self._process = guard.spawn(
                runtime_command(code.python, self._function.handler), env=env, cwd=code.folder, output=write_end
            )
        finally:
            os.close(write_end)
        if not self._function.routes:
            # In the cloud nobody shares a processor; here whoever waits for an answer comes first.
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _BACKGROUND_NICENESS)
        watch_output(self._loop, read_end, self._lines)
        watch_exit(self._loop, self._process, self._on_exit)
        self._timer = self._loop.call_later(INIT_TIMEOUT_S, self._fail_init_late)

    def invoke(self, invocation: Invocation) -> None:
        """Hand over an event; only while idle."""
        assert self._waiting is not None
        connection, self._waiting = self._waiting, None
        self.state = State.BUSY
        self._invocation = invocation
        if self._frozen:
            self._signal(signal.SIGCONT)
            self._frozen = False
        timeout_s = self._function.timeout_s
        self._timer = self._loop.call_later(timeout_s, self._on_timeout)
        connection.deliver(
            invocation.request_id,
            invocation.event,
            deadline_ms=int((time.time() + timeout_s) * 1000),
            arn=self._function.arn,
            trace_id=f"Root=1-{int(time.time()):08x}-{invocation.request_id.replace('-', '')[:24]};Sampled=0",
        )

    def freeze(self) -> None:
        """Stop the process until the next event. Sent before the environment counts as idle."""
        self._signal(signal.SIGSTOP)
        self._frozen = True
        self.state = State.IDLE
        self.idle_since = self._loop.time()

    def kill(self) -> None:
        """End the process; what it was working on fails."""
        self._signal(signal.SIGKILL)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def on_next(self, connection: Connection) -> None:
        """The runtime client asks for an event: the handler is loaded, or the last event is done with."""
        self._stop_timer()
        self._waiting = connection
        self.state = State.FINISHING
        self._pool.on_idle(self)

    def on_response(self, request_id: str, body: bytes) -> bool:
        if len(body) > MAX_PAYLOAD_BYTES:
            too_large = f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload size"
            return self._settle(request_id, failure("Function.ResponseSizeTooLarge", too_large, request_id))
        return self._settle(request_id, Result(body))

    def on_error(self, request_id: str, body: bytes) -> bool:
        return self._settle(request_id, Result(body, error="Unhandled"))

    def on_init_error(self, body: bytes) -> None:
        self._init_error = Result(body, error="Unhandled")

    def _settle(self, request_id: str, result: Result) -> bool:
        invocation = self._invocation
        if invocation is None or invocation.request_id != request_id:
            return False
        self._stop_timer()
        self._invocation = None
        self.state = State.FINISHING
        if not invocation.result.done():
            invocation.result.set_result(result)
        return True

    def _on_timeout(self) -> None:
        if self._invocation is None:
            return
        message = f"Task timed out after {self._function.timeout_s:.2f} seconds"
        self._log.write(f"{self._invocation.request_id} {message}".encode())
        self._settle(self._invocation.request_id, failure("Sandbox.Timedout", message, self._invocation.request_id))
        self.kill()

    def _fail_init_late(self) -> None:
        self._init_error = failure("Sandbox.Timedout", f"Init timed out after {INIT_TIMEOUT_S:.0f} seconds")
        self.kill()

    def _on_exit(self, status: int) -> None:
        self._stop_timer()
        loaded = self._waiting is not None or self.state is not State.STARTING
        self.state = State.GONE
        if self._server is not None:
            self._server.close()
        if self._waiting is not None:
            self._waiting.close()
        how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        error = failure("Runtime.ExitError", f"Runtime exited with error: {how}")
        if self._invocation is not None:
            self._log.write(f"{self._invocation.request_id} Runtime exited with error: {how}".encode())
            self._settle(self._invocation.request_id, error)
            self.state = State.GONE
        self._pool.on_gone(self, None if loaded else self._init_error or error)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def failure(error_type: str, message: str, request_id: str = "") -> Result:
    """A failed result with the body AWS gives it."""
    text = f"RequestId: {request_id} Error: {message}" if request_id else message
    return Result(json.dumps({"errorType": error_type, "errorMessage": text}).encode(), error=error_type)


def watch_output(loop: asyncio.AbstractEventLoop, read_end: int, lines: Lines) -> None:
    """Copy what comes out of a pipe to a log, until its other end is closed."""
    os.set_blocking(read_end, False)

    def on_readable() -> None:
        try:
            data = os.read(read_end, 65536)
        except BlockingIOError:
            return
        if data:
            lines.feed(data)
            return
        loop.remove_reader(read_end)
        os.close(read_end)
        lines.close()

    loop.add_reader(read_end, on_readable)


def watch_exit(
    loop: asyncio.AbstractEventLoop, process: "subprocess.Popen[bytes]", on_exit: Callable[[int], None]
) -> None:
    """Call `on_exit` with the status once the process has ended, and reap it."""
    descriptor = os.pidfd_open(process.pid)

    def on_ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        on_exit(process.wait())

    loop.add_reader(descriptor, on_ended)
