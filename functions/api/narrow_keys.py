"""What keys of one peer or session may name in a body or query: checks that only a handler can make.

Keys for a whole workspace and admins pass them all. Every refusal is the same 401, whether what was named exists or
not.
"""

from collections.abc import Iterable

from functions.api.wire.sessions import SessionCreate
from shared.backends import Backends
from shared.domain.errors import Unauthorized
from shared.domain.principal import Principal
from shared.store import members


def check_workspace(asking: Principal, workspace: str) -> None:
    """A workspace is got or made with an admin's key or any of its own."""
    if not asking.is_admin and asking.workspace != workspace:
        raise Unauthorized


def check_peer(asking: Principal, peer: str) -> None:
    """A peer's key gets, makes and changes that peer only, a session's key none."""
    if asking.is_narrow and asking.governing_peer != peer:
        raise Unauthorized


def check_session(backends: Backends, asking: Principal, workspace: str, body: SessionCreate) -> None:
    """A session's key gets, makes and changes that session only; a peer's key only reads those the peer is in."""
    if not asking.is_narrow:
        return
    refuse_scope(asking, body.scopes or None)
    peer = asking.governing_peer
    if peer is None:
        if asking.session != body.id:
            raise Unauthorized
        return
    if body.metadata is not None or body.configuration is not None or body.peers:
        raise Unauthorized
    check_memberships(backends, asking, workspace, [body.id])


def check_memberships(backends: Backends, asking: Principal, workspace: str, sessions: Iterable[str | None]) -> None:
    """A peer's key names only sessions that the peer is in now. None stands for a session that was not named."""
    peer, named = asking.governing_peer, {session for session in sessions if session is not None}
    if peer is None or not named:
        return
    with backends.db.reading() as conn:
        if members.active_among(conn, workspace, peer, sorted(named)) != named:
            raise Unauthorized


def check_perspective(asking: Principal, perspective: str | None, target: str | None) -> None:
    """A peer's key sees through the eyes of that peer only; without a perspective the target looks at itself."""
    peer = asking.governing_peer
    if peer is not None and (perspective or target) not in (None, peer):
        raise Unauthorized


def refuse_scope(asking: Principal, scope: object) -> None:
    """Scopes gather what many sessions hold: only keys for the whole workspace look through them."""
    if asking.is_narrow and scope is not None:
        raise Unauthorized
