"""How often a request speaks to the database, counted on the wire."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from shared.domain.message import MessageDraft
from shared.domain.retry import Batch
from shared.memory.record import record_messages
from tests.support.database_proxy import DatabaseProxy
from tests.support.workplace import Workplace

# The marks of what was sent are a transaction of their own, after the messages are safe.
BEGIN_AND_COMMIT = 2


@pytest.fixture
def counted(place: Workplace, app_dsn: str) -> Iterator[tuple[Workplace, Callable[[], int]]]:
    """The place behind a proxy, on a connection that is warm, and what gives the trips since it was asked last."""
    with DatabaseProxy(app_dsn) as proxy:
        mine = replace(place, backends=place.backends_at(proxy.dsn))
        mine.says("warm", ("ada", "up"))
        seen = proxy.trips

        def trips() -> int:
            nonlocal seen
            before, seen = seen, proxy.trips
            return seen - before

        yield mine, trips
        mine.backends.db.close()


def said(count: int, authors: int = 5) -> list[tuple[str, str]]:
    return [(f"p{n % authors}", f"message {n}") for n in range(count)]


@pytest.mark.parametrize("count", [1, 100])
def test_record_in_an_existing_session_takes_at_most_six_round_trips(counted, count):
    place, trips = counted
    place.says("s", *said(5))
    trips()
    place.says("s", *said(count))
    most = 6 if place.backends.settings.db.pipeline else 8
    assert 0 < trips() <= most + BEGIN_AND_COMMIT


@pytest.mark.parametrize("count", [1, 100])
def test_record_in_a_new_workspace_takes_at_most_six_round_trips(counted, count):
    place, trips = counted
    new = replace(place, workspace=f"{place.workspace}-new")
    trips()
    new.says("s", *said(count))
    most = 6 if place.backends.settings.db.pipeline else 12
    assert 0 < trips() <= most + BEGIN_AND_COMMIT


def test_record_takes_as_many_round_trips_for_a_hundred_messages_as_for_one(counted):
    place, trips = counted
    place.says("s", *said(1))
    trips()
    place.says("one", *said(1))
    one = trips()
    place.says("hundred", *said(100, authors=1))
    assert trips() == one


def test_record_that_is_recognised_when_it_comes_again_takes_no_further_round_trip(counted):
    place, trips = counted
    backends, drafts = place.backends, [MessageDraft("ada", "hello")]
    for session in ("plain", "known"):
        place.says(session, ("bob", "up"))
    trips()
    record_messages(backends, place.workspace, "plain", drafts)
    plain = trips()
    batch = Batch(place.workspace, "known", "f", "run")
    record_messages(backends, place.workspace, "known", drafts, batch=batch)
    # Without pipelines each statement is a trip of its own, and there is one more.
    assert trips() == plain + (0 if backends.settings.db.pipeline else 1)
