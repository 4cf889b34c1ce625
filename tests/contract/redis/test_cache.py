"""The cache against a real Redis server, through the real client."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.cache.redis_cache import CacheTimes, RedisCache
from shared.cache.rows import Row
from shared.domain.json import JsonObject
from tests.support.redis_server import RedisServer, patient_cache

ANNA = Row("acme", "peer", "anna")


class Truth:
    """What Postgres would say, and how often it was asked."""

    def __init__(self, row: JsonObject | None) -> None:
        self.row = row
        self.asked = 0

    def load(self) -> JsonObject | None:
        self.asked += 1
        return self.row


@pytest.fixture
def truth() -> Truth:
    return Truth({"name": "anna", "n": 1})


def test_read_again_is_answered_from_the_cache(cache: RedisCache, truth: Truth) -> None:
    assert [cache.read(ANNA, truth.load) for _ in range(3)] == [{"name": "anna", "n": 1}] * 3
    assert truth.asked == 1


def test_read_of_what_is_not_there_asks_each_time(cache: RedisCache) -> None:
    nothing = Truth(None)
    assert cache.read(ANNA, nothing.load) is None
    assert cache.read(ANNA, nothing.load) is None
    assert nothing.asked == 2


def test_rows_of_other_names_kinds_and_workspaces_are_their_own(cache: RedisCache) -> None:
    rows = [Row(w, kind, name) for w in ("a", "b:", "{b}") for kind in ("peer", "session") for name in ("x", "x:y")]
    for number, row in enumerate(rows):
        assert cache.read(row, lambda number=number: {"n": number}) == {"n": number}
    assert [cache.read(row, lambda: None) for row in rows] == [{"n": number} for number in range(len(rows))]


def test_keys_are_in_the_namespace_and_expire(cache: RedisCache, truth: Truth, redis: RedisServer) -> None:
    cache.read(ANNA, truth.load)
    with cache.changing(ANNA), cache.leaving("acme"), redis.client as client:
        keys = list(client.scan_iter())
        assert len(keys) == 3
        assert all(key.startswith(b"honcho:v1:{") for key in keys)
        assert all(client.ttl(key) > 0 for key in keys)


def test_a_load_that_fails_leaves_no_lock(cache: RedisCache, truth: Truth, redis: RedisServer) -> None:
    def fail() -> JsonObject:
        raise LookupError

    with pytest.raises(LookupError):
        cache.read(ANNA, fail)
    with redis.client as client:
        assert list(client.scan_iter()) == []
    assert cache.read(ANNA, truth.load) == truth.row


def test_changing_by_another_process_is_seen_by_the_next_read(
    opened: Callable[..., RedisCache], cache: RedisCache, truth: Truth
) -> None:
    cache.read(ANNA, truth.load)
    with opened().changing(ANNA):
        truth.row = {"name": "anna", "n": 2}
    assert cache.read(ANNA, truth.load) == {"name": "anna", "n": 2}


def test_changing_that_fails_takes_the_row_out_all_the_same(cache: RedisCache, truth: Truth) -> None:
    cache.read(ANNA, truth.load)
    with pytest.raises(LookupError), cache.changing(ANNA):
        raise LookupError
    cache.read(ANNA, truth.load)
    assert truth.asked == 2


def test_leaving_voids_every_row_of_that_workspace_only(cache: RedisCache, truth: Truth) -> None:
    session, other = Row("acme", "session", "s"), Row("other", "peer", "anna")
    for row in (ANNA, session, other):
        cache.read(row, truth.load)
    with cache.leaving("acme"):
        cache.read(ANNA, truth.load)
    assert truth.asked == 4
    for row in (ANNA, session, other):
        cache.read(row, truth.load)
    assert truth.asked == 6


def test_a_stampede_reads_once(cache: RedisCache, truth: Truth) -> None:
    together = threading.Barrier(12)
    everybody_waits = threading.Event()

    def load() -> JsonObject | None:
        # Held until the others have had their look: each of them finds the lock taken.
        everybody_waits.wait(0.1)
        return truth.load()

    def read(_: int) -> JsonObject | None:
        together.wait()
        return cache.read(ANNA, load)

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(read, range(12))) == [truth.row] * 12
    assert truth.asked == 1


def _die_in(url: str, what: str) -> None:
    cache = patient_cache(url, CacheTimes(value=60, lock=0.2, look=0.005))
    if what == "reading":
        cache.read(ANNA, lambda: os._exit(9))
    with cache.changing(ANNA):
        os._exit(9)


def _process_dies(url: str, what: str) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_die_in, args=(url, what))
    child.start()
    child.join()
    assert child.exitcode == 9


def test_a_reader_that_died_holds_nobody_up_for_longer_than_its_lock(
    cache: RedisCache, truth: Truth, redis: RedisServer
) -> None:
    _process_dies(redis.url, "reading")
    assert cache.read(ANNA, truth.load) == truth.row
    cache.read(ANNA, truth.load)
    assert truth.asked == 1


def test_a_writer_that_died_keeps_the_row_out_of_the_cache_until_it_counts_as_dead(
    cache: RedisCache, truth: Truth, redis: RedisServer
) -> None:
    cache.read(ANNA, truth.load)
    _process_dies(redis.url, "changing")
    # Its transaction may still be committed by Postgres: what is read now may be old the next moment.
    assert [cache.read(ANNA, truth.load) for _ in range(2)] == [truth.row] * 2
    assert truth.asked == 3
    with redis.client as client:
        (writers,) = client.scan_iter()
        assert 0 < client.ttl(writers) <= 120
        client.delete(writers)
    cache.read(ANNA, truth.load)
    cache.read(ANNA, truth.load)
    assert truth.asked == 4


def test_a_value_that_cannot_be_read_is_read_anew(cache: RedisCache, truth: Truth, redis: RedisServer) -> None:
    cache.read(ANNA, truth.load)
    with redis.client as client:
        (key,) = client.scan_iter()
        client.set(key, b"not json")
    assert cache.read(ANNA, truth.load) == truth.row
    assert cache.read(ANNA, truth.load) == truth.row
    assert truth.asked == 2
