"""Scopes and workspace chat through the published SDK, sync and async, against the running stack."""

import asyncio
import time
import uuid
from collections.abc import Callable

import pytest
from honcho import Honcho
from honcho.http.exceptions import NotFoundError, UnprocessableEntityError
from honcho.scope import Scope

from infra.local.stack import Stack
from tests.support.stack import drained

_PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def honcho(stack: Stack) -> Honcho:
    """Alice talks of her health in one session and of her work in another; bob is there, too."""
    honcho = Honcho(workspace_id=f"sdk-{uuid.uuid4().hex[:8]}", base_url=stack.base_url)
    alice, bob = honcho.peer("alice"), honcho.peer("bob")
    honcho.session("health").add_messages(
        [alice.message("I am allergic to peanuts."), bob.message("I play the cello.")]
    )
    honcho.session("work").add_messages([alice.message("I work in the Lisbon office."), bob.message("Good morning!")])
    drained(stack.base_url, honcho.workspace_id)
    return honcho


@pytest.fixture(scope="module")
def therapy(honcho: Honcho) -> Scope:
    """A scope that has taken over the session about health."""
    scope = honcho.scope("therapy", metadata={"kind": "private"})
    scope.add_sessions(["health"])
    until(lambda: scope.status()["health"].state == "completed")
    return scope


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {_PATIENCE_S:.0f} s"
        time.sleep(0.05)


def test_scope_is_got_listed_and_described(honcho: Honcho, therapy: Scope) -> None:
    again, got = honcho.scope("therapy"), honcho.get_scope("therapy")

    assert (again.metadata, got.metadata) == ({"kind": "private"}, {"kind": "private"})
    assert got.created_at == therapy.created_at
    assert "therapy" in [scope.id for scope in honcho.scopes(size=100, reverse=True)]
    assert [session.id for session in therapy.sessions(page=1, size=10)] == ["health"]
    with pytest.raises(NotFoundError):
        honcho.get_scope("nobody-made-it")


def test_status_tells_how_many_conclusions_were_taken_over(therapy: Scope) -> None:
    job = therapy.status()["health"]

    assert job.docs_copied == 2
    assert job.updated_at.tzinfo is not None


def test_scope_is_no_peer_to_the_sdk(honcho: Honcho, therapy: Scope) -> None:
    assert {peer.id for peer in honcho.peers()} == {"alice", "bob"}
    assert {peer.id for peer in honcho.session("health").peers()} == {"alice", "bob"}


def test_chat_through_a_scope_knows_its_sessions_only(honcho: Honcho, therapy: Scope) -> None:
    alice = honcho.peer("alice")

    assert "peanuts" in (alice.chat("What is alice allergic to?", scope=therapy) or "")
    assert "peanuts" in (alice.chat("What is alice allergic to?", scope=["therapy"]) or "")
    assert "Lisbon" not in (alice.chat("Where does alice work?", scope="therapy") or "")
    assert "cello" in (alice.chat("What does bob play?", target="bob", scope="therapy") or "")
    assert "peanuts" in "".join(alice.chat_stream("What is alice allergic to?", scope="therapy"))


def test_representation_context_and_search_stay_within_the_scope(honcho: Honcho, therapy: Scope) -> None:
    alice = honcho.peer("alice")
    seen = honcho.session("work").context(peer_target="alice", scope=therapy)

    assert "peanuts" in alice.representation(scope="therapy")
    assert "Lisbon" not in alice.representation(scope="therapy")
    assert "Lisbon" not in alice.representation(scope=["therapy"])
    assert "peanuts" in (seen.peer_representation or "")
    assert "Lisbon" not in (seen.peer_representation or "")
    assert {hit.session_id for hit in honcho.search("Lisbon or peanuts", scope=therapy)} == {"health"}


def test_message_in_a_session_of_a_scope_reaches_the_scope(stack: Stack, honcho: Honcho) -> None:
    session = honcho.session("fresh", scopes=["new-scope"])
    scope = honcho.get_scope("new-scope")
    session.add_messages(honcho.peer("carol").message("I keep bees."))
    drained(stack.base_url, honcho.workspace_id)

    assert scope.status() == {}
    assert "bees" in honcho.peer("carol").representation(scope=scope)


def test_session_that_is_removed_takes_its_share_along(honcho: Honcho) -> None:
    scope, alice = honcho.scope("passing"), honcho.peer("alice")
    scope.add_sessions([honcho.session("health"), "work"])
    until(lambda: [job.state for job in scope.status().values()] == ["completed", "completed"])
    assert "peanuts" in alice.representation(scope=scope)

    scope.remove_session("health")

    until(lambda: "peanuts" not in alice.representation(scope=scope))
    assert "Lisbon" in alice.representation(scope=scope)
    assert set(scope.status()) == {"work"}
    assert [session.id for session in scope.sessions()] == ["work"]


def test_adding_a_session_that_does_not_exist_changes_nothing(honcho: Honcho) -> None:
    scope = honcho.scope("careful")

    with pytest.raises(NotFoundError, match="nowhere"):
        scope.add_sessions(["health", "nowhere"])

    assert list(scope.sessions()) == []
    scope.remove_session("health")


def test_workspace_chat_reads_across_peers_or_within_a_scope(honcho: Honcho, therapy: Scope) -> None:
    everywhere = honcho.chat("Who plays the cello, and who works in Lisbon?", include_evidence=True)
    within = honcho.chat("Who works in Lisbon?", scope="therapy")
    streamed = honcho.chat_stream("Who plays the cello?", scope=["therapy"], include_evidence=True)
    pieces = list(streamed)

    assert everywhere.evidence is not None
    assert {"alice", "bob"} <= {one.observed_id for one in everywhere.evidence.conclusions}
    assert "cello" in (everywhere.content or "")
    assert "Lisbon office" not in (within or "")
    assert "cello" in "".join(pieces)
    assert streamed.evidence is not None
    assert {one.session_id for one in streamed.evidence.conclusions} == {"health"}
    assert "Lisbon" in (honcho.chat("Where does alice work?", session="work", reasoning_level="minimal") or "")


def test_mistakes_are_told_as_what_they_are(honcho: Honcho, therapy: Scope) -> None:
    with pytest.raises(NotFoundError):
        honcho.peer("alice").chat("?", scope="unknown")
    with pytest.raises(NotFoundError):
        honcho.chat("?", scope="unknown")
    with pytest.raises(UnprocessableEntityError):
        honcho.search("x", scope="therapy", filters={"session_id": "health"})


def test_async_methods_do_the_same(honcho: Honcho) -> None:
    async def walk() -> None:
        scope = await honcho.aio.scope("async-scope", metadata={"n": 1})
        await scope.aio.add_sessions(["health"])
        deadline = time.monotonic() + _PATIENCE_S
        while (await scope.aio.status())["health"].state != "completed":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert (await honcho.aio.get_scope("async-scope")).metadata == {"n": 1}
        assert "async-scope" in [one.id async for one in await honcho.aio.scopes(size=100)]
        assert [one.id async for one in await scope.aio.sessions()] == ["health"]
        alice = await honcho.aio.peer("alice")
        assert "peanuts" in (await alice.aio.chat("What is alice allergic to?", scope=scope) or "")
        assert "peanuts" in await alice.aio.representation(scope=[scope])
        assert {hit.session_id for hit in await honcho.aio.search("Lisbon or peanuts", scope=scope)} == {"health"}
        seen = await honcho.session("work").aio.context(peer_target="alice", scope=scope)
        assert "peanuts" in (seen.peer_representation or "")
        assert "cello" in (await honcho.aio.chat("Who plays the cello?", scope="async-scope") or "")
        pieces = [piece async for piece in await honcho.aio.chat_stream("Who plays the cello?")]
        assert "cello" in "".join(pieces)
        await scope.aio.remove_session("health")
        assert [one.id async for one in await scope.aio.sessions()] == []

    asyncio.run(walk())
