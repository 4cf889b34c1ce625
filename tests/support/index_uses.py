"""Uses of the store around the vector index, whose plans are looked at."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from shared.domain.conclusion import Collection
from shared.store import (
    conclusion_words,
    index_state,
    space_choices,
    timer,
    vector_copies,
    vector_removals,
    vector_rows,
)
from shared.store.database import Connection
from tests.support.backends import THEN

COLLECTION: Final = Collection("w1", "p1", "p1")
INDEX_USES: Final[dict[str, Callable[[Connection], object]]] = {
    "conclusions_by_words": lambda conn: conclusion_words.by_words(conn, COLLECTION, "text 7", k=9),
    "conclusions_of_all_by_words": lambda conn: conclusion_words.by_words(conn, "w1", "text 7", k=9, sessions=["s1"]),
    "vector_copies": lambda conn: vector_copies.put(conn, "w1", "t", "messages", vector_copies.Copied("m1", 1, False)),
    "vector_rows_conclusions": lambda conn: vector_rows.conclusions_after(conn, "w1", "c5", most=500),
    "vector_rows_messages": lambda conn: vector_rows.messages_after(conn, "w1", "m5", most=500),
    "vector_rows_pending": lambda conn: vector_rows.pending_messages(conn, "w1", ["m1", "m2"]),
    "vector_rows_leaving": lambda conn: vector_rows.leaving(conn, "w1", ["c1", "c2"]),
    "vector_rows_whole": lambda conn: vector_rows.messages_of(conn, "w1", ["m1", "m2"]),
    "removals_done": lambda conn: vector_removals.done(conn, "w1", ["c1", "c2"]),
    "removals_due": lambda conn: vector_removals.due(conn, THEN, most=100),
    "space_deletions": lambda conn: space_choices.deletions(conn, "w1"),
    "space_rows": lambda conn: space_choices.conclusions_with_row(conn, "w1", ["c1", "c2"]),
    "space_choice": lambda conn: space_choices.get(conn, "w1"),
    "conclusions_owed": lambda conn: index_state.gauge(conn, before=THEN),
    "conclusions_postponed": lambda conn: index_state.postpone(conn, "w1", ["c1"], THEN, pause=timedelta(minutes=5)),
    "timer_arm": lambda conn: timer.arm(conn, timer.Horizon(THEN, THEN)),
    "timer_left_over": timer.left_over,
    "conclusions_unindexed": lambda conn: index_state.unindexed(conn, before=THEN, now=THEN, most=100),
}
