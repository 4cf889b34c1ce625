"""Copying from Postgres into another store: whole, resumable, and without bringing back what is gone."""

from collections.abc import Iterator, Sequence

import pytest

from shared.domain.errors import IndexUnavailable
from shared.domain.session import ObservationSettings
from shared.domain.vector import MessageVector
from shared.domain.work import TaskKind
from shared.memory import vector_copy
from shared.memory.indexing import index_messages
from shared.memory.vector_copy import Copy, copy
from shared.store import conclusions
from tests.support.stores import external, saves
from tests.support.turbopuffer_server import TurbopufferServer
from tests.support.workplace import Workplace


@pytest.fixture
def server() -> Iterator[TurbopufferServer]:
    with TurbopufferServer() as running:
        yield running


@pytest.fixture
def here(place: Workplace) -> Workplace:
    place.joins("s", ada=ObservationSettings())
    return place


@pytest.fixture
def job(here: Workplace, server: TurbopufferServer) -> Copy:
    return Copy(here.backends.vectors, external(here, server), "turbopuffer:tests:tiny")


def copied(here: Workplace, job: Copy) -> list[tuple[str, int, bool]]:
    return [
        (kind, step.count, step.is_done)
        for kind in ("conclusions", "messages")
        for step in copy(here.backends, here.workspace, kind, job)
    ]


def test_copy_takes_everything_once(here: Workplace, server: TurbopufferServer, job: Copy):
    saves(here, *(f"c{n:03}" for n in range(120)))
    said = here.says("s", ("ada", "I like tea."), ("ada", "I like rain."))
    for wake_up in here.queue.take(TaskKind.INDEX):
        index_messages(here.backends, wake_up)
    assert copied(here, job) == [("conclusions", 120, True), ("messages", 2, True)]
    assert server.documents().keys() == {*(f"c{n:03}" for n in range(120)), *(f"{one.id}_0" for one in said)}
    [one] = job.into.stored_conclusions(here.workspace, ["c007"])
    [original] = job.source.stored_conclusions(here.workspace, ["c007"])
    assert (one.observer, one.session, one.level) == ("ada", "s", "explicit")
    assert list(one.vector) == pytest.approx(list(original.vector))
    assert copied(here, job) == [], "done is done"
    vector_copy.again(here.backends, here.workspace, job.target)
    assert copied(here, job) == [("conclusions", 120, True), ("messages", 2, True)]


def test_copy_that_was_interrupted_goes_on_where_it_was(
    here: Workplace, server: TurbopufferServer, job: Copy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(vector_copy, "_AT_ONCE", 10)
    saves(here, *(f"c{n:03}" for n in range(35)))
    steps = copy(here.backends, here.workspace, "conclusions", job)
    assert [next(steps).count for _ in range(2)] == [10, 20]
    server.down()
    with pytest.raises(IndexUnavailable):
        next(steps)
    server.up()
    server.received.clear()
    assert [step.count for step in copy(here.backends, here.workspace, "conclusions", job)] == [30, 35]
    assert len(server.documents()) == 35
    sent = [one for request in server.received for one in request.body.get("upsert_columns", {}).get("id", [])]
    assert len(sent) == 15


def test_copy_of_what_is_deleted_meanwhile_leaves_nothing(here: Workplace, server: TurbopufferServer, job: Copy):
    saves(here, "gone", "kept")
    with here.backends.db.transaction() as conn:
        conclusions.hide(conn, here.workspace, ["gone"], here.clock.now())
    copied(here, job)
    assert list(server.documents()) == ["kept"]


def test_copy_of_messages_whose_deletion_is_half_way_leaves_nothing(
    here: Workplace, server: TurbopufferServer, job: Copy, monkeypatch: pytest.MonkeyPatch
):
    gone, kept = here.says("s", ("ada", "I like tea."), ("ada", "I like rain."))
    for wake_up in here.queue.take(TaskKind.INDEX):
        index_messages(here.backends, wake_up)
    read = job.source.stored_messages

    def deleted_after_it_was_read(workspace: str, ids: Sequence[str]) -> list[MessageVector]:
        found = list(read(workspace, ids))
        # As a deletion that writes both stores does it; the row goes in its next transaction.
        for store in (job.source, job.into):
            store.delete_messages(workspace, [gone.id])
        return found

    monkeypatch.setattr(job.source, "stored_messages", deleted_after_it_was_read)
    copied(here, job)
    assert list(server.documents()) == [f"{kept.id}_0"]


def test_workspaces_are_all_there_are_in_order(here: Workplace):
    names = list(vector_copy.workspaces(here.backends))
    assert here.workspace in names
    assert names == sorted(names)
