"""One start of a function as Lambda makes it, and what it imports on the way."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from infra.deploy.artefact import Artefact, CannotLayOut
from infra.local.code import Code
from infra.local.environment import runtime_command
from infra.local.profile import function_variables
from infra.local.template import FunctionSpec, Template

_NEXT: Final = b"GET /2018-06-01/runtime/invocation/next"
_READY: Final = b"GET /v3/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_PATIENCE_S: Final = 60.0
# `import time:  self [us] | cumulative | name`, https://docs.python.org/3/using/cmdline.html#cmdoption-X
_IMPORT: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| *(\S+)")
# Nothing of it is reached at a start.
_DATABASE: Final = "postgresql+psycopg://app@127.0.0.1:9/honcho"


@dataclass(frozen=True, slots=True)
class Imports:
    """The modules of one package that a start loads, and the milliseconds that this takes, theirs alone."""

    package: str
    modules: int
    ms: float


def start_ms(declared: Template, function: FunctionSpec, artefact: Artefact) -> float:
    """From the start of the process until it asks for an event; of a web server, until it is ready."""
    code = artefact.of(function)
    env = _environment(declared, function, code)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_PATIENCE_S)
        if function.uvicorn is not None:
            return _until_ready(server, code, env)
        return _until_next(server, runtime_command(code.python, function.handler), code, env)


def imports(declared: Template, function: FunctionSpec, artefact: Artefact) -> list[Imports]:
    """What importing the function loads, by package."""
    code = artefact.of(function)
    module = (function.uvicorn or function.handler).replace(":", ".").rpartition(".")[0]
    env = _environment(declared, function, code)
    if function.uvicorn is not None:
        env["PYTHONPATH"] = os.pathsep.join(map(str, (code.folder, f"{code.layers}/python")))
    command = [code.python, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, cwd=code.folder, env=env, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotLayOut(f"{module} cannot be imported: {done.stderr[-500:]}")
    by_package: dict[str, list[int]] = {}
    for found in _IMPORT.finditer(done.stderr):
        by_package.setdefault(found[2].partition(".")[0], []).append(int(found[1]))
    return [Imports(package, len(taken), sum(taken) / 1000) for package, taken in by_package.items()]


def _environment(declared: Template, function: FunctionSpec, code: Code) -> dict[str, str]:
    references = {name: f"http://127.0.0.1:9/{name}" for name in declared.queues}
    references |= {"DbConnectionUri": _DATABASE, "OwnerConnectionUri": _DATABASE}
    return function_variables(declared, function, references=references, sqs_url="http://127.0.0.1:9", code=code)


def _until_next(server: socket.socket, command: list[str], code: Code, env: Mapping[str, str]) -> float:
    env = {**env, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.getsockname()[1]}"}
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=code.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        caller, _ = server.accept()
        with caller:
            said = caller.recv(len(_NEXT))
            taken = time.perf_counter() - begun
            if said != _NEXT:
                raise CannotLayOut(f"{command[-1]} did not start: {caller.recv(2000).decode(errors='replace')}")
    finally:
        _end(process)
    return taken * 1000


def _until_ready(server: socket.socket, code: Code, env: Mapping[str, str]) -> float:
    env = {**env, "UVICORN_FD": str(server.fileno())}
    begun = time.perf_counter()
    process = subprocess.Popen(
        code.serve,
        cwd=code.folder,
        env=env,
        pass_fds=[server.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        # It waits in the backlog until somebody accepts.
        with socket.create_connection(server.getsockname(), _PATIENCE_S) as caller:
            caller.sendall(_READY)
            said = caller.recv(15)
            taken = time.perf_counter() - begun
            if not said.startswith(b"HTTP/1.1 200"):
                raise CannotLayOut(f"the web server is not ready: {said.decode(errors='replace')}")
    finally:
        _end(process)
    return taken * 1000


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.communicate()
