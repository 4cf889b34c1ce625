"""What can happen around dreams, as a hypothesis state machine over a real database and the offline models."""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.domain.errors import DatabaseUnavailable, NotFound
from shared.domain.work import TaskKind, WakeUp
from shared.memory.dreams import release_dreams
from shared.memory.erase import erase_message
from shared.memory.forget import delete_session
from shared.memory.relay import relay
from shared.reasoning.dream import dream
from shared.store import conclusions
from shared.store.database import Connection, Database
from tests.support.backends import FrozenClock, RecordingQueue
from tests.support.dreaming import Dreamland
from tests.support.erasing import settle
from tests.support.forgetting import forgets

T = TypeVar("T")

SESSIONS = ("s", "t")
SAID = (
    *(f"I moved to {city}." for city in ("Porto", "Lisbon", "Rome")),
    *("I love tea.", "I hate tea.", "I no longer love tea."),
    *(f"I am allergic to {food}." for food in ("nuts", "fish")),
    *("I play the piano.", "I sing in a choir.", "I went to a jazz concert.", "I play the cello."),
)

# A source is there, in the same collection; hidden only if it was overtaken, or if a client hid it.
UNFOUNDED: LiteralString = """
SELECT c.content, s.id
  FROM conclusions AS c, unnest(c.source_ids) AS s (id)
  LEFT JOIN conclusions AS p ON p.workspace = %(workspace)s AND p.id = s.id
 WHERE c.workspace = %(workspace)s AND c.deleted_at IS NULL
   AND (p.id IS NULL OR (p.observer, p.observed) <> (c.observer, c.observed)
        OR p.deleted_at IS NOT NULL AND p.id <> ALL(%(deleted)s) AND NOT EXISTS (
           SELECT FROM dream_changes AS h
            WHERE h.workspace = %(workspace)s AND h.conclusion = p.id AND h.action = 'superseded'))
"""
WEAK: LiteralString = """
SELECT content FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL AND level <> 'explicit'
   AND cardinality(source_ids) < CASE WHEN level = 'deductive' THEN 1 ELSE 2 END
"""
FOREIGN: LiteralString = """
SELECT c.content
  FROM conclusions AS c, unnest(c.message_ids) AS cited (id)
 WHERE c.workspace = %(workspace)s AND c.deleted_at IS NULL AND c.level <> 'explicit'
   AND NOT EXISTS (SELECT FROM conclusions AS p
                    WHERE p.workspace = %(workspace)s AND p.id = ANY(c.source_ids) AND cited.id = ANY(p.message_ids))
   AND EXISTS (SELECT FROM messages AS m WHERE m.workspace = %(workspace)s AND m.id = cited.id)
"""
DOUBLED: LiteralString = """
SELECT level, content FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL AND level <> 'explicit'
 GROUP BY level, content HAVING count(*) > 1
"""
# A line that a dream wrote rests on something that is there.
BASELESS: LiteralString = """
SELECT h.line
  FROM dream_changes AS h
 WHERE h.workspace = %(workspace)s AND h.action = 'line_added'
   AND NOT EXISTS (SELECT FROM conclusions AS p WHERE p.workspace = %(workspace)s AND p.id = ANY(h.source_ids))
"""
ASTRAY: LiteralString = """
SELECT u.unit FROM work_units AS u
 WHERE u.workspace = %(workspace)s
   AND (u.pending_items <> (SELECT count(*) FROM work_items AS i
                             WHERE i.workspace = u.workspace AND i.unit = u.unit AND i.state = 'pending')
        OR u.pending_items > 0 AND u.due_at IS NULL)
"""
MESSAGES: LiteralString = "SELECT session, id FROM messages WHERE workspace = %(workspace)s ORDER BY session, seq"
BEYOND: LiteralString = "SELECT observer FROM collections WHERE workspace = %(workspace)s AND dreamt > concluded"


class Unsteady(Database):
    """Gone once, before or after its nth transaction from now."""

    def __init__(self, inner: Database, left: int, *, is_late: bool) -> None:
        self.inner, self.left, self.is_late = inner, left, is_late

    def transaction(self):
        return self.inner.transaction()

    def together(self, conn: Connection):
        return self.inner.together(conn)

    def reading(self):
        return self.inner.reading()

    def run(self, work: Callable[[Connection], T], *, happened: Callable[[Connection], bool] = lambda _: False) -> T:
        self.left -= 1
        if self.left == 0 and not self.is_late:
            raise DatabaseUnavailable
        result = self.inner.run(work, happened=happened)
        if self.left == 0:
            raise DatabaseUnavailable
        return result


class Nights(RuleBasedStateMachine):
    """Things are said, dreamt about, overtaken, deleted, forgotten and erased, and the database comes and goes."""

    def __init__(self, land: Dreamland) -> None:
        super().__init__()
        clock, queue = FrozenClock(), RecordingQueue()
        backends = replace(land.backends, clock=clock, queue=queue)
        self.land = replace(
            land, backends=backends, workspace=f"w-{uuid.uuid4().hex[:10]}", clock=clock, queue=queue
        ).configured(dream={"document_threshold": 3, "min_hours_between_dreams": 1})
        self.deleted: list[str] = []
        self.late: list[WakeUp] = []

    @rule(session=st.sampled_from(SESSIONS), texts=st.lists(st.sampled_from(SAID), min_size=1, max_size=4))
    def tells(self, session: str, texts: list[str]) -> None:
        self.land.tells("ada", *texts, session=session)

    @rule(kind=st.sampled_from(["omni", "omni", "card_refresh"]))
    def asks_for(self, kind: str) -> None:
        with contextlib.suppress(NotFound):
            self.land.asks_for("omni" if kind == "omni" else "card_refresh")

    @rule(minutes=st.sampled_from([1, 20, 70]))
    def time_passes(self, minutes: int) -> None:
        self.land.clock.advance(minutes=minutes)
        release_dreams(self.land.backends)
        relay(self.land.backends)

    @rule(left=st.integers(0, 7), is_late=st.booleans(), is_twice=st.booleans())
    def dreams_on(self, left: int, is_late: bool, is_twice: bool) -> None:
        shaken = replace(self.land.backends, db=Unsteady(self.land.backends.db, left, is_late=is_late))
        woken = [*self.late, *self.land.queue.take(TaskKind.DREAM)]
        self.late = woken[:1] if is_twice else []
        for wake_up in woken:
            with contextlib.suppress(DatabaseUnavailable):
                dream(shaken, wake_up)

    @rule(session=st.sampled_from(SESSIONS), text=st.sampled_from(SAID))
    def tells_and_sleeps(self, session: str, text: str) -> None:
        """What makes a night worth it: something new, and a whole dream."""
        self.land.tells("ada", text, session=session)
        self.land.asks_for()
        self.land.dreams_out()

    @rule(place=st.integers(0, 20))
    def client_deletes(self, place: int) -> None:
        rows = self.land.conclusions()
        if rows:
            gone = rows[place % len(rows)]["id"]
            with self.land.backends.db.transaction() as conn:
                conclusions.delete(conn, self.land.workspace, gone, self.land.clock.now() + timedelta(milliseconds=1))
            self.deleted.append(gone)

    @rule(session=st.sampled_from(SESSIONS))
    def is_forgotten(self, session: str) -> None:
        with contextlib.suppress(NotFound):
            delete_session(self.land.backends, self.land.workspace, session)
            forgets(self.land)

    @rule(place=st.integers(0, 20))
    def is_erased(self, place: int) -> None:
        said = self.land.rows(MESSAGES)
        if said:
            one = said[place % len(said)]
            erase_message(self.land.backends, self.land.workspace, one["session"], one["id"])
            settle(self.land)

    @invariant()
    def what_is_concluded_rests_on_what_is_there(self) -> None:
        assert self.land.rows(UNFOUNDED, deleted=self.deleted) == []
        assert self.land.rows(WEAK) == []
        assert self.land.rows(FOREIGN) == []
        assert self.land.rows(BASELESS) == []

    @invariant()
    def nothing_is_doubled_or_lost(self) -> None:
        assert self.land.rows(DOUBLED) == []
        assert self.land.rows(ASTRAY) == []
        assert self.land.rows(BEYOND) == []

    def teardown(self) -> None:
        """In the end every dream that was asked for is dreamt."""
        for _ in range(4):
            self.land.dreams_out()
            self.land.clock.advance(minutes=20)
        assert [row["id"] for row in self.land.dreams() if row["finished_at"] is None] == []
        self.what_is_concluded_rests_on_what_is_there()
        self.nothing_is_doubled_or_lost()
