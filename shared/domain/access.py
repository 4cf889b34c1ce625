"""Which kind of key may use which kind of route."""

from dataclasses import dataclass
from enum import Enum

from shared.domain.principal import Principal


class Reach(Enum):
    """Who may use a route, besides an admin. Each kind but `EVERYBODY` and `ADMIN` includes workspace keys."""

    EVERYBODY = "everybody"
    ADMIN = "admin"
    WORKSPACE = "workspace"
    PEER = "peer"
    """Keys of the peer in the path."""
    SESSION = "session"
    """Keys of the session in the path."""
    MEMBER = "member"
    """Keys of the session in the path, and of the peers that are in it now."""
    OWN_MEMBERSHIP = "own membership"
    """Keys of the session in the path, and of the peer in the path while it is in that session."""
    NAMED = "named"
    """Any key of the workspace; what it may name in the body is for the handler to check."""


class Verdict(Enum):
    """What a key and a path say about a request."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    IF_MEMBER = "if the peer of the key is in the session of the path"


@dataclass(frozen=True, slots=True)
class Place:
    """What the path of a request names; None for what it does not."""

    workspace: str | None = None
    peer: str | None = None
    session: str | None = None


def judge(asking: Principal, reach: Reach, at: Place) -> Verdict:
    """Whether `asking` may use a route of this `reach` at this place. The narrowest claim governs, and never widens."""
    if reach is Reach.EVERYBODY or asking.is_admin:
        return Verdict.ALLOWED
    if reach is Reach.ADMIN or asking.workspace is None:
        return Verdict.REFUSED
    if at.workspace is None:
        return Verdict.ALLOWED if reach is Reach.NAMED else Verdict.REFUSED
    if at.workspace != asking.workspace:
        return Verdict.REFUSED
    if reach is Reach.NAMED:
        return Verdict.ALLOWED
    if asking.session is not None:
        return _judge_session_key(asking.session, reach, at)
    if asking.peer is not None:
        return _judge_peer_key(asking.peer, reach, at)
    return Verdict.ALLOWED


def _judge_session_key(session: str, reach: Reach, at: Place) -> Verdict:
    is_for_sessions = reach in (Reach.SESSION, Reach.MEMBER, Reach.OWN_MEMBERSHIP)
    return Verdict.ALLOWED if is_for_sessions and at.session == session else Verdict.REFUSED


def _judge_peer_key(peer: str, reach: Reach, at: Place) -> Verdict:
    if reach is Reach.PEER:
        return Verdict.ALLOWED if at.peer == peer else Verdict.REFUSED
    if reach is Reach.MEMBER or (reach is Reach.OWN_MEMBERSHIP and at.peer == peer):
        return Verdict.IF_MEMBER
    return Verdict.REFUSED
