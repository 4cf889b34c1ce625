"""The published SDK against the running stack: files in, copies of sessions, and deletion to the end."""

import asyncio
import io
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from honcho import Honcho
from honcho.http.exceptions import ConflictError, HonchoError, NotFoundError
from honcho.session import Session

from infra.local.stack import Stack
from tests.support.pdf import make_pdf
from tests.support.residue import residue
from tests.support.stack import drained

_PATIENCE_S = 60.0


@pytest.fixture
def honcho(stack: Stack) -> Honcho:
    return Honcho(workspace_id=f"sdk-{uuid.uuid4().hex[:8]}", base_url=stack.base_url)


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is so; fails the test when that takes too long."""
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.05)


def remembers(stack: Stack, honcho: Honcho, session_id: str, text: str) -> Session:
    """A session with one message of alice that the memory has drawn its conclusions from."""
    session = honcho.session(session_id)
    session.add_messages(honcho.peer("alice").message(text))
    drained(stack.base_url, honcho.workspace_id)
    return session


def is_free(honcho: Honcho, session_id: str) -> bool:
    try:
        honcho.session(session_id)
    except NotFoundError:
        return False
    return True


def test_session_deleted_takes_its_memory_along_and_its_id_can_be_used_anew(stack: Stack, honcho: Honcho) -> None:
    session = remembers(stack, honcho, "s", "I am allergic to peanuts.")
    remembers(stack, honcho, "t", "My dog is called Bruno.")
    alice = honcho.peer("alice")
    assert {conclusion.session_id for conclusion in alice.conclusions.list()} == {"s", "t"}

    session.delete()

    with pytest.raises(NotFoundError):
        session.add_messages(alice.message("More."))
    eventually(lambda: is_free(honcho, "s"))
    assert {conclusion.session_id for conclusion in alice.conclusions.list()} == {"t"}
    assert list(honcho.session("s").messages()) == []
    assert "peanuts" not in (alice.chat("What is alice allergic to?") or "")
    # At once, and as if there had been nothing before: wake-ups of the new session reach the workers too.
    remembers(stack, honcho, "s", "I play the cello.")
    eventually(lambda: any("cello" in one.content for one in honcho.session("s").search("cello")))


def test_workspace_deleted_leaves_no_row_and_can_be_made_anew(stack: Stack, honcho: Honcho) -> None:
    canary = f"canary-{uuid.uuid4().hex[:8]}"
    remembers(stack, honcho, "s", f"My dog is called {canary}.")
    with pytest.raises(ConflictError):
        honcho.delete_workspace(honcho.workspace_id)

    for session in honcho.sessions():
        session.delete()
    honcho.delete_workspace(honcho.workspace_id)

    eventually(lambda: residue(stack.dsn, canary, honcho.workspace_id) == {})
    again = Honcho(workspace_id=honcho.workspace_id, base_url=stack.base_url)
    assert list(again.peers()) == []
    with pytest.raises(NotFoundError):
        honcho.delete_workspace(f"missing-{canary}")


def test_clone_has_the_messages_up_to_the_one_named_and_is_searchable(honcho: Honcho) -> None:
    alice, bob = honcho.peer("alice"), honcho.peer("bob")
    session = honcho.session("s", metadata={"topic": "otters"})
    said = session.add_messages([alice.message("Otters sleep afloat."), bob.message("Really?"), alice.message("Yes.")])

    whole, part = session.clone(), session.clone(message_id=said[1].id)

    assert [message.content for message in whole.messages()] == ["Otters sleep afloat.", "Really?", "Yes."]
    assert [message.content for message in part.messages()] == ["Otters sleep afloat.", "Really?"]
    assert [message.token_count for message in part.messages()] == [message.token_count for message in said[:2]]
    assert part.get_metadata() == {"topic": "otters"}
    assert sorted(peer.id for peer in part.peers()) == ["alice", "bob"]
    assert [hit.content for hit in part.search("otters", limit=1)] == ["Otters sleep afloat."]
    with pytest.raises(NotFoundError):
        session.clone(message_id="missing")


def test_clone_of_an_empty_session_is_kept(honcho: Honcho) -> None:
    clone = honcho.session("s").clone()

    assert clone.id in [session.id for session in honcho.sessions()]


def test_upload_file_of_each_kind_becomes_messages(honcho: Honcho) -> None:
    alice, session = honcho.peer("alice"), honcho.session("s")
    when = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    document = io.BytesIO(b"The zebra is striped.")
    document.name = "zebra.txt"

    [page] = session.upload_file(("a.pdf", make_pdf("Otters sleep afloat"), "application/pdf"), alice)
    [note] = session.upload_file(document, "alice", metadata={"kind": "note"}, created_at=when)
    [data] = session.upload_file(("a.json", b'{"colour": "green"}', "application/json"), alice)
    long = session.upload_file(("long.txt", b"word " * 10_000, "text/plain"), alice)

    assert page.content == "[Page 1]\nOtters sleep afloat"
    assert (note.content, note.metadata, note.created_at) == ("The zebra is striped.", {"kind": "note"}, when)
    assert "green" in data.content
    assert [len(message.content) for message in long] == [25_000, 25_000]
    assert [message.id for message in session.messages()] == [page.id, note.id, data.id, *(one.id for one in long)]
    assert note.id in [hit.id for hit in session.search("zebra")]


def test_upload_file_of_binary_bytes_arrives_unharmed_through_the_door(honcho: Honcho) -> None:
    text = "grüße \u4f60\u597d " * 40_000

    made = honcho.session("s").upload_file(("a.txt", text.encode("utf-16"), "text/plain"), "alice")

    assert "".join(message.content for message in made) == text


@pytest.mark.parametrize(
    ("file", "status"),
    [(("a.png", b"\x89PNG", "image/png"), 415), (("a.txt", b"x" * 5_300_000, "text/plain"), 413)],
)
def test_upload_file_that_cannot_be_taken_is_refused(honcho: Honcho, file: tuple[str, bytes, str], status: int) -> None:
    with pytest.raises(HonchoError) as refused:
        honcho.session("s").upload_file(file, "alice")
    assert refused.value.status == status


def test_lifecycle_calls_do_the_same_when_awaited(honcho: Honcho) -> None:
    async def lives() -> list[str]:
        session = await honcho.aio.session("s")
        await session.aio.upload_file(("a.txt", b"hello", "text/plain"), "alice")
        clone = await session.aio.clone()
        contents = [message.content async for message in await clone.aio.messages()]
        await session.aio.delete()
        await clone.aio.delete()
        await honcho.aio.delete_workspace(honcho.workspace_id)
        return contents

    assert asyncio.run(lives()) == ["hello"]
