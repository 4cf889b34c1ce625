"""Forgetting: a session or workspace is deleted for its writers at once, and purged by workers after that."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from shared.backends import Backends
from shared.domain.errors import Conflict, NotFound
from shared.domain.work import Claim, WakeUp
from shared.memory.relay import send
from shared.memory.work import perform
from shared.store import conclusions, forgetting, purge, sessions, work, workspace_purge, workspaces
from shared.store.database import Connection
from shared.telemetry.logs import logger

T = TypeVar("T")

# One call of the function may bring ten units, and has a minute for them all.
_SHIFT = timedelta(seconds=4)
_PAUSE = timedelta(seconds=5)
_MOST_ROWS, _MOST_MESSAGES, _MOST_CONCLUSIONS = 2000, 500, 200


def delete_session(backends: Backends, workspace: str, name: str) -> None:
    """Accept no more writes to the session, and have all of it purged. Raises `NotFound` unless it is active."""

    def work(conn: Connection) -> list[WakeUp]:
        if not sessions.deactivate(conn, workspace, name):
            raise NotFound(f"session {name} not found")
        purge.summaries(conn, workspace, name)
        return forgetting.plan(conn, forgetting.unit(workspace, name), now=backends.clock.now())

    def happened(conn: Connection) -> bool:
        found = sessions.get(conn, workspace, name)
        return found is None or not found.is_active

    send(backends, backends.db.run(work, happened=happened))


def delete_workspace(backends: Backends, name: str) -> None:
    """Have everything in the workspace purged. Raises `NotFound`; `Conflict` while any of its sessions is active."""

    def work(conn: Connection) -> list[WakeUp]:
        if workspaces.lock(conn, name) is None:
            raise NotFound(f"workspace {name} not found")
        if sessions.any_active(conn, name):
            raise Conflict(f"workspace {name} has active sessions: delete them first")
        return forgetting.plan(conn, forgetting.unit(name), now=backends.clock.now())

    send(backends, backends.db.run(work))


def forget(backends: Backends, wake_up: WakeUp) -> None:
    """Purge what `wake_up` points to, in small transactions; what one call does not finish the next one does.

    Again does no harm, and neither does an end at any point.
    """
    perform(backends, wake_up.unit, lambda claimed: _forget(backends, claimed), window_tokens=1)


class _UnderWay(Exception):
    """Somebody still works on what is to be purged."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


def _forget(backends: Backends, claimed: Claim) -> None:
    batches = _session(backends, claimed) if claimed.unit.session else _workspace(backends, claimed)
    until = backends.clock.now() + _SHIFT
    try:
        for _ in batches:
            if backends.clock.now() >= until:
                send(backends, backends.db.run(lambda conn: _hand_on(backends, conn, claimed)))
                return
    except _UnderWay as busy:
        due_at = min(busy.until, backends.clock.now() + _PAUSE)
        with backends.db.transaction() as conn:
            work.retry_later(conn, claimed, "waits for work under way", is_outage=True, due_at=due_at)
        return
    logger.info("forgotten", unit=str(claimed.unit))


def _hand_on(backends: Backends, conn: Connection, claimed: Claim) -> list[WakeUp]:
    return forgetting.hand_on(conn, claimed, now=backends.clock.now())


def _session(backends: Backends, claimed: Claim) -> Iterator[None]:
    """One batch per step; the last one takes the session and the unit itself away."""
    workspace, name = claimed.unit.workspace, claimed.unit.session
    is_gone = False
    while not is_gone:
        _check_idle(backends, claimed)
        while _step(backends, claimed, lambda conn: purge.work(conn, workspace, name, most=_MOST_ROWS)):
            yield
        yield from _conclusions(backends, claimed)
        yield from _messages(backends, claimed)
        while _step(backends, claimed, lambda conn: purge.answers(conn, workspace, name, most=_MOST_ROWS)):
            yield
        is_gone = _step(backends, claimed, lambda conn: purge.session(conn, workspace, name, claimed.unit.key))


def _conclusions(backends: Backends, claimed: Claim) -> Iterator[None]:
    """The session's conclusions, each after those that rest on it: a crash leaves none without its premises."""
    workspace, name = claimed.unit.workspace, claimed.unit.session
    while roots := _read(backends, lambda conn: purge.conclusions_of(conn, workspace, name, most=_MOST_CONCLUSIONS)):
        for ids in _deepest_first(backends, workspace, roots):
            _conceal(backends, claimed, ids)
            backends.vectors.delete_conclusions(workspace, ids)
            _step(backends, claimed, lambda conn, ids=ids: purge.conclusions(conn, workspace, ids))
            yield


def _conceal(backends: Backends, claimed: Claim, ids: Sequence[str]) -> None:
    """Hide them before their vectors go: a worker that brings a vector only now learns that it must not stay.

    The rows go after the vectors, so that an end in between is made good.
    """
    now = backends.clock.now()
    _step(backends, claimed, lambda conn: conclusions.hide(conn, claimed.unit.workspace, ids, now))


def _deepest_first(backends: Backends, workspace: str, roots: Sequence[str]) -> Iterator[list[str]]:
    """The roots and whatever rests on them, step by step, in batches: the last found come first.

    So each that is left was reached from one that is left, and is found again.
    """
    found = dict.fromkeys(roots)
    level: list[str] = list(roots)
    while level:
        above = _read(backends, lambda conn, level=level: purge.resting_on(conn, workspace, level))
        level = [one for one in above if one not in found]
        found.update(dict.fromkeys(level))
    ordered = list(found)[::-1]
    for start in range(0, len(ordered), _MOST_CONCLUSIONS):
        yield ordered[start : start + _MOST_CONCLUSIONS]


def _messages(backends: Backends, claimed: Claim) -> Iterator[None]:
    workspace, name = claimed.unit.workspace, claimed.unit.session
    while ids := _read(backends, lambda conn: purge.oldest_messages(conn, workspace, name, most=_MOST_MESSAGES)):
        backends.vectors.delete_messages(workspace, ids)
        _step(backends, claimed, lambda conn, ids=ids: purge.messages(conn, workspace, ids))
        yield


def _workspace(backends: Backends, claimed: Claim) -> Iterator[None]:
    """One batch per step; the last one takes the workspace and the unit itself away."""
    name, key = claimed.unit.workspace, claimed.unit.key
    is_gone = False
    while not is_gone:
        _step(backends, claimed, lambda conn: workspace_purge.deactivate_sessions(conn, name))
        _check_idle(backends, claimed)
        while backends.vectors.delete_workspace(name, most=_MOST_ROWS):
            yield
        for table in _read(backends, workspace_purge.tables):
            yield from _rows(backends, claimed, table)
        is_gone = _step(backends, claimed, lambda conn: workspace_purge.workspace(conn, name, key))


def _rows(backends: Backends, claimed: Claim, table: str) -> Iterator[None]:
    name, key = claimed.unit.workspace, claimed.unit.key
    while _step(backends, claimed, lambda conn: workspace_purge.some_rows(conn, name, key, table, most=_MOST_ROWS)):
        yield


def _check_idle(backends: Backends, claimed: Claim) -> None:
    now = backends.clock.now()
    until = _read(backends, lambda conn: forgetting.under_way_until(conn, claimed.unit, now=now))
    if until is not None:
        raise _UnderWay(until)


def _read(backends: Backends, look: Callable[[Connection], T]) -> T:
    with backends.db.reading() as conn:
        return look(conn)


def _step(backends: Backends, claimed: Claim, do: Callable[[Connection], T]) -> T:
    """A transaction of its own, lost when another worker has taken over."""

    def fenced(conn: Connection) -> T:
        work.fence(conn, claimed)
        return do(conn)

    return backends.db.run(fenced)
