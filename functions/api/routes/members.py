"""A session's peers and who of them watches whom."""

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from functions.api.answers import answer, nothing
from functions.api.auth import requires
from functions.api.deps import Backed, Paged
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.fields import Text
from functions.api.wire.peers import Peer
from functions.api.wire.sessions import Session, SessionPeerConfig
from shared.domain.access import Reach
from shared.memory import sessions
from shared.store import members, selections

router = APIRouter(
    prefix="/workspaces/{workspace_id}/sessions/{session_id}/peers",
    tags=["sessions"],
    route_class=RepeatingRoute,
)

Joining = Annotated[dict[str, SessionPeerConfig], Body()]


@router.get("", response_model=Page[Peer], dependencies=[requires(Reach.MEMBER)])
def get_session_peers(backends: Backed, workspace_id: str, session_id: str, page: Paged) -> Response:
    """The peers that are in the session now, in the order they joined."""
    with backends.db.reading() as conn:
        found = members.page(conn, selections.active_members(workspace_id, session_id), page)
    return envelope(found, page, Peer.of)


@router.post("", response_model=Session, dependencies=[requires(Reach.SESSION)])
def add_peers_to_session(backends: Backed, once: Once, workspace_id: str, session_id: str, body: Joining) -> Response:
    """Add peers; who is in already stays as it is. Makes the session and the peers when missing."""
    joining = {peer: config.settings() for peer, config in body.items()}
    return once.take(
        workspace_id,
        lambda note: sessions.add_peers(backends, workspace_id, session_id, joining, note=note),
        lambda session: answer(Session.of(session)),
        of="session",
    )


@router.put("", response_model=Session, dependencies=[requires(Reach.SESSION)])
def set_session_peers(backends: Backed, workspace_id: str, session_id: str, body: Joining) -> Response:
    """Make these the session's peers, with these settings; all others leave."""
    joining = {peer: config.settings() for peer, config in body.items()}
    return answer(Session.of(sessions.set_peers(backends, workspace_id, session_id, joining)))


@router.delete("", response_model=Session, dependencies=[requires(Reach.SESSION)])
def remove_peers_from_session(
    backends: Backed, workspace_id: str, session_id: str, body: Annotated[list[Text], Body()]
) -> Response:
    """Let peers leave; their settings stay readable."""
    return answer(Session.of(sessions.remove_peers(backends, workspace_id, session_id, body)))


@router.get("/{peer_id}/config", response_model=SessionPeerConfig, dependencies=[requires(Reach.OWN_MEMBERSHIP)])
def get_peer_config(backends: Backed, workspace_id: str, session_id: str, peer_id: str) -> Response:
    """What the peer's membership says, also after it left."""
    found = sessions.observation(backends, workspace_id, session_id, peer_id)
    return answer(SessionPeerConfig(observe_me=found.observe_me, observe_others=found.observe_others))


@router.put("/{peer_id}/config", status_code=204, dependencies=[requires(Reach.SESSION)])
def set_peer_config(
    backends: Backed, workspace_id: str, session_id: str, peer_id: str, body: SessionPeerConfig
) -> Response:
    """Change what is given. A peer without membership joins."""
    sessions.set_observation(backends, workspace_id, session_id, peer_id, body.settings())
    return nothing()
