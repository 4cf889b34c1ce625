"""What is done with dreams in a large database, so that its plans can be looked at."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from shared.domain.conclusion import Collection
from shared.domain.dream import Change, Dream, DreamRequest, Former
from shared.store import (
    dream_changes,
    dream_checkpoints,
    dream_records,
    dream_schedule,
    dream_traces,
    dreams,
    lineage,
    undoing,
)
from shared.store.database import Connection
from shared.store.dream_checkpoints import Kept
from shared.store.dream_schedule import Rhythm
from tests.support.backends import THEN

COLLECTION = Collection("w1", "p1", "p1")
RHYTHM = Rhythm(50, timedelta(minutes=60), timedelta(hours=8))
DREAM = Dream(COLLECTION, 7, "d1", "omni", "manual", None, False, "card", 0, 0, THEN)


def dream_through(conn: Connection) -> None:
    dreams.request(conn, DreamRequest(Collection("w1", "p1", "p1"), "omni", "manual"), now=THEN)
    dreams.get(conn, dreams.unit_of(COLLECTION), 1)
    dreams.begin(conn, DREAM, now=THEN)
    former = Former(1, THEN, ("c9",), ("m9",), ("p",))
    dream_changes.note(conn, DREAM, [Change("added", "c1"), Change("reinforced", "c2", former=former)], now=THEN)
    dream_checkpoints.spend(conn, DREAM, input_tokens=1, output_tokens=1)
    assert dream_checkpoints.save(conn, DREAM, Kept("m", "{}"), shown=["c1", "c2", "c3"], now=THEN)
    assert dream_checkpoints.get(conn, DREAM) is not None
    assert dream_checkpoints.stands(conn, COLLECTION.workspace, ["c1", "c2", "c3"])
    dream_checkpoints.restart(conn, DREAM)
    dream_checkpoints.drop(conn, DREAM)
    dreams.end(conn, dreams.unit_of(COLLECTION), 1, now=THEN)
    dream_schedule.succeed(conn, COLLECTION, RHYTHM, dreamt=1, now=THEN)


def dream_undone(conn: Connection) -> None:
    undoing.hold_unit(conn, "w1", "dream::p1:p1")
    assert undoing.standing(conn, "w1", "d1", "dream::p1:p1") is not None
    assert len(undoing.noted(conn, "w1", "d1")) == 5
    undoing.hold(conn, "w1", ["c7", "c8"])
    undoing.changed_later(conn, "w1", "d1")
    undoing.gave_way(conn, "w1", "d1", ["c7"])
    undoing.line_on(conn, "w1", "d1", ["c7"])
    undoing.revert(conn, "w1", "d1", [2])
    undoing.lacking(conn, "w1", "d1", ["c7", "c8"])
    undoing.concluded_again(conn, "w1", ["c7", "c8"])
    undoing.restore(conn, "w1", ["c7", "c8"], THEN)
    undoing.hold_card(conn, COLLECTION)
    undoing.drop_card(conn, COLLECTION)
    undoing.close(conn, "w1", "d1", [1, 2], THEN)


DREAM_USES: Final[dict[str, Callable[[Connection], Any]]] = {
    "note_saved": lambda conn: dream_schedule.note_saved(conn, {COLLECTION: 3}, RHYTHM, now=THEN),
    "postpone": lambda conn: dream_schedule.postpone(conn, "w1", ["p1", "p2"], RHYTHM, now=THEN),
    "dreams_due": lambda conn: dream_schedule.due(conn, now=THEN, most=100),
    "dream_take": lambda conn: dream_schedule.take(conn, COLLECTION, now=THEN),
    "dream_through": dream_through,
    "dream_rules": lambda conn: dreams.newest_session(conn, COLLECTION),
    "dream_page": lambda conn: dream_records.get(conn, "w1", "d1"),
    "dream_changes": lambda conn: dream_records.changes(conn, "w1", "d1"),
    "dream_traces": lambda conn: dream_traces.forget(conn, "w1", ["c1", "c9"]),
    "dream_undone": dream_undone,
    "dream_sealed": lambda conn: (
        dream_traces.seal(conn, "w1", ["c1", "c9"]),
        dream_traces.forget_cards_of(conn, "w1", ["c1", "c9"]),
        dream_traces.forget_runs(conn, COLLECTION),
    ),
    "dream_view": lambda conn: dream_traces.forget_view(conn, "w1", "p1"),
    "lineage": lambda conn: (
        lineage.hold(conn, COLLECTION, ["c1", "c9"]),
        lineage.resting_on(conn, COLLECTION, ["c1", "c9"]),
        lineage.lost(conn, COLLECTION),
        lineage.equals(conn, COLLECTION, [("deductive", "h1")]),
        lineage.keep_sources(conn, "w1", {"c1": ["c9"]}),
        lineage.hand_over(conn, "w1", {"c1": "c9"}),
    ),
}  # fmt: skip
