"""What asking for keys costs: round trips to the database, counted on the wire."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.settings.sections import DbSettings
from shared.store.database import open_database
from tests.support.backends import FrozenClock, offline_backends
from tests.support.database_proxy import DatabaseProxy
from tests.support.guarded_world import SECTIONS, Headers, World, bearer, build

Ask = Callable[[Headers], int]
READ = "GET /workspaces/{workspace_id}/sessions/{session_id}/summaries"


@pytest.fixture(scope="module")
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(scope="module")
def world(database_dsn: str, owner_dsn: str) -> Iterator[World]:
    with offline_backends(database_dsn, owner_dsn, SECTIONS) as backends:
        yield build(TestClient(create_app(backends)), "trips")


@pytest.fixture
def trips_of(world: World, database_dsn: str, owner_dsn: str, clock: FrozenClock) -> Iterator[Ask]:
    """Gives the round trips of one request with a key, on a connection that is warm."""
    with DatabaseProxy(database_dsn) as proxy, offline_backends(database_dsn, owner_dsn, SECTIONS) as backends:
        db = open_database(DbSettings.model_validate({"connection_uri": proxy.dsn}))
        client = TestClient(create_app(replace(backends, db=db, clock=clock)))
        counted = replace(world, client=client)
        assert counted.ask(READ, bearer(ad=True, jti="warm")).status_code == 200

        def trips(headers: Headers) -> int:
            before = proxy.trips
            assert counted.ask(READ, headers).status_code == 200
            return proxy.trips - before

        yield trips
        db.close()


def test_key_is_looked_up_once_in_two_seconds(trips_of: Ask, world: World, clock: FrozenClock):
    token = bearer(w=world.here)
    first, second, third = trips_of(token), trips_of(token), trips_of(token)
    assert (first, third) == (second + 1, second)
    clock.advance(seconds=2)
    assert trips_of(token) == first


def test_membership_of_a_peers_key_is_one_more(trips_of: Ask, world: World):
    wide, narrow = bearer(w=world.here), bearer(w=world.here, p="alice")
    trips_of(wide), trips_of(narrow)
    assert trips_of(narrow) == trips_of(wide) + 1
