"""The methods of `Peer`."""

import json
from datetime import UTC, datetime

from honcho.api_types import PeerConfig
from pydantic import BaseModel

from tests.support.honcho_caller import World, covers


class Instrument(BaseModel):
    answer: str


@covers("Peer.set_metadata", "Peer.get_metadata", "Peer.refresh")
def metadata(world: World) -> None:
    peer = world.peer()
    same = world.honcho.peer(peer.id)
    world.call(peer, "set_metadata", {"a": [1, {"b": None}]})
    assert world.call(same, "get_metadata") == {"a": [1, {"b": None}]}
    world.call(peer, "set_metadata", {})
    world.call(same, "refresh")
    assert same.metadata == {}


@covers("Peer.set_configuration", "Peer.get_configuration")
def configuration(world: World) -> None:
    peer = world.peer()
    world.call(peer, "set_configuration", PeerConfig(observe_me=False))
    assert world.call(peer, "get_configuration").observe_me is False


@covers("Peer.chat")
def chat(world: World) -> None:
    question = "What is alice allergic to?"
    assert "peanuts" in world.call(world.alice, "chat", question)
    assert "peanuts" in world.call(world.alice, "chat", question, session=world.session, reasoning_level="minimal")
    assert "peanuts" in world.call(world.alice, "chat", question, sessions=[world.session.id])
    parsed = world.call(world.alice, "chat", question, response_format=Instrument)
    assert "peanuts" in parsed.answer
    raw = world.call(world.alice, "chat", question, response_format=Instrument.model_json_schema())
    assert json.loads(raw).keys() == {"answer"}
    answer = world.call(world.alice, "chat", question, include_evidence=True)
    assert any("peanuts" in conclusion.content for conclusion in answer.evidence.conclusions)


@covers("Peer.chat_stream", "DialecticStreamResponse.get_final_response")
def chat_stream(world: World) -> None:
    pieces = world.call(world.alice, "chat_stream", "What is alice allergic to?")
    assert len(pieces) > 1
    assert "peanuts" in "".join(pieces)
    stream = world.alice.chat_stream("What is alice allergic to?", include_evidence=True)
    said = "".join(stream)
    assert stream.get_final_response() == {"content": said}
    assert stream.is_complete
    assert stream.evidence is not None
    assert world.said[2].id in [message.id for message in stream.evidence.messages]


@covers("Peer.sessions")
def sessions(world: World) -> None:
    peer = world.peer()
    names = []
    for _ in range(3):
        session = world.new_session()
        session.add_peers(peer)
        names.append(session.id)
    assert [one.id for one in world.call(peer, "sessions", size=2)] == names
    assert [one.id for one in world.call(peer, "sessions", {"id": names[1]})] == [names[1]]


@covers("Peer.message")
def message(world: World) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    made = world.call(world.alice, "message", "Hello", metadata={"a": 1}, created_at=moment)
    [stored] = world.new_session().add_messages(made)
    assert (stored.peer_id, stored.content, stored.metadata, stored.created_at) == ("alice", "Hello", {"a": 1}, moment)


@covers("Peer.search")
def search(world: World) -> None:
    assert [hit.id for hit in world.call(world.alice, "search", "peanuts", None, 1)] == [world.said[2].id]
    assert world.call(world.peer(), "search", "peanuts") == []


@covers("Peer.set_card", "Peer.get_card", "Peer.card")
def card(world: World) -> None:
    peer = world.peer()
    assert world.call(peer, "get_card") is None
    assert world.call(peer, "set_card", ["IDENTITY: a nurse"]) == ["IDENTITY: a nurse"]
    assert world.call(peer, "get_card") == ["IDENTITY: a nurse"]
    assert world.call(peer, "set_card", ["IDENTITY: a friend"], world.alice) == ["IDENTITY: a friend"]
    assert world.call(peer, "get_card", world.alice) == ["IDENTITY: a friend"]
    assert world.call(peer, "card") == ["IDENTITY: a nurse"]
    assert world.call(peer, "set_card", []) == []
    assert world.call(peer, "get_card") == []


@covers("Peer.representation")
def representation(world: World) -> None:
    text = world.call(world.alice, "representation")
    assert "peanuts" in text
    assert "Lisbon" in text
    narrow = world.call(world.alice, "representation", search_query="allergies", search_top_k=1, max_conclusions=1)
    assert narrow.startswith("## Explicit Observations")
    assert "peanuts" in world.call(world.alice, "representation", sessions=[world.session])
    assert world.call(world.peer(), "representation", target=world.alice) == ""


@covers("Peer.context")
def context(world: World) -> None:
    found = world.call(world.alice, "context", search_query="peanuts", max_conclusions=5)
    assert (found.peer_id, found.target_id) == ("alice", "alice")
    assert "peanuts" in found.representation
    assert world.call(world.alice, "context", world.tutor).target_id == "tutor"


@covers("Peer.conclusions_of")
def conclusions_of(world: World) -> None:
    view = world.call(world.alice, "conclusions_of", world.tutor)
    assert (view.observer, view.observed) == ("alice", "tutor")
    [made] = world.call(view, "create", [{"content": "tutor is patient"}])
    assert (made.observer_id, made.observed_id) == ("alice", "tutor")
