"""Caches on a real Redis server."""

from collections.abc import Callable

import pytest

from shared.cache.redis_cache import RedisCache
from tests.support.redis_server import RedisServer, patient_cache


@pytest.fixture
def opened(redis: RedisServer) -> Callable[..., RedisCache]:
    """Opens caches on the same server, as other processes would; it is empty at first."""
    with redis.client as client:
        client.flushall()
    return lambda url=redis.url: patient_cache(url)


@pytest.fixture
def cache(opened: Callable[..., RedisCache]) -> RedisCache:
    return opened()
