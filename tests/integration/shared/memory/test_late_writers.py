"""Writers that come back from waiting when what they were at is gone, or is on its way out."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any, LiteralString

import pytest
from pydantic import SecretStr

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.errors import NotFound
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind, WakeUp
from shared.memory import dreams, peers, webhooks
from shared.memory.cloning import clone
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.erase import erase_message, erase_peer
from shared.memory.forget import delete_session, delete_workspace
from shared.memory.relay import relay
from shared.store.database import Connection
from tests.support.backends import Meddling, RecordingQueue
from tests.support.erasing import DO, repeating, settle
from tests.support.forgetting import forgets
from tests.support.residue import residue
from tests.support.scripted_model import FixedModels, ScriptedModel
from tests.support.workplace import Workplace

EVENTS: LiteralString = "SELECT data FROM webhook_events WHERE workspace = %(workspace)s"
WATCHING = ObservationSettings(observe_others=True)


@pytest.fixture
def place(place: Workplace) -> Workplace:
    return repeating(place)


@pytest.fixture
def canary(place: Workplace) -> str:
    """A word that no other test of the database says."""
    return f"zqcanary{place.workspace[2:]}"


def works(place: Workplace, rounds: int = 5) -> None:
    """Let workers do what there is to do, but deliver nothing."""
    for _ in range(rounds):
        relay(place.backends)
        for wake_up in place.queue.take():
            if wake_up.unit.kind in DO:
                DO[wake_up.unit.kind](place.backends, wake_up)
        place.clock.advance(seconds=6)


def test_clone_made_while_a_message_is_being_erased_leaves_it_behind(place: Workplace, canary: str, owner_dsn: str):
    first, said, last = place.says("s", ("ada", "I sing"), ("ada", canary), ("ada", "I row"))
    settle(place)
    erase_message(place.backends, place.workspace, "s", said.id)
    made = [clone(place.backends, place.workspace, "s", up_to=up_to) for up_to in (None, said.id)]
    settle(place)
    assert residue(owner_dsn, canary) == {}
    query: LiteralString = "SELECT session, content, seq FROM messages WHERE workspace = %(workspace)s ORDER BY seq"
    copied = [[(row["content"], row["seq"]) for row in place.rows(query) if row["session"] == one.name] for one in made]
    assert copied == [[("I sing", first.seq), ("I row", last.seq)], [("I sing", first.seq)]]
    assert place.count("message_search") == 5


def test_forgotten_session_is_named_by_nothing_that_stays(place: Workplace, canary: str, owner_dsn: str):
    place = place.configured(webhook={"secret": SecretStr("s" * 40)})
    place.joins(canary, ada=WATCHING, bob=WATCHING)
    place.says(canary, ("ada", "I sing"), ("bob", "I row"))
    webhooks.register(place.backends, place.workspace, "https://example.com/hook")
    own = Collection(place.workspace, "ada", "ada")
    dreams.schedule(place.backends, DreamRequest(own, "omni", "manual", canary))
    works(place)
    assert {"dreams", "webhook_events"} <= residue(owner_dsn, canary).keys()
    delete_session(place.backends, place.workspace, canary)
    forgets(place)
    assert residue(owner_dsn, canary) == {}
    assert {row["data"]["session_id"] for row in place.rows(EVENTS)} >= {""}
    # Whoever names it from now on does so by mistake.
    dreams.schedule(place.backends, DreamRequest(own, "omni", "manual", canary))
    assert residue(owner_dsn, canary) == {}


def forgets_session(place: Workplace) -> None:
    delete_session(place.backends, place.workspace, "s")
    forgets(place)


def erases_peer(place: Workplace) -> None:
    erase_peer(place.backends, place.workspace, "ada")
    settle(place)


def forgets_workspace(place: Workplace) -> None:
    forgets_session(place)
    delete_workspace(place.backends, place.workspace)
    forgets(place)


@pytest.mark.parametrize("happens", [forgets_session, erases_peer, forgets_workspace])
@pytest.mark.parametrize("is_over", [True, False])
def test_conclusion_stated_about_what_is_erased_while_it_is_embedded_is_refused(
    place: Workplace, canary: str, owner_dsn: str, happens: Callable[[Workplace], None], *, is_over: bool
):
    place.says("s", ("ada", "I sing"), ("bob", "I row"))
    settle(place)

    def begins(_: Workplace) -> None:
        if happens is erases_peer:
            erase_peer(place.backends, place.workspace, "ada")
        else:
            delete_session(place.backends, place.workspace, "s")

    models = FixedModels(ScriptedModel([]), Meddling(place.embedder, lambda: (happens if is_over else begins)(place)))
    given = [GivenConclusion("bob", "ada", "s", canary), GivenConclusion("bob", "bob", None, f"{canary} too")]
    with pytest.raises(NotFound):
        create_conclusions(replace(place.backends, models=models), place.workspace, given)
    assert residue(owner_dsn, canary) == {}


class Interrupted(RecordingQueue):
    """Lets something happen when the first wake-up of a dream is handed over."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self.things = [then]

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        if self.things:
            self.things.pop()()
        return super().send(wake_ups)


def due_for_dreams(place: Workplace) -> None:
    """The collections of three peers wait for their first dream, the one of the canary's not first."""
    with place.backends.db.transaction() as conn:
        conn.execute("UPDATE collections SET due_at = NULL")
        conn.execute(
            "UPDATE collections SET due_at = %s + (observed <> 'bob')::int * interval '1 s' WHERE workspace = %s",
            [place.clock.now() - timedelta(minutes=1), place.workspace],
        )


def test_dreams_that_are_due_of_a_peer_erased_while_others_are_woken_leave_no_unit(
    place: Workplace, canary: str, owner_dsn: str
):
    place.says("s", ("bob", "I row"), (canary, "I sing"))
    settle(place)
    due_for_dreams(place)

    def meanwhile() -> None:
        erase_peer(place.backends, place.workspace, canary)
        settle(place, TaskKind.ERASE)
        assert residue(owner_dsn, canary) == {}

    assert dreams.release_dreams(replace(place.backends, queue=Interrupted(meanwhile))) == 1
    assert residue(owner_dsn, canary) == {}


def test_dreams_that_are_due_of_a_workspace_forgotten_while_others_are_woken_leave_no_unit(
    place: Workplace, owner_dsn: str
):
    place.says("s", ("bob", "I row"), ("ada", "I sing"))
    settle(place)
    due_for_dreams(place)
    queue = Interrupted(lambda: forgets_workspace(place))
    assert dreams.release_dreams(replace(place.backends, queue=queue)) == 1
    assert residue(owner_dsn, place.workspace) == {}


def releases_dreams(place: Workplace, _: str) -> None:
    due_for_dreams(place)
    dreams.release_dreams(place.backends)


def writes_a_card(place: Workplace, canary: str) -> None:
    peers.write_card(place.backends, Collection(place.workspace, "bob", canary), ["IDENTITY: Sings"])


@pytest.mark.parametrize(
    ("write", "last"), [(releases_dreams, "shared.store.dreams.request"), (writes_a_card, "shared.store.cards.put")]
)
def test_what_is_written_about_a_peer_while_the_last_of_it_goes_goes_with_it(
    place: Workplace,
    canary: str,
    owner_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Workplace, str], None],
    last: str,
):
    """It is not committed yet when the last of the peer goes."""
    place.says("s", (canary, "I sing"), ("bob", "I row"))
    settle(place)
    eraser = threading.Thread(target=settle, args=(place, TaskKind.ERASE))
    module, _, name = last.rpartition(".")
    inner: Callable[..., object] = getattr(import_module(module), name)

    def written(conn: Connection, *about: Any, **more: Any) -> object:
        given = inner(conn, *about, **more)
        if canary in str(about) and eraser.ident is None:
            erase_peer(place.backends, place.workspace, canary)
            eraser.start()
            eraser.join(1)
            assert eraser.is_alive(), "it waits for the writer"
        return given

    monkeypatch.setattr(last, written)
    write(place, canary)
    eraser.join()
    assert residue(owner_dsn, canary) == {}
