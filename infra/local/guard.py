"""A small process that ends the functions when the launcher is gone, however it went.

The launcher holds the only write end of a pipe; this process reads the other. End of file means that the launcher
died, `kill -9` included. PR_SET_PDEATHSIG is no substitute: it fires when the spawning *thread* ends. Postgres is not
in this group: it has a guard of its own that asks it to shut down.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Guard:
    """The launcher's side: children started through it share the guard's process group and its fate."""

    def __init__(self) -> None:
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as reader:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__], stdin=reader, process_group=0, stdout=subprocess.DEVNULL
            )
        self._pipe = os.fdopen(write_end, "wb", buffering=0)

    def spawn(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: int | IO[bytes],
        pass_fds: Sequence[int] = (),
    ) -> "subprocess.Popen[bytes]":
        """Start a child in the guarded group. To be called from the main thread only."""
        return subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(pass_fds),
            process_group=self._process.pid,
        )

    def close(self) -> None:
        """End every child and the guard itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()


def watch() -> None:
    """Wait for the launcher to go, then kill the group; SIGKILL reaches those that are stopped, too."""
    # A group left without its launcher gets SIGHUP from the kernel when a member is stopped; the guard must outlive it.
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    watch()
