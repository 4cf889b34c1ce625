"""No interleaving of readers and writers leaves an old row in the cache."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.cache.redis_cache import RedisCache
from shared.cache.rows import Row
from shared.domain.json import JsonObject
from tests.support.redis_server import RedisServer

ANNA = Row("acme", "peer", "anna")


class World:
    """Writers and readers, step by step. A reader's steps are those that happen inside its `load`."""

    def __init__(
        self,
        cache: RedisCache,
        writers: Sequence[str],
        draw: Callable[[list[str]], str],
        is_locked: Callable[[], bool],
    ) -> None:
        self._cache, self._writers, self._draw, self._is_locked = cache, writers, draw, is_locked
        self._left = 10
        self.version = 0
        self._begun: dict[str, AbstractContextManager[None]] = {}
        self._committed: set[str] = set()
        # Whether each reader under way has looked; the last one is the innermost.
        self._looked: list[bool] = []

    def run(self) -> None:
        """Steps until the innermost reader has done what it waits for, or there are none left."""
        depth = len(self._looked)
        while self._left > 0:
            self._left -= 1
            step = self._draw(self._possible())
            if step in ("look", "return"):
                return
            self._do(step)
            assert len(self._looked) == depth

    def finish(self) -> None:
        """The writers under way commit and end."""
        for name in list(self._begun):
            self._do(f"end {name}" if name in self._committed else f"commit {name}")
            self._do(f"end {name}")

    def _possible(self) -> list[str]:
        steps = [] if not self._looked else ["return" if self._looked[-1] else "look"]
        if len(self._looked) < 2 and not self._is_locked():
            # One that finds the lock taken would wait for it.
            steps.append("read")
        for name in self._writers:
            verb = "begin" if name not in self._begun else "end" if name in self._committed else "commit"
            steps.append(f"{verb} {name}")
        return steps

    def _do(self, step: str) -> None:
        verb, _, name = step.partition(" ")
        if verb == "read":
            self._cache.read(ANNA, self._load)
        elif verb == "begin":
            self._begun[name] = self._cache.leaving("acme") if name == "leaving" else self._cache.changing(ANNA)
            self._begun[name].__enter__()
        elif verb == "commit":
            self.version += 1
            self._committed.add(name)
        elif name in self._begun:
            self._begun.pop(name).__exit__(None, None, None)
            self._committed.discard(name)

    def _load(self) -> JsonObject:
        self._looked.append(False)
        self.run()
        seen = self.version
        self._looked[-1] = True
        self.run()
        self._looked.pop()
        return {"version": seen}


@pytest.mark.parametrize("writers", [("one",), ("one", "two"), ("leaving",), ("one", "leaving")], ids="+".join)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_read_after_all_writers_ended_gives_the_newest(
    cache: RedisCache, redis: RedisServer, writers: tuple[str, ...], data: st.DataObject
) -> None:
    with redis.client as client:
        client.flushall()

        def is_locked() -> bool:
            return any(b":lock:" in key for key in client.scan_iter())

        world = World(cache, writers, lambda steps: data.draw(st.sampled_from(steps)), is_locked)
        world.run()
        world.finish()
    assert cache.read(ANNA, lambda: {"version": world.version}) == {"version": world.version}
