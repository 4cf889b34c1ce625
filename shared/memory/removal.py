"""Taking away in small fenced transactions: again does no harm, and neither does an end at any point."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from shared.backends import Backends
from shared.domain.work import Claim, TaskKind, WorkUnit
from shared.memory.relay import send
from shared.memory.timer import arm
from shared.store import cards, conclusions, dream_traces, forgetting, purge, work
from shared.store.database import Connection
from shared.telemetry import events
from shared.telemetry.events import publish
from shared.telemetry.logs import logger

T = TypeVar("T")

# One call of the function may bring ten units, and has a minute for them all.
_SHIFT = timedelta(seconds=4)
PAUSE = timedelta(seconds=5)
MOST_CONCLUSIONS = 200


class UnderWay(Exception):
    """Somebody still works on what is to be taken away."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


@dataclass(frozen=True, slots=True)
class Steps:
    """What one worker does for its claim."""

    backends: Backends
    claimed: Claim

    @property
    def workspace(self) -> str:
        return self.claimed.unit.workspace

    def read(self, look: Callable[[Connection], T]) -> T:
        with self.backends.db.reading() as conn:
            return look(conn)

    def do(self, change: Callable[[Connection], T]) -> T:
        """A transaction of its own, lost when another worker has taken over."""

        def fenced(conn: Connection) -> T:
            work.fence(conn, self.claimed)
            return change(conn)

        return self.backends.db.run(fenced)

    def carry_out(self, batches: Iterator[None]) -> None:
        """Batch by batch; what does not fit into this worker's time the next one does."""
        now = self.backends.clock.now
        until = now() + _SHIFT
        try:
            for _ in batches:
                if now() >= until:
                    send(self.backends, self.do(lambda conn: forgetting.hand_on(conn, self.claimed, now=now())))
                    return
        except UnderWay as busy:
            due_at = min(busy.until, now() + PAUSE)
            with self.backends.db.transaction() as conn:
                work.retry_later(conn, self.claimed, "waits for work under way", is_outage=True, due_at=due_at)
            arm(self.backends)
            return
        unit = self.claimed.unit
        publish(
            events.DELETION_COMPLETED,
            f"{unit.workspace}:{unit.kind}:{unit.alias}",
            workspace_name=unit.workspace,
            deletion_type=_deleted(unit),
            resource_id=events.alias(unit.workspace, unit.session or unit.observed or unit.workspace),
            success=True,
        )
        logger.info("forgotten", unit=self.claimed.unit.alias)


def _deleted(unit: WorkUnit) -> str:
    if unit.kind is TaskKind.ERASE:
        return "messages" if unit.session else "peer"
    return "session" if unit.session else "workspace"


def uproot(steps: Steps, roots: Sequence[str], *, with_cards: bool = False) -> Iterator[None]:
    """Take these conclusions away, each after those that rest on it: a crash leaves none without its premises.

    `with_cards`: the cards of the collections that lose something go too, since nobody can tell where their lines
    come from.
    """
    found = list(roots)
    while found:
        above = with_those_above(steps, found, lambda level: _conceal(steps, level, with_cards=with_cards))
        found = []
        for start in range(0, len(above), MOST_CONCLUSIONS):
            ids = above[start : start + MOST_CONCLUSIONS]
            steps.backends.vectors.delete_conclusions(steps.workspace, ids)
            left = steps.do(lambda conn, ids=ids: purge.conclusions(conn, steps.workspace, ids))
            yield
            if left:
                # Somebody has just concluded something from one of them: from there once more.
                found = [*above[start:], *left]
                break


def with_those_above(
    steps: Steps, roots: Sequence[str], visit: Callable[[Sequence[str]], None] = lambda _: None
) -> list[str]:
    """The roots and whatever rests on them, step by step, each visited on the way: the last found come first.

    So each that is left was reached from one that is left, and is found again.
    """
    found = dict.fromkeys(roots)
    level: list[str] = list(found)
    while level:
        for start in range(0, len(level), MOST_CONCLUSIONS):
            visit(level[start : start + MOST_CONCLUSIONS])
        above = steps.read(lambda conn, level=level: purge.resting_on(conn, steps.workspace, level))
        level = [one for one in above if one not in found]
        found.update(dict.fromkeys(level))
    return list(found)[::-1]


def _conceal(steps: Steps, ids: Sequence[str], *, with_cards: bool) -> None:
    """Hide them before their vectors go: a worker that brings a vector only now learns that it must not stay.

    The rows go after the vectors, so that an end in between is made good. Whoever concludes from them from now on
    finds them gone, and so does who undoes what had hidden them.
    """
    now = steps.backends.clock.now()

    def conceal(conn: Connection) -> None:
        dream_traces.seal(conn, steps.workspace, ids)
        conclusions.hide(conn, steps.workspace, ids, now)
        if with_cards:
            dream_traces.forget_cards_of(conn, steps.workspace, ids)
            cards.drop_of(conn, steps.workspace, ids)

    steps.do(conceal)
