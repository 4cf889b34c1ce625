"""Workplaces with something to forget, and workers that forget it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.domain.errors import IndexUnavailable
from shared.domain.session import ObservationSettings
from shared.domain.summary import Summary
from shared.domain.work import TaskKind
from shared.memory import conclude, forget
from shared.memory.indexing import index_messages
from shared.memory.relay import relay
from shared.store import conclusions, summaries
from shared.store.conclusions import NewConclusion
from shared.vectors.index import VectorIndex
from shared.vectors.pg import PgIndex
from tests.support.backends import THEN, FrozenClock
from tests.support.workplace import Workplace

OWED: LiteralString = "SELECT 1 FROM work_units WHERE workspace = %(workspace)s AND kind = 'forget'"


def concludes(place: Workplace, conclusion: str, session: str | None, *sources: str) -> None:
    """A conclusion about ada, with a vector; its id and its content are the same."""
    level = "deductive" if sources else "explicit"
    new = NewConclusion(conclusion, "ada", "ada", session, level, conclusion, conclusion, True, (), sources, (), THEN)
    with place.backends.db.transaction() as conn:
        [saved] = conclusions.save(conn, place.workspace, [new], THEN)
    conclude.index(place.backends, [saved], {conclusion: place.embedder.embed([conclusion])[0]})


def indexes(place: Workplace) -> None:
    """Index what was said."""
    for wake_up in place.queue.take(TaskKind.INDEX):
        index_messages(place.backends, wake_up)


def furnishes(place: Workplace, session: str, canary: str) -> None:
    """A session with a bit of everything, all of which says `canary`."""
    place.joins(session, ada=ObservationSettings(), bob=ObservationSettings(observe_others=True))
    place.says(session, ("ada", f"{canary} one"), ("bob", f"{canary} two"))
    indexes(place)
    concludes(place, f"{canary}-fact", session)
    with place.backends.db.transaction() as conn:
        summaries.put(conn, place.workspace, session, Summary("short", canary, "m", 1, 1, THEN))


def forgets(place: Workplace) -> None:
    """Let workers forget until nothing of it is owed."""
    for _ in range(200):
        relay(place.backends)
        for wake_up in place.queue.take(TaskKind.FORGET):
            forget.forget(place.backends, wake_up)
        if not place.rows(OWED):
            return
        place.clock.advance(seconds=6)
    raise AssertionError("still not forgotten")


@dataclass
class HastyClock:
    """Goes on by ten seconds each time somebody looks."""

    clock: FrozenClock

    def now(self) -> datetime:
        return self.clock.advance(seconds=10)


class FailingIndex(PgIndex):
    """The index of `inner`, away at the nth moment before or after a deletion; `left` counts down to it."""

    def __init__(self, inner: VectorIndex, left: int) -> None:
        self.inner, self.left = inner, left

    def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None:
        self._pass()
        self.inner.delete_conclusions(workspace, ids)
        self._pass()

    def delete_messages(self, workspace: str, ids: Sequence[str]) -> None:
        self._pass()
        self.inner.delete_messages(workspace, ids)
        self._pass()

    def _pass(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise IndexUnavailable("away")
