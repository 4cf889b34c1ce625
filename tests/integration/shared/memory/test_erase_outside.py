"""Deleting and erasing where vectors are outside of Postgres: nothing stays there either, whatever was away."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from shared.domain.errors import IndexUnavailable
from shared.domain.session import ObservationSettings
from shared.domain.vector import ConclusionVector
from shared.domain.work import TaskKind
from shared.memory import conclude, scopes
from shared.memory.backfill import reconcile
from shared.memory.erase import erase_message, erase_peer
from shared.memory.forget import delete_session, delete_workspace, forget
from shared.memory.relay import relay
from shared.memory.vector_upkeep import remove_hidden
from shared.vectors.external import ExternalIndex
from shared.vectors.pg import PgIndex
from tests.support.erasing import Died, repeating, settle
from tests.support.forgetting import OWED, forgets
from tests.support.stores import dual, migrated, saves, traces, vectors_of
from tests.support.turbopuffer_server import TurbopufferServer
from tests.support.workplace import Workplace


@pytest.fixture
def server() -> Iterator[TurbopufferServer]:
    with TurbopufferServer() as running:
        yield running


@pytest.fixture(params=[migrated, dual], ids=["outside", "both"])
def here(place: Workplace, server: TurbopufferServer, request: pytest.FixtureRequest) -> Workplace:
    chosen: Callable[[Workplace, TurbopufferServer], Workplace] = request.param
    return chosen(repeating(place), server)


@pytest.fixture
def told(here: Workplace, server: TurbopufferServer) -> Workplace:
    """Ada and bob in sessions s and t, with all that is made of what they said, indexed."""
    watching = ObservationSettings(observe_others=True)
    for session in ("s", "t"):
        here.joins(session, ada=watching, bob=watching)
        here.says(session, ("ada", f"I sing in {session}"), ("bob", f"I row in {session}"))
    settle(here)
    assert traces(server, "'session_name': 's'") != []
    assert traces(server, "ada") != []
    return here


def test_deleted_session_leaves_nothing_outside(told: Workplace, server: TurbopufferServer):
    delete_session(told.backends, told.workspace, "s")
    forgets(told)
    assert traces(server, "'session_name': 's'") == []
    assert traces(server, "'session_name': 't'") != []


def test_deleted_session_waits_for_a_store_that_is_away(told: Workplace, server: TurbopufferServer):
    delete_session(told.backends, told.workspace, "s")
    server.down()
    for _ in range(3):
        relay(told.backends)
        for wake_up in told.queue.take(TaskKind.FORGET):
            forget(told.backends, wake_up)
        told.clock.advance(seconds=901)
    assert len(told.rows(OWED)) == 1, "nothing is given up"
    assert told.count("conclusions") > 0, "rows stay until their vectors are gone"
    server.up()
    forgets(told)
    assert traces(server, "'session_name': 's'") == []
    assert told.rows(OWED) == []


def test_deleted_workspace_leaves_no_namespace(told: Workplace, server: TurbopufferServer):
    for session in ("s", "t"):
        delete_session(told.backends, told.workspace, session)
    forgets(told)
    saves(told, "left over", session=None)
    delete_workspace(told.backends, told.workspace)
    forgets(told)
    assert server.namespaces == {}


def test_erased_peer_leaves_nothing_outside(told: Workplace, server: TurbopufferServer):
    erase_peer(told.backends, told.workspace, "ada")
    settle(told)
    assert traces(server, "ada") == []
    assert traces(server, "bob") != []


def test_erased_message_leaves_nothing_outside(told: Workplace, server: TurbopufferServer):
    [message, _] = told.says("s", ("ada", "I keep zqsecrets"), ("bob", "fine"))
    settle(told)
    made = [row["id"] for row in told.conclusions() if "zqsecrets" in row["content"]]
    assert len(made) >= 2
    assert len(traces(server, message.id, *made)) == len(made) + 1
    erase_message(told.backends, told.workspace, "s", message.id)
    settle(told)
    assert traces(server, message.id, *made) == []


def test_session_that_a_scope_lost_leaves_nothing_of_it_outside(told: Workplace, server: TurbopufferServer):
    scopes.get_or_create(told.backends, told.workspace, "team", metadata=None)
    scopes.add_sessions(told.backends, told.workspace, "team", ["s"])
    settle(told)
    assert traces(server, "scope.team") != []
    scopes.remove_session(told.backends, told.workspace, "team", "s")
    server.down()
    for wake_up in told.queue.take(TaskKind.SCOPE):
        reconcile(told.backends, wake_up)
    server.up()
    assert traces(server, "scope.team") != [], "its rows are gone, its vectors could not go with them"
    told.clock.advance(minutes=6)
    remove_hidden(told.backends)
    assert traces(server, "scope.team") == []


@pytest.mark.parametrize("goes", ["message", "session"])
def test_copies_for_a_scope_erased_while_their_vectors_come_leave_none(
    told: Workplace, server: TurbopufferServer, monkeypatch: pytest.MonkeyPatch, goes: str
):
    """The rows are committed and the unit is free: the worker has read the vectors of the originals, and goes on."""
    scopes.get_or_create(told.backends, told.workspace, "team", metadata=None)
    scopes.add_sessions(told.backends, told.workspace, "team", ["s"])
    [wake_up] = told.queue.take(TaskKind.SCOPE)
    [said, _] = told.rows("SELECT id FROM messages WHERE workspace = %(workspace)s AND session = 's' ORDER BY seq")
    copies: list[str] = []

    def meanwhile() -> None:
        copies.extend(row["id"] for row in told.conclusions() if row["observer"] == "scope.team")
        if goes == "message":
            erase_message(told.backends, told.workspace, "s", said["id"])
            settle(told, TaskKind.ERASE)
        else:
            delete_session(told.backends, told.workspace, "s")
            forgets(told)

    interrupts(monkeypatch, [meanwhile])
    reconcile(told.backends, wake_up)
    left = {row["id"] for row in told.conclusions()}
    gone = [one for one in copies if one not in left]
    assert len(copies) == len(gone) == 2
    assert traces(server, *gone) == []
    assert told.backends.vectors.held_conclusions(told.workspace, copies) == left.intersection(copies)


@pytest.mark.parametrize("dies", [True, False], ids=["dies", "store gives up"])
def test_vector_that_comes_after_its_row_was_purged_goes_though_nobody_looks(
    told: Workplace, server: TurbopufferServer, monkeypatch: pytest.MonkeyPatch, *, dies: bool
):
    """The worker that brought it died before it looked, or took the store's silence for a failure."""
    saves(told, "late", is_indexed=False)
    [row] = told.rows("SELECT * FROM conclusions WHERE workspace = %(workspace)s AND id = 'late'")
    record = ConclusionVector(
        told.workspace, "late", "ada", "ada", "s", "explicit", vectors_of(told, "late")["late"], "late"
    )
    assert row["session"] == "s"
    delete_session(told.backends, told.workspace, "s")
    forgets(told)
    put = type(told.backends.vectors).upsert_conclusions

    def silently(index: Any, records: Sequence[ConclusionVector]) -> None:
        put(index, records)
        raise Died if dies else IndexUnavailable("timed out")

    monkeypatch.setattr(type(told.backends.vectors), "upsert_conclusions", silently)
    with pytest.raises(Died if dies else IndexUnavailable):
        conclude.place(told.backends, [record])
    assert traces(server, "'id': 'late'") != []
    told.clock.advance(minutes=6)
    remove_hidden(told.backends)
    assert traces(server, "'id': 'late'") == []
    assert told.backends.vectors.held_conclusions(told.workspace, ["late"]) == set()
    assert told.count("vector_removals") == 0


def interrupts(monkeypatch: pytest.MonkeyPatch, things: list[Callable[[], None]]) -> None:
    """Let these happen, one each time, between what is read of an index and what is written to it."""
    for kind in (ExternalIndex, PgIndex):
        read = kind.stored_conclusions

        def stored(index: Any, workspace: str, ids: Sequence[str], read: Any = read) -> list[ConclusionVector]:
            found = read(index, workspace, ids)
            if things:
                things.pop()()
            return found

        monkeypatch.setattr(kind, "stored_conclusions", stored)


def test_removal_is_noted_until_the_store_is_back(told: Workplace, server: TurbopufferServer):
    saves(told, "fact")
    with told.backends.db.transaction() as conn:
        conn.execute("DELETE FROM vector_removals")
        values = (told.workspace, "fact", told.clock.now())
        conn.execute("INSERT INTO vector_removals (workspace, conclusion, due_at) VALUES (%s, %s, %s)", values)
    server.down()
    with pytest.raises(IndexUnavailable):
        remove_hidden(told.backends)
    server.up()
    assert remove_hidden(told.backends) == 1
    assert traces(server, "'id': 'fact'") == []
