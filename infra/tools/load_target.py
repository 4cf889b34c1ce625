"""The server that is measured: one that runs, or a stack of the measurement's own."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local import state


class LoadFailed(Exception):
    """The run cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server under load, and its database where that is known."""

    base_url: str
    dsn: str | None


@contextmanager
def target(base_url: str | None, data: Path) -> Generator[Target]:
    """The server that was named, or a stack in a folder of its own that is gone afterwards."""
    from infra.local.stack import Stack, StackFailed

    if base_url:
        running = state.running(data.absolute())
        is_ours = running is not None and running.base_url == base_url
        yield Target(base_url, running.dsn if running is not None and is_ours else None)
        return
    with tempfile.TemporaryDirectory(prefix="honcho-bench-") as folder:
        # Postgres runs under another account when we are root.
        Path(folder).chmod(0o755)
        try:
            with Stack(Path(folder) / "data") as stack:
                yield Target(stack.base_url, stack.dsn)
        except StackFailed as failed:
            raise LoadFailed(str(failed)) from failed
