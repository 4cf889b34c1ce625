"""A dream that loses the database at any moment ends as one that never did."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import LiteralString, TypeVar

import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.memory.relay import relay
from shared.store.database import Connection, Database
from tests.support.backends import THEN
from tests.support.dreaming import Dreamland, dreamland

T = TypeVar("T")

EVERY: LiteralString = "SELECT id, content FROM conclusions WHERE workspace = %(workspace)s"
SAID = (
    "I live in Porto.",
    "I moved to Lisbon.",
    "I love tea.",
    "I hate tea.",
    "I am allergic to nuts.",
    "I play the piano.",
    "I sing in a choir.",
    "I went to a jazz concert.",
)


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield place


class Interrupted(Database):
    """A database that is gone once: before transaction `left`, or, with `is_late`, when it has just committed."""

    def __init__(self, inner: Database, left: int, *, is_late: bool) -> None:
        self.inner, self.left, self.is_late = inner, left, is_late
        self.transactions = 0

    def transaction(self):
        return self.inner.transaction()

    def together(self, conn: Connection):
        return self.inner.together(conn)

    def reading(self):
        return self.inner.reading()

    def run(self, work: Callable[[Connection], T], *, happened: Callable[[Connection], bool] = lambda _: False) -> T:
        self.transactions += 1
        is_hit = self.transactions == self.left
        if is_hit and not self.is_late:
            raise DatabaseUnavailable
        result = self.inner.run(work, happened=happened)
        if is_hit:
            raise DatabaseUnavailable
        return result


def dreamt(land: Dreamland, left: int, *, is_late: bool) -> tuple[object, int]:
    """What a dream comes to that loses the database at that moment, and how many transactions it took."""
    # Each on the same day: dates are part of what is concluded.
    land.clock.moment = THEN
    land.tells("ada", *SAID)
    land.asks_for()
    flaky = Interrupted(land.backends.db, left, is_late=is_late)
    shaken = replace(land, backends=replace(land.backends, db=flaky))
    for _ in range(4):
        # Who cannot even claim gives the wake-up back to the queue; here tick finds the unit.
        with suppress(DatabaseUnavailable):
            shaken.dreams_on()
        land.clock.advance(minutes=20)
        relay(land.backends)
    assert land.dream_unit()["pending_items"] == 0
    assert land.dream_unit()["parked_items"] == 0
    changes = [(change["action"], change["content"], change["line"]) for change in land.changes()]
    # What was overtaken is hidden, and still a source of what tells of it.
    texts = {row["id"]: row["content"] for row in land.rows(EVERY)}
    rest = {
        (row["content"], row["times_derived"], tuple(texts[one] for one in row["source_ids"]))
        for row in land.conclusions()
    }
    [row] = land.dreams()
    assert row["finished_at"] is not None
    return (rest, changes, land.card(), land.schedule()["dreamt"]), flaky.transactions


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "after"])
def test_dream_that_loses_the_database_anywhere_comes_to_the_same(land: Dreamland, is_late: bool):
    expected, transactions = dreamt(land, 0, is_late=is_late)
    assert transactions >= 6
    for left in range(1, transactions + 1):
        fresh = replace(land, workspace=f"{land.workspace}-{left}")
        found, _ = dreamt(fresh, left, is_late=is_late)
        assert found == expected, f"lost at transaction {left}"
