"""A Redis that is away: everything is read from Postgres, and nothing old is served when it is back."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from shared.cache import redis_cache
from shared.cache.redis_cache import RedisCache
from shared.cache.rows import Row
from tests.support.database_proxy import DatabaseProxy
from tests.support.redis_server import RedisServer, redis_server

ANNA = Row("acme", "peer", "anna")


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again at once."""
    monkeypatch.setattr(redis_cache, "_PAUSE_SECONDS", 0.0)


@pytest.fixture
def own(redis: RedisServer, tmp_path: Path) -> Generator[RedisServer]:
    """A server of this test alone, which it may stop."""
    with redis_server(tmp_path) as server:
        yield server


def words(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("cache_")]


def test_read_while_away_is_read_from_the_database_and_said_once(
    opened: Callable[..., RedisCache], own: RedisServer, caplog: pytest.LogCaptureFixture, patience: None
) -> None:
    cache = opened(own.url)
    cache.read(ANNA, lambda: {"n": 1})
    own.stop()
    assert [cache.read(ANNA, lambda: {"n": 2}) for _ in range(3)] == [{"n": 2}] * 3
    with cache.changing(ANNA), cache.leaving("acme"):
        pass
    assert words(caplog) == ["cache_away"]
    own.start()
    assert cache.read(ANNA, lambda: {"n": 3}) == {"n": 3}
    assert cache.read(ANNA, lambda: {"n": 4}) == {"n": 3}
    assert words(caplog) == ["cache_away", "cache_back"]


def test_read_within_the_pause_asks_nobody(opened: Callable[..., RedisCache], own: RedisServer) -> None:
    cache = opened(own.url)
    own.stop()
    cache.read(ANNA, lambda: None)
    own.start()
    cache.read(ANNA, lambda: {"n": 1})
    with own.client as client:
        assert list(client.scan_iter()) == []


def test_read_at_an_address_where_nobody_is_names_no_password(
    opened: Callable[..., RedisCache], caplog: pytest.LogCaptureFixture
) -> None:
    cache = opened("redis://user:hunter2@127.0.0.1:1/0")
    assert cache.read(ANNA, lambda: {"n": 1}) == {"n": 1}
    assert words(caplog) == ["cache_away"]
    assert not any("hunter2" in repr(vars(record)) for record in caplog.records)


def test_change_that_could_not_be_told_is_told_before_the_next_read(
    opened: Callable[..., RedisCache], redis: RedisServer, patience: None
) -> None:
    """The server keeps its values; only this process cannot reach it while it changes the row."""
    with DatabaseProxy(redis.url) as line:
        cache = opened(line.dsn)
        cache.read(ANNA, lambda: {"n": 1})
        # Two attempts each, before and after the transaction.
        line.cut_at("before", b"EVAL", times=4)
        with cache.changing(ANNA):
            pass
        assert line.is_sprung
        assert opened().read(ANNA, lambda: {"n": 2}) == {"n": 1}
        assert cache.read(ANNA, lambda: {"n": 2}) == {"n": 2}


def test_workspace_whose_end_could_not_be_told_is_void_before_the_next_read(
    opened: Callable[..., RedisCache], redis: RedisServer, patience: None
) -> None:
    with DatabaseProxy(redis.url) as line:
        cache = opened(line.dsn)
        cache.read(ANNA, lambda: {"n": 1})
        line.cut_at("before", b"EVAL", times=8)
        with cache.leaving("acme"):
            pass
        assert line.is_sprung
        assert cache.read(ANNA, lambda: None) is None
