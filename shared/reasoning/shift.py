"""One call of the function at a dream: it ends in time, and keeps what it has achieved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from shared.backends import Backends
from shared.domain.dream import Dream
from shared.domain.work import Claim, WakeUp
from shared.llm.provider import ChatModel
from shared.llm.types import Completion, Delta, Reply
from shared.memory.relay import send
from shared.store import calls, dream_checkpoints, dreams, forgetting, work
from shared.store.database import Connection
from shared.store.dream_checkpoints import Kept
from shared.store.work import ClaimLost
from shared.telemetry.logs import logger

# What comes after the model, vectors and the commit, is quick.
TO_COMMIT: Final = timedelta(seconds=60)
# An answer of full length, thought over, takes minutes. One that may not come in time is left to the next shift, which
# has all its time for it: broken off, it would be paid for twice.
_LONG_CALL_S: Final = 240.0
_SHORTEST_CALL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """How a run can be continued, if it can, which conclusions that tells of, and what its dream has cost by now."""

    kept: Kept | None
    shown: tuple[str, ...]
    input_tokens: int
    output_tokens: int


class Outdated(Exception):
    """Something that a run was shown is erased: it tells of it, whatever it rests on, and is begun anew."""


class Shift:
    """The time, `lasts` long, that one worker has for what it claimed; it makes one call of a model at least."""

    def __init__(self, backends: Backends, claimed: Claim, lasts: timedelta) -> None:
        self.backends = backends
        self.claimed = claimed
        self._until = backends.clock.now() + lasts
        self._calls = 0

    @property
    def is_over(self) -> bool:
        """Whether the next call of a model is better made in another shift. One is always made."""
        needed_s = min(_LONG_CALL_S, self.backends.settings.dream.timeout_seconds)
        return self._calls > 0 and self._left_s() < needed_s

    def keep(self, dream: Dream, step: Step | None, *, seconds: float) -> bool:
        """Keep the claim for as many seconds, and with it where the run stands. Raises `ClaimLost`.

        False when that could not be kept because something it was shown is erased.
        """
        lease_s = max(seconds + TO_COMMIT.total_seconds(), self.backends.settings.lease_seconds)
        until = self.backends.clock.now() + timedelta(seconds=lease_s)
        is_on = self._calls > 0

        def keep(conn: Connection) -> bool:
            dreams.extend(conn, self.claimed, until=until, is_on=is_on)
            if step is None:
                return True
            calls.note(conn, dream.collection.workspace, made)
            return self._save(conn, dream, step)

        if step is None:
            with self.backends.db.reading() as conn:
                return keep(conn)
        with self.backends.tab.riding() as made:
            return self.backends.db.run(keep)

    def begin_anew(self, dream: Dream) -> Dream:
        """Drop the run of the dream's phase, and count that; gives the dream with what it has cost by now."""

        def drop(conn: Connection) -> Dream:
            work.fence(conn, self.claimed)
            dream_checkpoints.restart(conn, dream)
            found = dreams.get(conn, self.claimed.unit, dream.number)
            if found is None:
                raise ClaimLost(str(self.claimed.unit))
            return found

        logger.warning("dream_begun_anew", dream=dream.id, phase=dream.phase, reason="something shown is erased")
        return self.backends.db.run(drop)

    def pause(self, dream: Dream, step: Step | None) -> None:
        """Leave the rest to the next shift, which is woken: no failure, and no attempt."""
        now = self.backends.clock.now()

        def hand_on(conn: Connection) -> list[WakeUp]:
            dreams.extend(conn, self.claimed, until=now)
            if step is not None:
                self._save(conn, dream, step)
            return forgetting.hand_on(conn, self.claimed, now=now)

        send(self.backends, self.backends.db.run(hand_on))
        logger.info("dream_handed_on", dream=dream.id, phase=dream.phase, calls=self._calls)

    def timed(self, model: ChatModel) -> ChatModel:
        """The model, whose calls last no longer than the shift."""
        return _Timed(model, self._allow)

    def seconds_for(self, limit_s: float) -> float:
        """How long the next call may take that has `limit_s` of its own."""
        return max(min(limit_s, self._left_s()), _SHORTEST_CALL_S)

    def _allow(self, request: Completion) -> Completion:
        self._calls += 1
        limit_s = self._left_s() if request.timeout_s is None else request.timeout_s
        return replace(request, timeout_s=self.seconds_for(limit_s))

    def _left_s(self) -> float:
        return (self._until - TO_COMMIT - self.backends.clock.now()).total_seconds()

    def _save(self, conn: Connection, dream: Dream, step: Step) -> bool:
        dream_checkpoints.spend(conn, dream, input_tokens=step.input_tokens, output_tokens=step.output_tokens)
        if step.kept is None:
            return True
        return dream_checkpoints.save(conn, dream, step.kept, shown=step.shown, now=self.backends.clock.now())


class _Timed:
    """A chat model whose requests go through `allow` first."""

    def __init__(self, model: ChatModel, allow: Callable[[Completion], Completion]) -> None:
        self._model = model
        self._allow = allow

    @property
    def name(self) -> str:
        return self._model.name

    def complete(self, request: Completion) -> Reply:
        return self._model.complete(self._allow(request))

    def stream(self, request: Completion) -> Iterator[Delta]:
        return self._model.stream(self._allow(request))
