"""Bringing a scope's view in line with its sessions: what a new one had is taken over, what a lost one gave goes."""

from dataclasses import dataclass, field

from shared.backends import Backends
from shared.domain.errors import DatabaseUnavailable, IndexUnavailable
from shared.domain.work import Claim, WakeUp
from shared.memory import conclude
from shared.memory.planning import derive_gate
from shared.memory.relay import send
from shared.memory.work import perform
from shared.store import backfills, conclusions, dream_traces, members, scopes, work
from shared.store.database import Connection
from shared.store.work import Outcome
from shared.telemetry.logs import logger

# Items of this kind weigh nothing: all that wait are one look at the membership.
_WINDOW_TOKENS = 1


def reconcile(backends: Backends, wake_up: WakeUp) -> None:
    """Make what the scope has from the session what its membership says now. Twice does no harm.

    The items do not say what to do: the membership does, when they are worked on. So a session that was taken
    out and put back before anything ran is simply there, and whatever ran last is right.
    """
    perform(backends, wake_up.unit, _reconcile, window_tokens=_WINDOW_TOKENS)


@dataclass(frozen=True, slots=True)
class _Change:
    """What was done to the scope's view: new ids with what each is a copy of, and ids that are gone."""

    wake_ups: list[WakeUp]
    copies: dict[str, str] = field(default_factory=dict[str, str])
    gone: list[str] = field(default_factory=list[str])


def _reconcile(backends: Backends, claimed: Claim) -> None:
    unit = claimed.unit
    change = backends.db.run(lambda conn: _changed(backends, conn, claimed))
    send(backends, change.wake_ups)
    _index(backends, claimed, change)
    logger.info("scope_reconciled", unit=unit.alias, copied=len(change.copies), removed=len(change.gone))


def _changed(backends: Backends, conn: Connection, claimed: Claim) -> _Change:
    unit, now = claimed.unit, backends.clock.now()
    # Sessions before units, as for who plans this work; copies refer to the session and would hold it anyway.
    scopes.hold_session(conn, unit.workspace, unit.session)
    work.fence(conn, claimed)
    place = (unit.workspace, unit.observed, unit.session)
    member = members.get(conn, unit.workspace, unit.session, unit.observed)
    copies: dict[str, str] = {}
    gone: list[str] = []
    if member is None or not member.is_active:
        # Whoever commits a dream holds its unit before the conclusions.
        dream_traces.forget_view(conn, unit.workspace, unit.observed)
        gone = backfills.remove(conn, *place, now)
        dream_traces.forget(conn, unit.workspace, gone)
        backfills.drop(conn, *place)
    elif backfills.is_wanted(conn, *place):
        copies = backfills.copy(conn, *place)
        backfills.complete(conn, *place, len(copies), now)
        copied = conclusions.by_ids(conn, unit.workspace, list(copies)).values()
        conclude.note_fresh(backends, conn, list(copied), set(copies))
    outcome = Outcome("", 0, 0, len(copies))
    wake_ups = work.finish(conn, claimed, outcome, gate=derive_gate(backends.settings), now=now)
    return _Change(wake_ups, copies, gone)


def _index(backends: Backends, claimed: Claim, change: _Change) -> None:
    """Copies have the vectors of their originals. What is left without one is embedded by `tick`."""
    unit = claimed.unit
    try:
        if change.gone:
            backends.vectors.delete_conclusions(unit.workspace, change.gone)
        if change.copies:
            placed = backends.vectors.copy_conclusions(unit.workspace, change.copies, observer=unit.observed)
            with backends.db.reading() as conn:
                live = conclusions.mark_indexed(conn, unit.workspace, placed, backends.clock.now())
            # As in `conclude.place`: whoever took them away meanwhile could not see these vectors yet.
            backends.vectors.delete_conclusions(unit.workspace, [one for one in placed if one not in live])
    except (IndexUnavailable, DatabaseUnavailable) as error:
        logger.warning("conclusions_not_indexed", count=len(change.copies), error=str(error))
