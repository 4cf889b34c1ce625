"""A real Redis server on a free port, for the tests that need one."""

import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from redis import Redis

from shared.cache.redis_cache import CacheTimes, RedisCache, open_redis

_TIMES: Final = CacheTimes(value=60, lock=5, look=0.005)
PROGRAM: Final = shutil.which("redis-server") or shutil.which("valkey-server")


@dataclass
class RedisServer:
    """One process without persistence, which a test may stop and start again on the same port."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0?suppress=true"

    @property
    def client(self) -> Redis:
        return Redis(port=self.port)

    def start(self) -> None:
        assert PROGRAM is not None
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": "", "appendonly": "no"}
        command = [PROGRAM, *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        # It says so itself, and little after that: the pipe never fills.
        assert any(b"Ready to accept connections" in line for line in self.process.stdout), "the server ended"

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


def patient_cache(url: str, times: CacheTimes = _TIMES) -> RedisCache:
    """A cache that a busy machine does not take for one that is away."""
    return RedisCache(lambda: open_redis(url, is_cluster=False, timeout=20), "honcho", times)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    """A server for the run; without the program what needs it is skipped, and the closing line says so."""
    if PROGRAM is None:
        pytest.skip("Redis ring: there is no redis-server here")
    with redis_server(Path(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@contextmanager
def redis_server(folder: Path) -> Generator[RedisServer]:
    """A running server, stopped at the end."""
    server = RedisServer(folder, _free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
