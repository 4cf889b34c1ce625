"""The methods of `Session`, of the context it gives, and of pages."""

import time

import pytest
from honcho.api_types import ReasoningConfiguration, SessionConfiguration, SessionPeerConfig
from honcho.http.exceptions import NotFoundError

from tests.support.honcho_caller import World, covers


@covers("Session.set_metadata", "Session.get_metadata", "Session.refresh")
def metadata(world: World) -> None:
    session = world.new_session()
    same = world.honcho.session(session.id)
    world.call(session, "set_metadata", {"topic": "maps"})
    assert world.call(same, "get_metadata") == {"topic": "maps"}
    world.call(session, "set_metadata", {})
    world.call(same, "refresh")
    assert (same.metadata, same.is_active) == ({}, True)


@covers("Session.set_configuration", "Session.get_configuration")
def configuration(world: World) -> None:
    session = world.new_session()
    wanted = SessionConfiguration(reasoning=ReasoningConfiguration(enabled=False))
    world.call(session, "set_configuration", wanted)
    assert world.call(session, "get_configuration").reasoning.enabled is False


@covers("Session.add_peers", "Session.set_peers", "Session.remove_peers", "Session.peers")
def peers(world: World) -> None:
    session, guest = world.new_session(), world.peer()
    world.call(session, "add_peers", [world.alice, (guest, SessionPeerConfig(observe_others=True))])
    assert {one.id for one in world.call(session, "peers")} == {"alice", guest.id}
    world.call(session, "set_peers", [world.tutor, guest])
    assert {one.id for one in world.call(session, "peers")} == {"tutor", guest.id}
    world.call(session, "remove_peers", [world.tutor])
    assert [one.id for one in world.call(session, "peers")] == [guest.id]


@covers("Session.set_peer_configuration", "Session.get_peer_configuration")
def peer_configuration(world: World) -> None:
    session = world.new_session()
    session.add_peers(world.alice)
    world.call(session, "set_peer_configuration", world.alice, SessionPeerConfig(observe_me=False, observe_others=True))
    found = world.call(session, "get_peer_configuration", "alice")
    assert (found.observe_me, found.observe_others) == (False, True)


@covers("Session.add_messages", "Session.messages", "SyncPage.get_next_page")
def messages(world: World) -> None:
    session, peer = world.new_session(), world.peer()
    added = world.call(session, "add_messages", [peer.message(f"m{n}", metadata={"n": n}) for n in range(5)])
    assert [(one.content, one.peer_id, one.session_id) for one in added] == [
        (f"m{n}", peer.id, session.id) for n in range(5)
    ]
    assert [one.id for one in world.call(session, "messages", size=2)] == [one.id for one in added]
    found = world.call(session, "messages", filters={"metadata": {"n": {"gte": 2}}}, reverse=True)
    assert [one.content for one in found] == ["m4", "m3", "m2"]
    page = session.messages(size=2)
    assert (page.total, page.pages, len(page.items), page.has_next_page()) == (5, 3, 2, True)
    following = page.get_next_page()
    assert following is not None
    assert [one.content for one in following.items] == ["m2", "m3"]


@covers("Session.get_message", "Session.update_message")
def one_message(world: World) -> None:
    session = world.new_session()
    [added] = session.add_messages(world.peer().message("Hello"))
    changed = world.call(session, "update_message", added, {"seen": True})
    assert (changed.id, changed.metadata) == (added.id, {"seen": True})
    assert world.call(session, "get_message", added.id).metadata == {"seen": True}
    with pytest.raises(NotFoundError):
        world.call(session, "get_message", "no-such-message")


@covers("Session.delete")
def delete(world: World) -> None:
    session, peer = world.new_session(), world.peer()
    session.add_messages(peer.message("Hello"))
    world.call(session, "delete")
    try:
        session.add_messages(peer.message("Too late"))
    except NotFoundError:
        pass
    else:
        # The worker was quicker than this test: the name was free again, and nothing is left of what it stood for.
        assert [one.content for one in session.messages()] == ["Too late"]
        return
    deadline = time.monotonic() + 60
    while session.id in [one.id for one in world.honcho.sessions({"id": session.id})]:
        assert time.monotonic() < deadline, "the session is still there"
        time.sleep(0.05)


@covers("Session.clone")
def clone(world: World) -> None:
    session, peer = world.new_session(), world.peer()
    added = session.add_messages([peer.message(f"m{n}") for n in range(3)])
    whole = world.call(session, "clone")
    part = world.call(session, "clone", message_id=added[1].id)
    assert len({session.id, whole.id, part.id}) == 3
    assert [one.content for one in whole.messages()] == ["m0", "m1", "m2"]
    assert [one.content for one in part.messages()] == ["m0", "m1"]
    assert [one.id for one in part.peers()] == [peer.id]


@covers("Session.context", "SessionContext.to_openai", "SessionContext.to_anthropic")
def context(world: World) -> None:
    found = world.call(world.session, "context", tokens=10_000, peer_target="alice", search_query="peanuts")
    assert [message.id for message in found.messages] == [message.id for message in world.said]
    assert "peanuts" in found.peer_representation
    assert [turn["role"] for turn in found.to_openai(assistant="tutor")][-3:] == ["user", "assistant", "user"]
    turns = found.to_anthropic(assistant=world.tutor)
    assert [turn["role"] for turn in turns][-3:] == ["user", "assistant", "user"]
    assert world.call(world.session, "context", tokens=1, summary=False).messages == []


@covers("Session.summaries")
def summaries(world: World) -> None:
    found = world.call(world.session, "summaries")
    assert (found.id, found.short_summary, found.long_summary) == (world.session.id, None, None)


@covers("Session.search")
def search(world: World) -> None:
    assert [hit.id for hit in world.call(world.session, "search", "peanuts", None, 1)] == [world.said[2].id]
    assert world.call(world.new_session(), "search", "peanuts") == []


@covers("Session.upload_file")
def upload_file(world: World) -> None:
    session, peer = world.new_session(), world.peer()
    file = ("notes.txt", b"A note about tides.", "text/plain")
    [stored] = world.call(session, "upload_file", file, peer, metadata={"of": "file"})
    assert (stored.content, stored.peer_id, stored.metadata) == ("A note about tides.", peer.id, {"of": "file"})
    assert [one.content for one in session.messages()] == ["A note about tides."]


@covers("Session.representation")
def representation(world: World) -> None:
    assert "Lisbon" in world.call(world.session, "representation", world.alice)
    assert world.call(world.session, "representation", "nobody-known") == ""


@covers("Session.queue_status")
def queue_status(world: World) -> None:
    status = world.call(world.session, "queue_status", sender="alice")
    assert (status.total_work_units, status.completed_work_units) == (2, 2)
