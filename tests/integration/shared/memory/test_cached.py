"""Rows read through the cache: asked of Postgres once, and never old after a change."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.backends import open_cache
from shared.cache import redis_cache
from shared.cache.rows import NO_CACHE, Row
from shared.domain.errors import NotFound
from shared.domain.json import JsonObject
from shared.memory import erase, forget, peers, sessions, workspaces
from tests.support.backends import make_settings
from tests.support.erasing import repeating, settle
from tests.support.forgetting import forgets
from tests.support.redis_server import RedisServer, patient_cache
from tests.support.workplace import Workplace


@pytest.fixture
def cached(place: Workplace, redis: RedisServer) -> Workplace:
    with redis.client as client:
        client.flushall()
    place.backends = replace(place.backends, cache=patient_cache(redis.url))
    return place


def asked(place: Workplace, call: Callable[[], object]) -> bool:
    """Whether Postgres is needed for it."""
    unreachable = replace(place.backends, db=None)  # pyright: ignore[reportArgumentType]  # no database at all
    kept, place.backends = place.backends, unreachable
    try:
        call()
    except AttributeError:
        return True
    finally:
        place.backends = kept
    return False


def look(place: Workplace) -> list[object]:
    """What a client of the SDK asks for first."""
    backends, name = place.backends, place.workspace
    return [
        workspaces.get_or_create(backends, name, metadata={}, configuration={}),
        peers.get_or_create(backends, name, "ada", metadata=None, configuration=None),
        sessions.get_or_create(backends, name, "s"),
    ]


def test_get_or_create_again_needs_no_database(cached: Workplace) -> None:
    cached.says("s", ("ada", "hello"))
    found = look(cached)
    assert not asked(cached, lambda: look(cached))
    assert look(cached) == found


def test_changed_rows_are_seen_at_once(cached: Workplace) -> None:
    cached.says("s", ("ada", "hello"))
    look(cached)
    backends, name = cached.backends, cached.workspace
    workspaces.update(backends, name, metadata={"w": 1}, configuration=None)
    peers.get_or_create(backends, name, "ada", metadata={"p": 1}, configuration=None)
    sessions.get_or_create(backends, name, "s", metadata={"s": 1})
    assert [row.metadata for row, _ in look(cached)] == [{"w": 1}, {"p": 1}, {"s": 1}]  # pyright: ignore


def test_session_deleted_and_made_anew_is_the_new_one(cached: Workplace) -> None:
    cached.says("s", ("ada", "hello"))
    look(cached)
    forget.delete_session(cached.backends, cached.workspace, "s")
    for _ in range(2):
        with pytest.raises(NotFound):
            sessions.get_or_create(cached.backends, cached.workspace, "s")
    forgets(cached)
    _, is_new = sessions.get_or_create(cached.backends, cached.workspace, "s")
    assert is_new


def test_peer_erased_and_made_anew_is_the_new_one(cached: Workplace) -> None:
    cached.says("s", ("ada", "hello"), ("bob", "hi"))
    look(cached)
    erase.erase_peer(cached.backends, cached.workspace, "ada")
    with pytest.raises(NotFound):
        peers.get_or_create(cached.backends, cached.workspace, "ada", metadata=None, configuration=None)
    settle(repeating(cached))
    _, is_new = peers.get_or_create(cached.backends, cached.workspace, "ada", metadata=None, configuration=None)
    assert is_new


def test_workspace_deleted_leaves_nothing_to_be_served(cached: Workplace) -> None:
    peers.get_or_create(cached.backends, cached.workspace, "ada", metadata={"old": 1}, configuration=None)
    for _ in range(2):
        peers.get_or_create(cached.backends, cached.workspace, "ada", metadata=None, configuration=None)
    forget.delete_workspace(cached.backends, cached.workspace)
    peers.get_or_create(cached.backends, cached.workspace, "ada", metadata=None, configuration=None)
    forgets(cached)
    peer, is_new = peers.get_or_create(cached.backends, cached.workspace, "ada", metadata=None, configuration=None)
    assert (is_new, peer.metadata) == (True, {})


def test_cache_that_is_off_keeps_nothing_anywhere(place: Workplace, redis: RedisServer) -> None:
    with redis.client as client:
        client.flushall()
        place.says("s", ("ada", "hello"))
        look(place)
        assert asked(place, lambda: look(place))
        assert client.dbsize() == 0


def test_open_cache_takes_what_the_settings_say(redis: RedisServer) -> None:
    with redis.client as client:
        client.flushall()
        on = {"enabled": True, "url": redis.url, "namespace": "mine", "default_ttl_seconds": 77}
        open_cache(make_settings("postgresql://nowhere", cache=on)).read(Row("w", "peer", "p"), lambda: {"n": 1})
        (key,) = client.scan_iter()
        assert (key.split(b":")[0], client.ttl(key) in (76, 77)) == (b"mine", True)
    assert open_cache(make_settings("postgresql://nowhere", cache={"url": redis.url})) is NO_CACHE


def test_open_cache_locks_and_looks_again_as_the_settings_say(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = {"enabled": True, "url": redis.url, "default_lock_ttl_seconds": 9, "lock_wait_check_interval_seconds": 0.7}
    settings, slept = make_settings("postgresql://nowhere", cache=on), list[float]()
    with redis.client as client:
        client.flushall()

        def unlock(seconds: float) -> None:
            slept.append(seconds)
            client.flushall()

        def load() -> JsonObject:
            (lock,) = client.scan_iter()
            assert 5000 < client.pttl(lock) <= 9000
            # Another reader finds the lock taken.
            open_cache(settings).read(Row("w", "peer", "p"), lambda: {"n": 2})
            return {"n": 1}

        monkeypatch.setattr(redis_cache.time, "sleep", unlock)
        open_cache(settings).read(Row("w", "peer", "p"), load)
    assert slept == [0.7]


def test_open_cache_of_a_cluster_that_is_none_serves_without_a_cache(redis: RedisServer) -> None:
    cluster = make_settings("postgresql://nowhere", cache={"enabled": True, "url": redis.url, "cluster": True})
    with redis.client as client:
        client.flushall()
        assert open_cache(cluster).read(Row("w", "peer", "p"), lambda: {"n": 1}) == {"n": 1}
        assert client.dbsize() == 0
