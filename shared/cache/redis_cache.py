"""The cache in Redis or Valkey, through redis-py."""

import json
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from shared.cache import scripts
from shared.cache.keys import Names
from shared.cache.rows import Row
from shared.domain.json import Json, JsonObject
from shared.telemetry.logs import logger

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

# Longer than a transaction may take: a writer that died is not waited for any longer than that.
_WRITER_SECONDS: Final = 120
# A cache that does not answer at once is worth nothing; one that is away is not asked for each row again.
_TIMEOUT_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 5.0
_MOST_OWED: Final = 1000


@dataclass(frozen=True, slots=True)
class CacheTimes:
    """How long a value is kept, a lock held, and a look at a lock put off, in seconds."""

    value: int
    lock: float
    look: float


class RedisCache:
    """Rows in Redis, for all processes alike. While it is away everything is read from Postgres."""

    def __init__(self, connect: Callable[[], "Redis"], namespace: str, times: CacheTimes) -> None:
        self._connect = connect
        self._names = Names(namespace)
        self._times = times
        self._client: Redis | None = None
        self._away_until = 0.0
        self._is_away = False
        # What could not be taken out when it changed: goes before anything is read again.
        self._owed: dict[Row | str, None] = {}

    def read(self, row: Row, load: Callable[[], JsonObject | None]) -> JsonObject | None:
        """The row as cached, else as `load` gives it."""
        if time.monotonic() < self._away_until or not self._pay():
            return load()
        until = time.monotonic() + self._times.lock
        while True:
            _, found = self._asked(lambda: self._look(row)) or ("", None)
            if found is not None or self._is_away:
                return found if found is not None else load()
            token = secrets.token_hex(8)
            taken = self._asked(lambda token=token: self._take(row, token))
            if taken == 1:
                return self._filled(row, load, token)
            if taken != 0 or time.monotonic() >= until:
                return load()
            time.sleep(self._times.look)

    @contextmanager
    def changing(self, row: Row) -> Generator[None]:
        """Take the row out now and once more afterwards, however the block ends."""
        names = self._names
        with self._counted((names.writers(row), names.value(row), names.lock(row)), row):
            yield

    @contextmanager
    def leaving(self, workspace: str) -> Generator[None]:
        """Make every row of the workspace void."""
        self._turn(workspace)
        try:
            with self._counted((self._names.leavers(workspace),), workspace):
                yield
        finally:
            self._turn(workspace)

    def _turn(self, workspace: str) -> None:
        if self._void(workspace) is None:
            self._owe(workspace)

    def _look(self, row: Row) -> tuple[str, JsonObject | None]:
        keys = [self._names.epoch(row.workspace), self._names.value(row)]
        epoch, text = cast(Sequence[bytes | None], self._redis().mget(keys))
        now = epoch.decode() if epoch else ""
        return now, _kept(text, now) if text else None

    def _take(self, row: Row, token: str) -> int:
        names = self._names
        keys = (names.lock(row), names.writers(row), names.leavers(row.workspace))
        return cast(int, self._run(scripts.TAKE, keys, token, int(self._times.lock * 1000)))

    def _filled(self, row: Row, load: Callable[[], JsonObject | None], token: str) -> JsonObject | None:
        names, loaded = self._names, None
        # Another reader may have filled it and gone between the look and the lock.
        epoch, found = self._asked(lambda: self._look(row)) or ("", None)
        if found is not None:
            self._asked(lambda: self._run(scripts.RELEASE, (names.lock(row),), token))
            return found
        try:
            loaded = load()
        finally:
            if loaded is None:
                self._asked(lambda: self._run(scripts.RELEASE, (names.lock(row),), token))
        if loaded is not None:
            text = json.dumps({"epoch": epoch, "row": loaded}, separators=(",", ":"))
            keys = (names.lock(row), names.value(row))
            self._asked(lambda: self._run(scripts.FILL, keys, token, text, self._times.value))
        return loaded

    @contextmanager
    def _counted(self, keys: tuple[str, ...], changed: Row | str) -> Generator[None]:
        # A writer asks also while the cache counts as away: others may still reach it.
        begun = self._asked(lambda: self._run(scripts.BEGIN, keys, _WRITER_SECONDS))
        try:
            yield
        finally:
            # What could not be counted in may be taken out by now.
            ended = self._void(changed) if begun is None else self._asked(lambda: self._run(scripts.END, keys))
            if ended is None:
                self._owe(changed)

    def _owe(self, changed: Row | str) -> None:
        if len(self._owed) < _MOST_OWED:
            self._owed[changed] = None

    def _pay(self) -> bool:
        """Take out what is owed; False while that is not possible."""
        for changed in list(self._owed):
            if self._void(changed) is None:
                return False
            self._owed.pop(changed, None)
        return True

    def _void(self, changed: Row | str) -> object | None:
        names = self._names
        if isinstance(changed, Row):
            keys = (names.value(changed), names.lock(changed))
            return self._asked(lambda: self._run(scripts.DROP, keys))
        fresh, seconds = secrets.token_hex(8), 2 * self._times.value
        return self._asked(lambda: self._run(scripts.TURN, (names.epoch(changed),), fresh, seconds))

    def _run(self, script: str, keys: tuple[str, ...], *arguments: str | int) -> object:
        return cast(object, self._redis().eval(script, len(keys), *keys, *map(str, arguments)))

    def _redis(self) -> "Redis":
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _asked(self, ask: Callable[[], T]) -> T | None:
        """What Redis says; None when it is away. That is told once, and so is its return."""
        from redis.exceptions import RedisClusterException, RedisError

        try:
            answer = ask()
        except (RedisError, RedisClusterException, OSError) as error:
            self._away_until = time.monotonic() + _PAUSE_SECONDS
            if not self._is_away:
                # Its words may name the address with its password.
                logger.warning("cache_away", reason=type(error).__name__)
            self._is_away = True
            return None
        if self._is_away:
            logger.info("cache_back")
        self._is_away, self._away_until = False, 0.0
        return answer


def _kept(text: bytes, epoch: str) -> JsonObject | None:
    """The row in `text`; None from another epoch, or when it is not ours to read."""
    try:
        kept = cast(Json, json.loads(text))
    except ValueError:
        return None
    if not isinstance(kept, dict) or kept.get("epoch") != epoch:
        return None
    return cast(JsonObject, kept.get("row"))


def open_redis(url: str, *, is_cluster: bool, timeout: float = _TIMEOUT_SECONDS) -> "Redis":
    """A client for `url`; connects on first use. `timeout`, in seconds, is for each answer.

    Query parameters of other libraries are left out.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.cluster import RedisCluster
    from redis.retry import Retry

    address = url.split("?", 1)[0]
    options = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if is_cluster:
        return cast(Redis, RedisCluster.from_url(address, **options))
    # One more try: a connection that the server closed while nobody used it is no outage.
    again = Retry(NoBackoff(), 1)
    return Redis.from_url(address, retry=again, **options)  # pyright: ignore[reportUnknownMemberType]
