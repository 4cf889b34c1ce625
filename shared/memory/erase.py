"""Erasing: single messages, and peers with all they said and all that is known of them.

Asked for at once, done by workers. While something is erased from a session nothing else is done there: work that
was under way is lost, and done again on what is left.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from shared.backends import Backends
from shared.domain.errors import NotFound
from shared.domain.work import Claim, TaskKind, WakeUp, WorkUnit
from shared.memory import cached
from shared.memory.peers import refuse_scope
from shared.memory.planning import cadence_of, in_force
from shared.memory.relay import send
from shared.memory.removal import MOST_CONCLUSIONS, PAUSE, Steps, UnderWay, uproot, with_those_above
from shared.memory.work import perform
from shared.store import erasing, erasure, erasure_conclusions, messages, reopening, scopes, sessions, work
from shared.store.database import Connection

T = TypeVar("T")

_MOST_MESSAGES, _MOST_SESSIONS, _MOST_ROWS = 100, 200, 2000


def erase_message(backends: Backends, workspace: str, session: str, message_id: str) -> None:
    """Have the message erased, and what was derived from it. Raises `NotFound`, also in a session being deleted.

    Until a worker has done it the message can be read; asking again adds nothing.
    """

    def plan(conn: Connection) -> list[WakeUp]:
        is_there = sessions.hold_active(conn, workspace, session)
        if not is_there or messages.get(conn, workspace, session, message_id) is None:
            raise NotFound(f"message {message_id} not found")
        return erasing.plan_message(conn, workspace, session, message_id, backends.clock.now())

    send(backends, backends.db.run(plan))


def erase_peer(backends: Backends, workspace: str, peer: str) -> None:
    """Accept no more writes for the peer, and have it erased. Raises `NotFound`, and `Invalid` for a scope's peer.

    Asking again while that is under way adds nothing. Afterwards the name is free.
    """
    refuse_scope(peer)

    def plan(conn: Connection) -> list[WakeUp]:
        wake_ups = erasing.plan_peer(conn, workspace, peer, backends.clock.now())
        if wake_ups is None:
            raise NotFound(f"peer {peer} not found")
        return wake_ups

    with backends.cache.changing(cached.row(workspace, "peer", peer)):
        wake_ups = backends.db.run(plan)
    send(backends, wake_ups)


def erase(backends: Backends, wake_up: WakeUp) -> None:
    """Erase what `wake_up` points to, in small transactions; what one call does not finish the next one does.

    Again does no harm, and neither does an end at any point.
    """
    perform(backends, wake_up.unit, _erase, window_tokens=1)


def _erase(backends: Backends, claimed: Claim) -> None:
    steps = Steps(backends, claimed)
    steps.carry_out(_from_session(steps) if claimed.unit.session else _peer(steps))


def _alone(steps: Steps, change: Callable[[Connection], T]) -> T:
    """A step while nobody works on the session. Raises `UnderWay`."""
    unit = steps.claimed.unit

    def held(conn: Connection) -> T:
        # The session, then all of its units in order, our own among them: the fence must not take it before the others.
        scopes.hold_session(conn, unit.workspace, unit.session)
        until = erasing.hold(conn, unit.workspace, unit.session, steps.backends.clock.now())
        work.fence(conn, steps.claimed)
        if until is not None:
            raise UnderWay(until)
        return change(conn)

    return steps.backends.db.run(held)


def _from_session(steps: Steps) -> Iterator[None]:
    """Erase messages, or all of one peer, from the session; one batch per step."""
    unit, items = steps.claimed.unit, steps.claimed.items
    peer = next(iter(items[0].observers), None)
    _alone(steps, lambda conn: erasing.void(conn, unit.workspace, unit.session))
    if peer is None:
        named = [item.message_id for item in items]
        for start in range(0, len(named), _MOST_MESSAGES):
            yield from _messages(steps, named[start : start + _MOST_MESSAGES], None)
    else:
        yield from _presence(steps, peer)
    send(steps.backends, _alone(steps, lambda conn: erasing.close(conn, steps.claimed, steps.backends.clock.now())))
    if peer is not None:
        _wake(steps.backends, erasing.unit(unit.workspace, peer=peer))


def _presence(steps: Steps, peer: str) -> Iterator[None]:
    """All that the peer said in the session, and that it was there."""
    workspace, session = steps.workspace, steps.claimed.unit.session

    def some(conn: Connection) -> list[str]:
        return erasure.some_of_peer(conn, workspace, session, peer, most=_MOST_MESSAGES)

    while ids := steps.read(some):
        yield from _messages(steps, ids, peer)
    while _alone(steps, lambda conn: erasure.observers(conn, workspace, session, peer, most=_MOST_ROWS)):
        yield
    derived = WorkUnit(workspace, TaskKind.DERIVE, session, peer)
    _alone(steps, lambda conn: erasure.membership(conn, derived))


def _messages(steps: Steps, ids: Sequence[str], peer: str | None) -> Iterator[None]:
    """Some messages with all that rests on them. The messages go last: what is left to do is found by them."""
    backends, workspace, session = steps.backends, steps.workspace, steps.claimed.unit.session
    touched = steps.read(lambda conn: erasure_conclusions.touched(conn, workspace, session, ids, peer=peer))
    again = sorted({seq for one in touched for seq in one.left})
    # Before the conclusions go, or an end in between would leave the other messages without theirs.
    _alone(steps, lambda conn: reopening.reopen(conn, workspace, session, TaskKind.DERIVE, again))
    yield from uproot(steps, [one.id for one in touched if one.is_doomed], with_cards=True)
    kept = with_those_above(steps, [one.id for one in touched if not one.is_doomed])
    yield from uproot(
        steps, steps.read(lambda conn: erasure_conclusions.reworded(conn, workspace, kept, ids)), with_cards=True
    )
    backends.vectors.delete_messages(workspace, ids)
    _alone(steps, lambda conn: _take(backends, conn, steps.claimed.unit, ids, kept))
    yield


def _take(backends: Backends, conn: Connection, unit: WorkUnit, ids: Sequence[str], kept: Sequence[str]) -> None:
    workspace, session = unit.workspace, unit.session
    erasure_conclusions.strip(conn, workspace, kept, ids)
    if not erasure.messages(conn, workspace, session, ids):
        return
    cadence = cadence_of(in_force(backends.settings, conn, workspace, session))
    if cadence is not None:
        reopening.summarize_again(conn, workspace, session, cadence, backends.clock.now())


def _peer(steps: Steps) -> Iterator[None]:
    """Have each session let go of the peer, then take what is known of it, then the peer itself."""
    workspace, peer = steps.workspace, steps.claimed.unit.observed
    is_gone = False
    while not is_gone:
        while (wake_ups := steps.do(lambda conn: _plan_sessions(steps, conn))) is not None:
            send(steps.backends, wake_ups)
            yield
        if steps.read(lambda conn: erasure.is_present(conn, workspace, peer)):
            raise UnderWay(steps.backends.clock.now() + PAUSE)
        while roots := steps.read(
            lambda conn: erasure_conclusions.of_peer(conn, workspace, peer, most=MOST_CONCLUSIONS)
        ):
            yield from uproot(steps, roots, with_cards=True)
        while steps.do(lambda conn: erasure.answers(conn, workspace, peer, most=_MOST_ROWS)):
            yield
        is_gone = steps.do(lambda conn: _last(steps, conn))


def _plan_sessions(steps: Steps, conn: Connection) -> list[WakeUp] | None:
    peer, now = steps.claimed.unit.observed, steps.backends.clock.now()
    return erasing.plan_sessions(conn, steps.workspace, peer, most=_MOST_SESSIONS, now=now)


def _last(steps: Steps, conn: Connection) -> bool:
    if not erasure.peer(conn, steps.workspace, steps.claimed.unit.observed):
        return False
    erasing.close(conn, steps.claimed, steps.backends.clock.now())
    return True


def _wake(backends: Backends, waiting: WorkUnit) -> None:
    """Whoever waits for this session looks again by itself; this only saves it the wait."""
    send(backends, backends.db.run(lambda conn: erasing.wake(conn, waiting, backends.clock.now())))
