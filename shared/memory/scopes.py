"""Scopes: got or created, given sessions and relieved of them, and looked through."""

from collections.abc import Sequence

from shared.backends import Backends
from shared.domain.allowlist import MAX_SESSIONS
from shared.domain.errors import Conflict, Invalid, NotFound
from shared.domain.ids import checked_name
from shared.domain.json import JsonObject
from shared.domain.page import Page, PageRequest
from shared.domain.peer import Peer
from shared.domain.scope import Backfill, Scope, is_perspective, peer_of
from shared.domain.session import Session
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.memory.note import UNNOTED, Note
from shared.memory.relay import send
from shared.store import backfills, peers, scopes, sessions, tasks, workspaces
from shared.store.database import Connection


def get_or_create(
    backends: Backends,
    workspace: str,
    name: str,
    *,
    metadata: JsonObject | None,
    note: Note[tuple[Scope, bool]] = UNNOTED,
) -> tuple[Scope, bool]:
    """The scope, and whether this call made it; given metadata replaces what is stored.

    Makes the workspace when missing. Raises `NameInvalid`, and `Conflict` when an ordinary peer has its name.
    """
    peer = peer_of(name)

    def work(conn: Connection) -> tuple[Scope, bool]:
        got = found_or_made(conn)
        note(conn, got)
        return got

    def found_or_made(conn: Connection) -> tuple[Scope, bool]:
        now = backends.clock.now()
        made = None
        if peers.get(conn, workspace, peer) is None:
            workspaces.create(conn, checked_name(workspace, "workspace id"), {}, {}, now)
            made = scopes.create(conn, workspace, peer, metadata or {}, now)
        if made is not None:
            return Scope.of(made), True
        found = peers.get(conn, workspace, peer)
        if found is None or not is_perspective(found):
            raise Conflict(f"the name of scope {name} is held by an ordinary peer")
        changed = None if metadata is None else peers.change(conn, workspace, peer, metadata, None)
        return Scope.of(changed or found), False

    return backends.db.run(work)


def require(backends: Backends, workspace: str, name: str) -> Scope:
    """The scope. Raises `NotFound`."""
    with backends.db.reading() as conn:
        return _found(conn, workspace, name)


def add_sessions(
    backends: Backends, workspace: str, name: str, added: Sequence[str], *, note: Note[None] = UNNOTED
) -> None:
    """Put the sessions into the scope; those with a past are taken over in the background.

    Raises `NotFound` when the scope or any session does not exist or is being deleted; then nothing changes.
    """
    peer, wanted = peer_of(name), sorted(set(added))

    def work(conn: Connection) -> list[WakeUp]:
        now = backends.clock.now()
        _found(conn, workspace, name)
        # Before the members, unlike everywhere else: the memberships themselves refer to these rows, and two calls
        # that hold them as referred to could not both come to hold them alone.
        held = scopes.hold_candidates(conn, workspace, wanted)
        _check_active(held, wanted)
        joined = scopes.attach(conn, workspace, peer, wanted, now)
        behind = [one.name for one in held if one.has_past and one.name in joined]
        # Units before what is noted about them, as in the work itself.
        wake_ups = tasks.plan(conn, workspace, [_unit(workspace, peer, session) for session in behind], now=now)
        backfills.begin(conn, workspace, peer, behind, now)
        note(conn, None)
        return wake_ups

    send(backends, backends.db.run(work))


def remove_session(backends: Backends, workspace: str, name: str, session: str) -> None:
    """Take the session out of the scope, and in the background what the scope has from it.

    Nothing happens when it is not in it. Raises `NotFound` when there is no such scope or session.
    """
    peer = peer_of(name)

    def work(conn: Connection) -> list[WakeUp]:
        now = backends.clock.now()
        _found(conn, workspace, name)
        if sessions.get(conn, workspace, session) is None:
            raise NotFound(f"session {session} not found")
        if not scopes.detach(conn, workspace, peer, session, now):
            return []
        wake_ups = tasks.plan(conn, workspace, [_unit(workspace, peer, session)], now=now)
        backfills.reopen(conn, workspace, peer, session, now)
        return wake_ups

    send(backends, backends.db.run(work))


def sessions_page(backends: Backends, workspace: str, name: str, request: PageRequest) -> Page[Session]:
    """The sessions that are in the scope, in the order they joined. Raises `NotFound`."""
    with backends.db.reading() as conn:
        _found(conn, workspace, name)
        return scopes.sessions_page(conn, workspace, peer_of(name), request)


def status(backends: Backends, workspace: str, name: str) -> list[Backfill]:
    """How far the scope is with each session that it takes something over from. Raises `NotFound`."""
    with backends.db.reading() as conn:
        _found(conn, workspace, name)
        return backfills.every(conn, workspace, peer_of(name))


def perspective(backends: Backends, workspace: str, name: str) -> str:
    """The peer that sees what the scope sees, for a read through it. Raises `NotFound`, `Invalid`."""
    [peer] = _perspectives(backends, workspace, [name])
    return peer


def check_perspective(peer: Peer | None, name: str) -> None:
    """Raises `NotFound` where scope `name` has no peer, `Invalid` where that is an ordinary one."""
    if peer is None:
        raise NotFound(f"scope {name} not found")
    if not is_perspective(peer):
        raise Invalid(f"{peer.name} is an ordinary peer and not a scope")


def sessions_within(
    backends: Backends, workspace: str, names: Sequence[str], *, most: int | None = MAX_SESSIONS
) -> tuple[str, ...]:
    """The sessions that are in any of the scopes now, to limit a read to.

    Raises `NotFound` for an unknown scope, `Invalid` for an ordinary peer's name or more than `most` sessions.
    """
    seeing = _perspectives(backends, workspace, names)
    with backends.db.reading() as conn:
        found = scopes.sessions_of(conn, workspace, seeing, most=None if most is None else most + 1)
    if most is not None and len(found) > most:
        raise Invalid(f"the scopes hold more than {most} sessions together")
    return tuple(found)


def _perspectives(backends: Backends, workspace: str, names: Sequence[str]) -> list[str]:
    named = {peer_of(name): name for name in names}
    with backends.db.reading() as conn:
        found = scopes.find(conn, workspace, list(named))
    for peer, name in named.items():
        check_perspective(found.get(peer), name)
    return list(named)


def _found(conn: Connection, workspace: str, name: str) -> Scope:
    peer = peers.get(conn, workspace, peer_of(name))
    if peer is None or not is_perspective(peer):
        raise NotFound(f"scope {name} not found")
    return Scope.of(peer)


def _check_active(found: Sequence[scopes.Candidate], wanted: Sequence[str]) -> None:
    active = {one.name for one in found if one.is_active}
    missing = [name for name in wanted if name not in active]
    if missing:
        raise NotFound(f"sessions not found: {', '.join(missing)}")


def _unit(workspace: str, peer: str, session: str) -> WorkUnit:
    """Taking over and giving back are one unit: what was decided last is done last."""
    return WorkUnit(workspace, TaskKind.SCOPE, session, peer)
