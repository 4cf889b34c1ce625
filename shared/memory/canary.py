"""The canary: it tells the memory something new at each visit, and looks whether it has learnt what it was told before.

It goes the way of every message, from the transaction that records it over outbox, queue and worker to a conclusion,
in a workspace of its own. Nobody is charged for that, and nothing of it stays.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.backends import Backends
from shared.domain.errors import NotFound
from shared.domain.ids import CANARY_WORKSPACE
from shared.domain.json import JsonObject
from shared.domain.message import MessageDraft
from shared.memory import workspaces
from shared.memory.forget import delete_session
from shared.memory.record import record_messages
from shared.memory.timer import arm
from shared.store import canary, repair
from shared.store.canary import Told
from shared.telemetry.logs import logger
from shared.telemetry.metrics import Metric, emit

_PEER: Final = "canary"
# It is about the way to a conclusion: whatever else would be made of that costs more and says less.
_ONLY_DERIVES: Final[JsonObject] = {
    "summary": {"enabled": False},
    "dream": {"enabled": False},
    "peer_card": {"use": False, "create": False},
}
# What is not learnt after that is not looked at any more.
_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the fact told last was learnt in time; None when it is too early to say, or none was told.

    `age_s`: how long that took, or, where something is not learnt yet, since when the memory owes the oldest of it.
    """

    is_ok: bool | None
    age_s: float


def visit(backends: Backends, run: str) -> Health:
    """Look at what was told before, tell something new, forget what was learnt. Twice with one `run` does no harm."""
    workspaces.get_or_create(backends, CANARY_WORKSPACE, metadata={}, configuration=_ONLY_DERIVES)
    with backends.db.reading() as conn:
        told = canary.told(conn)
    now = backends.clock.now()
    before = [one for one in told if one.session != run]
    health = judged(before, now, within=timedelta(minutes=backends.settings.canary.minutes))
    _say(health)
    if len(before) == len(told):
        _tell(backends, run)
    _forget(backends, before, now)
    return health


def judged(told: Sequence[Told], now: datetime, *, within: timedelta) -> Health:
    """What the facts told so far say about the memory, the oldest of them first."""
    if not told:
        return Health(None, 0.0)
    owed = [one.told_at for one in told if one.concluded_at is None]
    last = told[-1]
    learnt_after = (last.concluded_at or now) - last.told_at
    age = now - owed[0] if owed else learnt_after
    is_early = last.concluded_at is None and learnt_after <= within
    return Health(None if is_early else learnt_after <= within, age.total_seconds())


def _say(health: Health) -> None:
    say = logger.error if health.is_ok is False else logger.info
    say("canary_looked", is_ok=health.is_ok, age_s=round(health.age_s, 1))
    # What cannot be said yet is no reason for an alarm, and no data would be one.
    emit({Metric.CANARY_OK: float(health.is_ok is not False), Metric.CANARY_AGE: health.age_s})


def _tell(backends: Backends, run: str) -> None:
    """Something that nobody has said before, to be read now: it must not wait for more that never comes."""
    word = f"K{secrets.randbelow(900_000) + 100_000}"
    said = MessageDraft(_PEER, f"My locker has the code {word}.", {"word": word})
    record_messages(backends, CANARY_WORKSPACE, run, [said])
    backends.db.run(lambda conn: repair.flush(conn, workspace=CANARY_WORKSPACE, now=backends.clock.now()))
    arm(backends)


def _forget(backends: Backends, told: Sequence[Told], now: datetime) -> None:
    for one in told:
        if one.concluded_at is not None or now - one.told_at > _KEPT:
            # Somebody else may just have done it.
            with suppress(NotFound):
                delete_session(backends, CANARY_WORKSPACE, one.session)
