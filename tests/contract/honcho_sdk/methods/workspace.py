"""The methods of `Honcho`."""

import time

import pytest
from honcho.api_types import PeerConfig, ReasoningConfiguration, SessionConfiguration, WorkspaceConfiguration
from honcho.http.exceptions import NotFoundError

from tests.support.honcho_caller import World, covers
from tests.support.stack import drained


@covers("Honcho.set_metadata", "Honcho.get_metadata", "Honcho.refresh")
def metadata(world: World) -> None:
    here = world.elsewhere()
    same = type(here)(workspace_id=here.workspace_id, base_url=world.base_url)
    world.call(here, "set_metadata", {"tier": "gold", "nested": {"n": 1}})
    assert world.call(same, "get_metadata") == {"tier": "gold", "nested": {"n": 1}}
    world.call(here, "set_metadata", {})
    world.call(same, "refresh")
    assert same.metadata == {}


@covers("Honcho.set_configuration", "Honcho.get_configuration")
def configuration(world: World) -> None:
    here = world.elsewhere()
    wanted = WorkspaceConfiguration(reasoning=ReasoningConfiguration(enabled=False, custom_instructions="Be brief."))
    world.call(here, "set_configuration", wanted)
    found = world.call(here, "get_configuration")
    assert found.reasoning.enabled is False
    assert found.reasoning.custom_instructions == "Be brief."


@covers("Honcho.peer")
def peer(world: World) -> None:
    name = world.name("peer")
    made = world.call(world.honcho, "peer", name, metadata={"x": 1}, configuration=PeerConfig(observe_me=False))
    again = world.call(world.honcho, "peer", name)
    assert (again.id, again.metadata, again.configuration.observe_me) == (name, {"x": 1}, False)
    assert again.created_at == made.created_at


@covers("Honcho.peers")
def peers(world: World) -> None:
    names = [world.honcho.peer(world.name("listed"), metadata={"rank": 7}).id for _ in range(3)]
    found = world.call(world.honcho, "peers", {"metadata": {"rank": 7}}, size=2)
    assert [one.id for one in found][-3:] == names
    turned = world.call(world.honcho, "peers", {"metadata": {"rank": 7}}, size=2, reverse=True)
    assert [one.id for one in turned][:3] == names[::-1]


@covers("Honcho.session")
def session(world: World) -> None:
    name, scope = world.name("session"), world.name("scope")
    wanted = SessionConfiguration(reasoning=ReasoningConfiguration(enabled=False))
    made = world.call(
        world.honcho,
        "session",
        name,
        metadata={"topic": "maps"},
        configuration=wanted,
        peers=[world.alice, "somebody-new"],
        scopes=[scope],
    )
    assert (made.id, made.metadata, made.is_active) == (name, {"topic": "maps"}, True)
    assert made.configuration.reasoning.enabled is False
    assert {one.id for one in made.peers()} == {"alice", "somebody-new"}
    assert [one.id for one in world.honcho.get_scope(scope).sessions()] == [name]


@covers("Honcho.sessions")
def sessions(world: World) -> None:
    names = [world.honcho.session(world.name("listed"), metadata={"kind": "listed"}).id for _ in range(3)]
    found = world.call(world.honcho, "sessions", {"metadata": {"kind": "listed"}}, size=2)
    assert [one.id for one in found][-3:] == names


@covers("Honcho.workspaces")
def workspaces(world: World) -> None:
    assert world.honcho.workspace_id in world.call(world.honcho, "workspaces", size=2)


@covers("Honcho.delete_workspace")
def delete_workspace(world: World) -> None:
    doomed = world.elsewhere()
    doomed.peer("anybody")
    world.call(world.honcho, "delete_workspace", doomed.workspace_id)
    deadline = time.monotonic() + 60
    while list(world.honcho.workspaces({"id": doomed.workspace_id})):
        assert time.monotonic() < deadline, "the workspace is still there"
        time.sleep(0.05)


@covers("Honcho.chat")
def chat(world: World) -> None:
    assert "peanuts" in world.call(world.honcho, "chat", "What is alice allergic to?")
    answer = world.call(world.honcho, "chat", "What is alice allergic to?", include_evidence=True)
    assert "peanuts" in answer.content
    assert world.said[2].id in [message.id for message in answer.evidence.messages]


@covers("Honcho.chat_stream")
def chat_stream(world: World) -> None:
    pieces = world.call(world.honcho, "chat_stream", "What is alice allergic to?", reasoning_level="minimal")
    assert "peanuts" in "".join(pieces)


@covers("Honcho.search")
def search(world: World) -> None:
    [hit] = world.call(world.honcho, "search", "peanuts", {"peer_id": "alice"}, 1)
    assert (hit.id, hit.content) == (world.said[2].id, world.said[2].content)
    assert world.call(world.honcho, "search", "peanuts", {"peer_id": "nobody"}) == []


@covers("Honcho.queue_status")
def queue_status(world: World) -> None:
    drained(world.base_url, world.honcho.workspace_id)
    status = world.call(world.honcho, "queue_status", sender=world.alice, session=world.session)
    assert (status.total_work_units, status.completed_work_units, status.pending_work_units) == (2, 2, 0)


@covers("Honcho.schedule_dream")
def schedule_dream(world: World) -> None:
    here = world.elsewhere()
    carol, talk = here.peer("carol"), here.session("talk")
    talk.add_messages([carol.message("I am allergic to peanuts.")])
    drained(world.base_url, here.workspace_id)
    [stated] = list(carol.conclusions.list())
    done = here.queue_status().completed_work_units
    for _ in range(2):
        assert world.call(here, "schedule_dream", carol, session=talk) is None
    drained(world.base_url, here.workspace_id)
    # The second call found the first one's dream, or came after it was dreamt.
    assert here.queue_status().completed_work_units in (done + 1, done + 2)
    derived = [one for one in carol.conclusions.list() if one.level == "deductive"]
    assert [(one.content, one.source_ids) for one in derived] == [("carol must not be given peanuts.", [stated.id])]
    assert carol.get_card() == ["ATTRIBUTE: Allergic to peanuts"]


@covers("Honcho.scope", "Honcho.get_scope", "Honcho.scopes")
def scopes(world: World) -> None:
    name = world.name("scope")
    made = world.call(world.honcho, "scope", name, metadata={"of": "tests"})
    found = world.call(world.honcho, "get_scope", name)
    assert (found.id, found.metadata, found.created_at) == (name, {"of": "tests"}, made.created_at)
    assert name in [one.id for one in world.call(world.honcho, "scopes", size=1)]
    with pytest.raises(NotFoundError):
        world.call(world.honcho, "get_scope", world.name("missing"))
