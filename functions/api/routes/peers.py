"""Peers: get or create, list, update; their sessions."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer, got_or_made
from functions.api.auth import Asking, requires
from functions.api.deps import NO_BODY, Backed, ReversiblyPaged
from functions.api.description import also
from functions.api.narrow_keys import check_peer
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.peers import Peer, PeerCreate, PeerGet, PeerUpdate
from functions.api.wire.sessions import Session, SessionGet
from shared.domain import filters
from shared.domain.access import Reach
from shared.memory import peers
from shared.store import filter_sql, selections, sessions
from shared.store import peers as stored_peers

router = APIRouter(prefix="/workspaces/{workspace_id}/peers", tags=["peers"], route_class=RepeatingRoute)

_SELECTED: Final = {
    None: selections.ordinary_peers,
    "scope": selections.scope_peers,
    "all": selections.all_peers,
}


@router.post("/list", response_model=Page[Peer], dependencies=[requires(Reach.WORKSPACE)])
def get_peers(backends: Backed, workspace_id: str, page: ReversiblyPaged, body: PeerGet | None = NO_BODY) -> Response:
    """The workspace's peers, oldest first."""
    wanted = filters.parse(body.filters if body else None, filters.PEERS)
    selected = _SELECTED[body.kind if body else None](workspace_id)
    with backends.db.reading() as conn:
        found = stored_peers.page(conn, selected.and_(filter_sql.condition(wanted, filter_sql.PEERS)), page)
    return envelope(found, page, Peer.of)


@router.post("", response_model=Peer, dependencies=[requires(Reach.NAMED)], responses=also(201))
def get_or_create_peer(backends: Backed, once: Once, asking: Asking, workspace_id: str, body: PeerCreate) -> Response:
    """The peer of this name, made if there is none; what is given replaces what is stored."""
    check_peer(asking, body.id)
    return once.take(
        workspace_id,
        lambda note: peers.get_or_create(
            backends, workspace_id, body.id, metadata=body.metadata, configuration=body.configuration, note=note
        ),
        lambda found: got_or_made(Peer.of(found[0]), is_new=found[1]),
        of="peer",
    )


@router.put("/{peer_id}", response_model=Peer, dependencies=[requires(Reach.PEER)])
def update_peer(backends: Backed, workspace_id: str, peer_id: str, body: PeerUpdate) -> Response:
    """Replace metadata or configuration, each as a whole. Makes the peer when missing."""
    changed, _ = peers.get_or_create(
        backends, workspace_id, peer_id, metadata=body.metadata, configuration=body.configuration
    )
    return answer(Peer.of(changed))


@router.post("/{peer_id}/sessions", response_model=Page[Session], dependencies=[requires(Reach.PEER)])
def get_sessions_for_peer(
    backends: Backed, workspace_id: str, peer_id: str, page: ReversiblyPaged, body: SessionGet | None = NO_BODY
) -> Response:
    """The sessions the peer is or was in, oldest first."""
    peers.refuse_scope(peer_id)
    wanted = filters.parse(body.filters if body else None, filters.SESSIONS)
    where = selections.sessions_of_peer(workspace_id, peer_id)
    with backends.db.reading() as conn:
        found = sessions.page(conn, where.and_(filter_sql.condition(wanted, filter_sql.SESSIONS)), page)
    return envelope(found, page, Session.of)
