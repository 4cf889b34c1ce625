"""What an undoing owes the index: brought soon, also where tick comes only when it is ordered."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.errors import IndexUnavailable
from shared.domain.vector import ConclusionVector
from shared.memory.timer import SOONEST, rearm
from shared.memory.undo import undo
from shared.vectors.pg import PgIndex
from tests.support.dreaming import Dreamland, dreamland
from tests.support.nights import MOVED, night, settles
from tests.support.ordering import Ordered, ScriptedTimer, rounded

HOUR = timedelta(hours=1)


class AwayIndex(PgIndex):
    """Cannot be reached."""

    def stored_conclusions(self, workspace: str, ids: Sequence[str]) -> list[ConclusionVector]:
        raise IndexUnavailable("away")


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield settles(place)


def ordered(land: Dreamland) -> Ordered:
    """The place a day later: all that is due was looked at, and no visit is ordered."""
    land.clock.advance(minutes=24 * 60)
    timer = ScriptedTimer()
    backends = replace(land.backends, timer=timer)
    found = Ordered(backends, land.workspace, land.clock, land.queue, land.embedder, timer)
    found.visits()
    with land.backends.db.transaction() as conn:
        conn.execute("UPDATE tick_timer SET armed_for = NULL, visited_at = %(now)s", {"now": land.clock.now()})
    timer.at, timer.orders = None, []
    return found


def away(timed: Ordered) -> Ordered:
    index = AwayIndex(timed.backends.db, lambda: timed.embedder.space)
    return replace(timed, backends=replace(timed.backends, vectors=index))


def owed(timed: Ordered) -> int:
    return sum(row["indexed_at"] is None and row["deleted_at"] is None for row in timed.conclusions())


def test_undo_that_cannot_index_has_it_made_good_by_a_visit_soon(land: Dreamland):
    done = night(land, removals=[MOVED])
    timed = ordered(land)
    undo(away(timed).backends, timed.workspace, done)
    assert owed(timed) == 1
    assert timed.timer.at == timed.row()["armed_for"] == rounded(timed.clock.now() + SOONEST)
    timed.clock.moment = timed.timer.at
    timed.visits()
    assert owed(timed) == 0


def test_undo_that_indexes_orders_no_visit_for_it(land: Dreamland):
    done = night(land, removals=[MOVED])
    timed = ordered(land)
    undo(timed.backends, timed.workspace, done)
    assert (owed(timed), timed.timer.orders) == (0, [])


def test_undo_whose_index_stays_away_is_tried_less_and_less_often(land: Dreamland):
    """By how long it was waited for, and not by how old the conclusion is; and the database may sleep in between."""
    done = night(land, removals=[MOVED])
    timed = away(ordered(land))
    undo(timed.backends, timed.workspace, done)
    began, came = timed.clock.now(), 0
    while timed.timer.at is not None and timed.timer.at < began + 12 * HOUR:
        timed.clock.moment = timed.timer.at
        came += 1
        with pytest.raises(IndexUnavailable):
            timed.visits()
        rearm(timed.backends, began=timed.clock.now())
    assert 8 <= came <= 20
