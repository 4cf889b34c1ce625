"""A whole local stack as a child process: for tests, the demo and measurements."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local import state

ROOT = Path(__file__).resolve().parents[2]

# Not `-m infra up`: that would make `.venv` first, and whoever asks for a stack runs where it is wanted already.
_UP = "import sys; from {module} import {verb}; sys.exit({verb}(sys.argv[1:]))"
_START_S = 120.0
_STOP_S = 15.0


class StackFailed(Exception):
    """The stack did not start; the message is what it said."""


class Stack:
    """`up` in a process of its own, over a data folder that outlives it. May be started again after it ended."""

    def __init__(
        self,
        data: Path,
        *,
        port: int = 0,
        settings_env: Mapping[str, str] | None = None,
        template: Path | None = None,
        verb: tuple[str, str] = ("infra.local.commands", "up"),
        options: Sequence[str] = (),
    ) -> None:
        self.data = data
        self._port = port
        self._env = {**os.environ, **(settings_env or {})}
        self._template = template
        self._code = _UP.format(module=verb[0], verb=verb[1])
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._state: state.StackState | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until `/health/ready` answers. Raises `StackFailed`."""
        command = [sys.executable, "-c", self._code, "--port", str(self._port), "--data", str(self.data), "--json"]
        command += self._options
        if self._template is not None:
            command += ["--template", str(self._template)]
        self._process = subprocess.Popen(
            command, env=self._env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, said = self._process.communicate()
            raise StackFailed(said.strip()[-2000:])
        self._state = state.running(self.data)
        self._await_ready()

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """End the launcher as a crash would; everything it started goes by itself."""
        self._end(signal.SIGKILL)

    @property
    def base_url(self) -> str:
        return self._running.base_url

    @property
    def sqs_url(self) -> str:
        return self._running.sqs_url

    @property
    def dsn(self) -> str:
        """The database as the role `app`."""
        return self._running.dsn

    @property
    def pid(self) -> int:
        return self._running.pid

    def log(self, function: str) -> str:
        """What a function has written so far."""
        path = self.data / "logs" / f"{function}.log"
        return path.read_text(errors="replace") if path.is_file() else ""

    @property
    def _running(self) -> state.StackState:
        if self._state is None:
            raise StackFailed("The stack is not running")
        return self._state

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _START_S
        last = ""
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.base_url}/health/ready", timeout=30) as answer:
                    if answer.status == 200:
                        return
            except urllib.error.HTTPError as error:
                last = error.read().decode(errors="replace")
            except OSError as error:
                last = str(error)
            time.sleep(0.05)
        self.stop()
        raise StackFailed(f"Not ready after {_START_S:.0f} s: {last}")

    def _end(self, number: signal.Signals) -> None:
        process, self._process, self._state = self._process, None, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
