"""Sessions: got or created, changed; peers joining, leaving, watching."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime

from shared.backends import Backends
from shared.domain.configuration import merge
from shared.domain.errors import Conflict, LimitExceeded, NotFound
from shared.domain.ids import checked_name, is_name
from shared.domain.json import JsonObject
from shared.domain.scope import is_perspective, peer_of
from shared.domain.session import ObservationSettings, Session
from shared.memory import cached
from shared.memory.instructions import check_instructions
from shared.memory.note import UNNOTED, Note
from shared.memory.peers import refuse_scope, remaining
from shared.store import members, peers, scopes, sessions, workspaces
from shared.store.database import Connection

Joining = Mapping[str, ObservationSettings]


def get_or_create(
    backends: Backends,
    workspace: str,
    name: str,
    *,
    metadata: JsonObject | None = None,
    configuration: JsonObject | None = None,
    joining: Joining | None = None,
    within: Sequence[str] = (),
    note: Note[tuple[Session, bool]] = UNNOTED,
) -> tuple[Session, bool]:
    """The session, and whether this call made it; given metadata replaces, given configuration is laid over.

    `joining` adds members and removes none, `within` puts the session into scopes, which take over nothing of what
    it had before. Makes workspace, peers and scopes where they are missing. Raises `NotFound` for a session being
    deleted or a peer being erased, `NameInvalid` for a bad name, `LimitExceeded` for too many observers, `Conflict`
    for a scope's name that an ordinary peer has.
    """
    new, hearing = _checked(joining or {}), sorted({peer_of(scope) for scope in within})
    check_instructions(backends.settings, configuration or {})
    if not note.is_kept and metadata is None and configuration is None and not new and not hearing:
        found, is_new = _plainly(backends, workspace, name)
        if found is not None:
            return _active(found, name), is_new
    is_changing = metadata is not None or configuration is not None

    def work(conn: Connection) -> tuple[Session, bool]:
        now = backends.clock.now()
        made = _made(conn, workspace, name, metadata, configuration, now)
        if new:
            _ensure_peers(conn, workspace, new, now)
            members.join(conn, workspace, name, new, now)
        if hearing:
            _join_scopes(conn, workspace, name, hearing, now)
        # The session's row comes last: writers of messages take it after the members, too.
        session = made or _changed(conn, workspace, name, metadata, configuration)
        _check_observers(backends, conn, workspace, name, new)
        note(conn, (session, made is not None))
        return session, made is not None

    with backends.cache.changing(cached.row(workspace, "session", name)) if is_changing else nullcontext():
        return backends.db.run(work)


def _plainly(backends: Backends, workspace: str, name: str) -> tuple[Session | None, bool]:
    """The session as it is or bare, in one statement or two; None when somebody else makes it at this moment."""
    found = cached.session(backends, workspace, name)
    if found is not None:
        return found, False
    checked_name(workspace, "workspace id")
    checked_name(name, "session id")
    now = backends.clock.now()
    return backends.db.singly(lambda conn: sessions.create_within(conn, workspace, name, now)), True


def add_peers(
    backends: Backends, workspace: str, session: str, joining: Joining, *, note: Note[Session] = UNNOTED
) -> Session:
    """Add members, making the session when it is missing. As `get_or_create`."""
    if not is_name(session):
        raise NotFound(f"session {session} not found")
    return get_or_create(backends, workspace, session, joining=joining, note=note.of(_found))[0]


def set_peers(backends: Backends, workspace: str, session: str, joining: Joining) -> Session:
    """Make exactly these the members, with exactly these settings; scopes stay. Raises as `get_or_create`."""
    new = _checked(joining)

    def work(conn: Connection) -> Session:
        now = backends.clock.now()
        _active(sessions.get(conn, workspace, session), session)
        _ensure_peers(conn, workspace, new, now)
        members.replace(conn, workspace, session, new, now)
        locked = _active(sessions.lock(conn, workspace, session), session)
        _check_observers(backends, conn, workspace, session, new)
        return locked

    return backends.db.run(work)


def remove_peers(backends: Backends, workspace: str, session: str, leaving: Sequence[str]) -> Session:
    """Note that they have left; names of nobody are ignored. Raises `NotFound`, and `Invalid` for scopes."""
    for peer in leaving:
        refuse_scope(peer)

    def work(conn: Connection) -> Session:
        found = _active(sessions.get(conn, workspace, session), session)
        members.leave(conn, workspace, session, sorted(leaving), backends.clock.now())
        return found

    return backends.db.run(work)


def observation(backends: Backends, workspace: str, session: str, peer: str) -> ObservationSettings:
    """What the membership says, also of a peer that left. Raises `NotFound`, and `Invalid` for scopes."""
    refuse_scope(peer)
    with backends.db.reading() as conn:
        member = members.get(conn, workspace, session, peer)
    if member is None:
        raise NotFound(f"peer {peer} is not in session {session}")
    return member.settings


def set_observation(backends: Backends, workspace: str, session: str, peer: str, settings: ObservationSettings) -> None:
    """Change what is given; makes an active membership where there was none. Raises as `set_peers`."""
    refuse_scope(peer)

    def work(conn: Connection) -> None:
        _active(sessions.get(conn, workspace, session), session)
        found = peers.get(conn, workspace, peer)
        if found is None:
            raise NotFound(f"peer {peer} not found")
        remaining(found)
        members.set_observation(conn, workspace, session, peer, settings, backends.clock.now())
        _active(sessions.lock(conn, workspace, session), session)
        _check_observers(backends, conn, workspace, session, {peer: settings})

    backends.db.run(work)


def _found(got: tuple[Session, bool]) -> Session:
    return got[0]


def _ensure_peers(conn: Connection, workspace: str, names: Joining, now: datetime) -> None:
    peers.ensure(conn, workspace, names, now)
    for name in peers.leaving(conn, workspace, names):
        raise NotFound(f"peer {name} is being erased")


def _checked(joining: Joining) -> Joining:
    for peer in joining:
        refuse_scope(peer)
        checked_name(peer, "peer id")
    return joining


def _active(session: Session | None, name: str) -> Session:
    if session is None:
        raise NotFound(f"session {name} not found")
    if not session.is_active:
        raise NotFound(f"session {name} is being deleted")
    return session


def _made(
    conn: Connection,
    workspace: str,
    name: str,
    metadata: JsonObject | None,
    configuration: JsonObject | None,
    now: datetime,
) -> Session | None:
    """The new session; None when there is one already. Raises `NotFound` when that one is being deleted."""
    found = sessions.get(conn, workspace, name)
    if found is not None:
        _active(found, name)
        return None
    workspaces.create(conn, checked_name(workspace, "workspace id"), {}, {}, now)
    return sessions.create(conn, workspace, checked_name(name, "session id"), metadata or {}, configuration or {}, now)


def _changed(
    conn: Connection, workspace: str, name: str, metadata: JsonObject | None, configuration: JsonObject | None
) -> Session:
    stored = _active(sessions.lock(conn, workspace, name), name)
    if metadata is None and configuration is None:
        return stored
    changed = sessions.change(
        conn,
        workspace,
        name,
        stored.metadata if metadata is None else metadata,
        merge(stored.configuration, configuration or {}),
    )
    return _active(changed, name)


def _join_scopes(conn: Connection, workspace: str, session: str, hearing: Sequence[str], now: datetime) -> None:
    scopes.ensure(conn, workspace, hearing, now)
    held = [peer.name for peer in scopes.find(conn, workspace, hearing).values() if not is_perspective(peer)]
    if held:
        raise Conflict(f"the name {held[0]} is held by an ordinary peer")
    members.join(conn, workspace, session, dict.fromkeys(hearing, scopes.MEMBERSHIP), now)


def _check_observers(backends: Backends, conn: Connection, workspace: str, session: str, joining: Joining) -> None:
    """Holding the session's row, so that two callers cannot each add the last one allowed."""
    limit = backends.settings.app.session_observers_limit
    if not any(settings.observe_others for settings in joining.values()):
        return
    if members.count_observers(conn, workspace, session) > limit:
        raise LimitExceeded(f"a session can have at most {limit} peers that observe others")
