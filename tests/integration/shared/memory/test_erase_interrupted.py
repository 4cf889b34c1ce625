"""Workers that erase and come twice, die or run out of time; writers that come in between: it is done all the same."""

import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.domain.conclusion import ConclusionDraft
from shared.domain.errors import NotFound
from shared.domain.work import TaskKind
from shared.memory import conclude
from shared.memory.erase import erase, erase_message, erase_peer
from tests.support.backends import THEN
from tests.support.erasing import ORPHANS, PENDING, Died, DyingDatabase, broken, repeating, settle
from tests.support.forgetting import FailingIndex, HastyClock
from tests.support.residue import residue


@pytest.fixture
def place(place):
    return repeating(place)


@pytest.fixture
def canary(place) -> str:
    """A word that no other test of the database says."""
    return f"zqcanary{place.workspace[2:]}"


def asks(place, message) -> None:
    erase_message(place.backends, place.workspace, message.session, message.id)


def test_erasure_delivered_twice_at_once_is_done_once(place, canary, owner_dsn):
    said, _ = place.says("s", ("ada", canary), ("ada", "I row"))
    settle(place)
    asks(place, said)
    [wake_up] = place.queue.take(TaskKind.ERASE)
    workers = [threading.Thread(target=erase, args=(place.backends, wake_up)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert residue(owner_dsn, canary, said.id) == {}
    settle(place)
    assert broken(place) == {}


@pytest.mark.parametrize("dies_at", range(1, 12))
def test_erasure_whose_worker_dies_anywhere_leaves_nothing_without_its_sources(place, canary, owner_dsn, dies_at):
    """Before each of its transactions in turn; the next worker goes on where this one was."""
    _, said, _ = place.says("s", ("bob", "I fence"), ("ada", canary), ("ada", "I row"))
    settle(place)
    [fact] = [row["id"] for row in place.conclusions() if row["content"].startswith(canary)]
    drafts = [ConclusionDraft(f"more {canary}", "deductive", None, (), THEN, source_ids=(fact,))]
    saving = conclude.prepare(place.backends, place.workspace, "ada", ["ada"], drafts)
    with place.backends.db.transaction() as conn:
        saving.write(place.backends, conn)
    asks(place, said)
    [wake_up] = place.queue.take(TaskKind.ERASE)
    dying = DyingDatabase(place.backends.db, dies_at)
    with suppress(Died):
        erase(replace(place.backends, db=dying), wake_up)
    # Dead in the middle, or alive to the end because there are not that many.
    assert (dying.left > 0) == (place.rows(PENDING) == [])
    assert place.rows(ORPHANS) == []
    place.clock.advance(seconds=91)
    settle(place)
    assert residue(owner_dsn, canary, said.id, fact) == {}
    assert sorted(row["content"] for row in place.conclusions()) == ["I fence", "I row"]
    assert broken(place) == {}


@pytest.mark.parametrize("fails_at", range(1, 5))
def test_erasure_when_the_index_fails_is_tried_again(place, canary, owner_dsn, fails_at):
    [said] = place.says("s", ("ada", canary))
    settle(place)
    failing = FailingIndex(place.backends.vectors, fails_at)
    asks(place, said)
    [wake_up] = place.queue.take(TaskKind.ERASE)
    erase(replace(place.backends, vectors=failing), wake_up)
    assert failing.left <= 0
    assert place.unit_row(wake_up.unit)["failures"] == 0
    settle(place)
    assert residue(owner_dsn, canary, said.id) == {}


def test_erasure_when_its_time_is_up_hands_on_to_the_next_worker(place, canary, owner_dsn):
    place.says("s", *[("ada", f"{canary} {number}") for number in range(120)])
    settle(place)
    erase_peer(place.backends, place.workspace, "ada")
    hasty = replace(place.backends, clock=HastyClock(place.clock))
    rounds = 0
    while wake_ups := place.queue.take(TaskKind.ERASE):
        for wake_up in wake_ups:
            erase(hasty, wake_up)
            rounds += 1
    assert rounds > 4
    settle(place)
    assert residue(owner_dsn, canary) == {}


def test_racing_writers_of_a_peer_and_its_erasure_leave_all_or_nothing(place, canary, owner_dsn):
    """A writer is refused while the peer goes; whoever comes before goes with it, whoever comes after starts anew."""
    place.says("s", ("ada", canary), ("bob", "hello"))
    failed: list[BaseException] = []

    def write(writer: int) -> None:
        for number in range(30):
            try:
                place.says(f"s{writer % 2}", ("ada", f"{canary} {writer} {number}"), ("bob", "hello"))
            except NotFound:
                pass
            except BaseException as error:
                failed.append(error)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for writer in writers:
        writer.start()
    erase_peer(place.backends, place.workspace, "ada")
    while any(writer.is_alive() for writer in writers):
        for wake_up in place.queue.take(TaskKind.ERASE):
            erase(place.backends, wake_up)
        for writer in writers:
            writer.join(0.01)
    assert failed == []
    settle(place)
    if place.rows("SELECT FROM peers WHERE workspace = %(workspace)s AND name = 'ada'"):
        erase_peer(place.backends, place.workspace, "ada")
        settle(place)
    assert residue(owner_dsn, canary) == {}
    assert place.rows("SELECT FROM messages WHERE workspace = %(workspace)s AND peer <> 'bob'") == []
    assert broken(place) == {}
