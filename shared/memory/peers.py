"""Peers: got or created, and changed."""

from collections.abc import Sequence

from shared.backends import Backends
from shared.domain.conclusion import Collection
from shared.domain.errors import Invalid, NotFound
from shared.domain.ids import SCOPE_PREFIX, checked_name, is_scope
from shared.domain.json import JsonObject
from shared.domain.peer import Peer
from shared.memory import cached
from shared.memory.note import UNNOTED, Note
from shared.store import cards, peers
from shared.store.database import Connection


def get_or_create(
    backends: Backends,
    workspace: str,
    name: str,
    *,
    metadata: JsonObject | None,
    configuration: JsonObject | None,
    note: Note[tuple[Peer, bool]] = UNNOTED,
) -> tuple[Peer, bool]:
    """The peer, and whether this call made it. Given metadata and configuration replace what is stored.

    Makes the workspace when missing. Raises `NameInvalid` for a bad name, `Invalid` for a scope's, `NotFound` for a
    peer that is being erased.
    """
    refuse_scope(name)
    if metadata is None and configuration is None:
        return _got_or_made(backends, workspace, name, None, None, note)
    with backends.cache.changing(cached.row(workspace, "peer", name)):
        return _got_or_made(backends, workspace, name, metadata, configuration, note)


def _got_or_made(
    backends: Backends,
    workspace: str,
    name: str,
    metadata: JsonObject | None,
    configuration: JsonObject | None,
    note: Note[tuple[Peer, bool]],
) -> tuple[Peer, bool]:
    if not note.is_kept:
        found = _there(backends, workspace, name, metadata, configuration)
        if found is not None:
            return remaining(found), False
        if not metadata and not configuration:
            checked_name(workspace, "workspace id")
            checked_name(name, "peer id")
            now = backends.clock.now()
            bare = backends.db.singly(lambda conn: peers.create_within(conn, workspace, name, {}, {}, now))
            if bare is not None:
                return bare, True

    def work(conn: Connection) -> tuple[Peer, bool]:
        made = _create(backends, conn, workspace, name, metadata, configuration)
        note(conn, made)
        return made

    return backends.db.run(work)


def ensure(backends: Backends, workspace: str, name: str) -> None:
    """Make the peer and its workspace where they are missing."""
    get_or_create(backends, workspace, name, metadata=None, configuration=None)


def require(backends: Backends, workspace: str, name: str) -> Peer:
    """The peer. Raises `NotFound`."""
    found = cached.peer(backends, workspace, name)
    if found is None:
        raise NotFound(f"peer {name} not found")
    return found


def write_card(backends: Backends, card_of: Collection, lines: Sequence[str]) -> None:
    """Replace the card. Makes the observer when missing; the observed need not exist yet. Raises `NotFound` for peers
    being erased, `NameInvalid` for a bad name, `Invalid` for scopes."""
    workspace, observer, observed = card_of.workspace, card_of.observer, card_of.observed
    refuse_scope(observed)
    checked_name(observed, "peer id")
    ensure(backends, workspace, observer)

    def work(conn: Connection) -> None:
        if leaving := peers.hold(conn, workspace, {observer, observed}):
            raise NotFound(f"peer {leaving[0]} is being erased")
        cards.put(conn, card_of, lines, backends.clock.now())

    backends.db.run(work)


def remaining(peer: Peer) -> Peer:
    """The peer, unless it is being erased: raises `NotFound`. Its name is free as soon as nothing is left of it."""
    if not peer.is_active:
        raise NotFound(f"peer {peer.name} is being erased")
    return peer


def refuse_scope(name: str) -> None:
    """Raises `Invalid` where only ordinary peers may be named."""
    if is_scope(name):
        raise Invalid(f"a name that starts with '{SCOPE_PREFIX}' stands for a scope, not for a peer")


def _there(
    backends: Backends, workspace: str, name: str, metadata: JsonObject | None, configuration: JsonObject | None
) -> Peer | None:
    if metadata is None and configuration is None:
        return cached.peer(backends, workspace, name)
    with backends.db.reading() as conn:
        return _find(conn, workspace, name, metadata, configuration)


def _find(
    conn: Connection, workspace: str, name: str, metadata: JsonObject | None, configuration: JsonObject | None
) -> Peer | None:
    """The existing peer, changed on the way if there is something to change: one statement either way."""
    if metadata is None and configuration is None:
        return peers.get(conn, workspace, name)
    return peers.change(conn, workspace, name, metadata, configuration)


def _create(
    backends: Backends,
    conn: Connection,
    workspace: str,
    name: str,
    metadata: JsonObject | None,
    configuration: JsonObject | None,
) -> tuple[Peer, bool]:
    now = backends.clock.now()
    checked_name(workspace, "workspace id")
    checked_name(name, "peer id")
    made = peers.create_within(conn, workspace, name, metadata or {}, configuration or {}, now)
    if made is not None:
        return made, True
    # Somebody else was faster: what was asked for is applied to their row.
    found = _find(conn, workspace, name, metadata, configuration)
    if found is None:
        raise NotFound(f"peer {name} is being erased")
    return remaining(found), False
