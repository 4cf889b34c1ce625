"""What is known about a peer: representation, card, context."""

import time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import Asking, requires
from functions.api.deps import Backed
from functions.api.narrow_keys import check_memberships, refuse_scope
from functions.api.repeating import RepeatingRoute
from functions.api.scopes import view
from functions.api.wire.fields import Text
from functions.api.wire.peers import (
    Count,
    Distance,
    PeerCardResponse,
    PeerCardSet,
    PeerContext,
    PeerRepresentationGet,
    RepresentationResponse,
)
from shared.domain.access import Reach
from shared.domain.allowlist import allowlist
from shared.domain.conclusion import Collection
from shared.domain.representation import render
from shared.memory import peers
from shared.memory.represent import represent
from shared.store import cards
from shared.telemetry import events

router = APIRouter(
    prefix="/workspaces/{workspace_id}/peers/{peer_id}",
    tags=["peers"],
    dependencies=[requires(Reach.PEER)],
    route_class=RepeatingRoute,
)


@router.post("/representation", response_model=RepresentationResponse)
def get_representation(
    backends: Backed, asking: Asking, workspace_id: str, peer_id: str, body: PeerRepresentationGet
) -> Response:
    """What the peer knows of itself or of `target`, as text."""
    refuse_scope(asking, body.scope)
    allowed = allowlist(body.filters, body.session_id)
    check_memberships(backends, asking, workspace_id, (body.session_id, *(allowed or ())))
    target = body.target or peer_id
    peers.refuse_scope(peer_id)
    peers.refuse_scope(target)
    is_narrowed = body.session_id is not None or body.filters is not None
    seen = view(backends, workspace_id, body.scope, is_narrowed=is_narrowed)
    chosen = represent(
        backends,
        Collection(workspace_id, seen.observer or peer_id, target),
        query=body.search_query,
        top_k=body.search_top_k,
        max_distance=body.search_max_distance,
        include_most_derived=body.include_most_frequent or False,
        limit=body.max_conclusions,
        sessions=allowed if seen.sessions is None else seen.sessions,
    )
    return answer(RepresentationResponse(representation=render(chosen)))


@router.get("/card", response_model=PeerCardResponse)
def get_peer_card(backends: Backed, workspace_id: str, peer_id: str, target: Text | None = None) -> Response:
    """The lasting facts that the peer keeps of itself or of `target`."""
    peers.refuse_scope(target or "")
    peers.require(backends, workspace_id, peer_id)
    return answer(_card(_lines(backends, Collection(workspace_id, peer_id, target or peer_id))))


@router.put("/card", response_model=PeerCardResponse)
def set_peer_card(
    backends: Backed, workspace_id: str, peer_id: str, body: PeerCardSet, target: Text | None = None
) -> Response:
    """Replace the card. Makes the peer when missing; `target` need not exist yet."""
    peers.write_card(backends, Collection(workspace_id, peer_id, target or peer_id), body.peer_card)
    return answer(PeerCardResponse(peer_card=body.peer_card))


@router.get("/context", response_model=PeerContext)
def get_peer_context(
    backends: Backed,
    workspace_id: str,
    peer_id: str,
    target: Text | None = None,
    search_query: Text | None = None,
    search_top_k: Annotated[Count | None, Query()] = None,
    search_max_distance: Annotated[Distance | None, Query()] = None,
    include_most_frequent: bool = True,
    max_conclusions: Annotated[Count | None, Query()] = None,
) -> Response:
    """Representation and card together."""
    peers.refuse_scope(peer_id)
    peers.refuse_scope(target or "")
    peers.require(backends, workspace_id, peer_id)
    began = time.monotonic()
    collection = Collection(workspace_id, peer_id, target or peer_id)
    chosen = represent(
        backends,
        collection,
        query=search_query,
        top_k=search_top_k,
        max_distance=search_max_distance,
        include_most_derived=include_most_frequent,
        limit=max_conclusions,
    )
    card = _card(_lines(backends, collection)).peer_card
    events.publish(
        events.CONTEXT_RETRIEVED,
        f"{workspace_id}:{peer_id}:{events.run_id()}",
        workspace_name=workspace_id,
        context_scope="peer",
        peer_name=events.alias(workspace_id, peer_id),
        target_name=events.alias(workspace_id, target),
        has_representation=bool(chosen),
        has_peer_card=card is not None,
        search_query_provided=search_query is not None,
        search_top_k=search_top_k,
        search_max_distance=search_max_distance,
        include_most_frequent=include_most_frequent,
        max_conclusions=max_conclusions,
        total_duration_ms=round((time.monotonic() - began) * 1000),
    )
    return answer(
        PeerContext(peer_id=peer_id, target_id=collection.observed, representation=render(chosen), peer_card=card)
    )


def _lines(backends: Backed, collection: Collection) -> tuple[str, ...] | None:
    with backends.db.reading() as conn:
        return cards.get(conn, collection)


def _card(lines: tuple[str, ...] | None) -> PeerCardResponse:
    return PeerCardResponse(peer_card=None if lines is None else list(lines))
