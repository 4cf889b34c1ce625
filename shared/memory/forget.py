"""Forgetting: a session or workspace is deleted for its writers at once, and purged by workers after that."""

from collections.abc import Iterator

from shared.backends import Backends
from shared.domain.errors import Conflict, NotFound
from shared.domain.work import Claim, WakeUp
from shared.memory import cached
from shared.memory.relay import send
from shared.memory.removal import MOST_CONCLUSIONS, Steps, UnderWay, uproot
from shared.memory.work import perform
from shared.store import forgetting, purge, sessions, workspace_purge, workspaces
from shared.store.database import Connection

_MOST_ROWS, _MOST_MESSAGES = 2000, 500


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

    with backends.cache.changing(cached.row(workspace, "session", name)):
        wake_ups = backends.db.run(work, happened=happened)
    send(backends, wake_ups)


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
    perform(backends, wake_up.unit, _forget, window_tokens=1)


def _forget(backends: Backends, claimed: Claim) -> None:
    steps = Steps(backends, claimed)
    if claimed.unit.session:
        steps.carry_out(_session(steps))
        return
    with backends.cache.leaving(claimed.unit.workspace):
        steps.carry_out(_workspace(steps))


def _session(steps: Steps) -> Iterator[None]:
    """One batch per step; the last one takes the session and the unit itself away."""
    workspace, name = steps.workspace, steps.claimed.unit.session
    is_gone = False
    while not is_gone:
        _check_idle(steps)
        while steps.do(lambda conn: purge.work(conn, workspace, name, most=_MOST_ROWS)):
            yield
        while roots := steps.read(lambda conn: purge.conclusions_of(conn, workspace, name, most=MOST_CONCLUSIONS)):
            yield from uproot(steps, roots)
        yield from _messages(steps)
        while steps.do(lambda conn: purge.answers(conn, workspace, name, most=_MOST_ROWS)):
            yield
        is_gone = steps.do(lambda conn: purge.session(conn, workspace, name, steps.claimed.unit.key))


def _messages(steps: Steps) -> Iterator[None]:
    workspace, name = steps.workspace, steps.claimed.unit.session
    while ids := steps.read(lambda conn: purge.oldest_messages(conn, workspace, name, most=_MOST_MESSAGES)):
        steps.backends.vectors.delete_messages(workspace, ids)
        steps.do(lambda conn, ids=ids: purge.messages(conn, workspace, ids))
        yield


def _workspace(steps: Steps) -> Iterator[None]:
    """One batch per step; the last one takes the workspace and the unit itself away."""
    name, key = steps.workspace, steps.claimed.unit.key
    is_gone = False
    while not is_gone:
        steps.do(lambda conn: workspace_purge.deactivate_sessions(conn, name))
        _check_idle(steps)
        while steps.backends.vectors.delete_workspace(name, most=_MOST_ROWS):
            yield
        for table in steps.read(workspace_purge.tables):
            yield from _rows(steps, table)
        # Whoever saved what went last may have brought its vector since.
        while steps.backends.vectors.delete_workspace(name, most=_MOST_ROWS):
            yield
        is_gone = steps.do(lambda conn: workspace_purge.workspace(conn, name, key))


def _rows(steps: Steps, table: str) -> Iterator[None]:
    name, key = steps.workspace, steps.claimed.unit.key
    while steps.do(lambda conn: workspace_purge.some_rows(conn, name, key, table, most=_MOST_ROWS)):
        yield


def _check_idle(steps: Steps) -> None:
    now = steps.backends.clock.now()
    until = steps.read(lambda conn: forgetting.under_way_until(conn, steps.claimed.unit, now=now))
    if until is not None:
        raise UnderWay(until)
