"""Comparing rows and index: planted differences are found, named and made good, and nothing else is touched."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from infra.tools import vectors as verb
from shared.domain.message import Message
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind
from shared.memory import conclude, vector_audit
from shared.memory.indexing import index_messages
from shared.memory.vector_audit import Finding, Subject, repair, verify
from shared.store.vector_copies import VectorKind
from shared.vectors.opening import Stores
from tests.support.stores import dual, external, migrated, saves, vectors_of
from tests.support.turbopuffer_server import TurbopufferServer
from tests.support.vectors import a_conclusion, a_piece
from tests.support.workplace import Workplace


@pytest.fixture
def server() -> Iterator[TurbopufferServer]:
    with TurbopufferServer() as running:
        yield running


@pytest.fixture(params=["pgvector", "turbopuffer"])
def here(place: Workplace, server: TurbopufferServer, request: pytest.FixtureRequest) -> Workplace:
    place.joins("s", ada=ObservationSettings())
    return place if request.param == "pgvector" else migrated(place, server)


def says(here: Workplace, *texts: str) -> Sequence[Message]:
    said = here.says("s", *(("ada", text) for text in texts))
    for wake_up in here.queue.take(TaskKind.INDEX):
        index_messages(here.backends, wake_up)
    return said


def looked_at(here: Workplace, kind: VectorKind) -> Finding:
    return verify(here.backends, here.workspace, kind, here.backends.vectors)


def repaired(here: Workplace, kind: VectorKind) -> Finding:
    repair(here.backends, here.workspace, kind, Subject(here.backends.vectors), looked_at(here, kind))
    return looked_at(here, kind)


def test_index_that_agrees_is_in_order(here: Workplace):
    saves(here, "a", "b")
    says(here, "I like tea.", "I like rain.")
    assert looked_at(here, "conclusions") == Finding(rows=2, held=2)
    assert looked_at(here, "messages") == Finding(rows=2, held=2)


def test_empty_workspace_is_in_order(here: Workplace):
    assert looked_at(here, "conclusions") == Finding()
    assert looked_at(here, "messages") == Finding()


def test_planted_differences_of_conclusions_are_found_and_made_good(here: Workplace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vector_audit, "_AT_ONCE", 4)
    contents = [f"c{n}" for n in range(10)]
    saves(here, *contents)
    [vector] = vectors_of(here, "orphan").values()
    here.backends.vectors.delete_conclusions(here.workspace, ["c3", "c9"])
    here.backends.vectors.upsert_conclusions([a_conclusion("orphan", vector, workspace=here.workspace)])
    finding = looked_at(here, "conclusions")
    assert (finding.rows, finding.held) == (10, 9)
    assert (finding.missing, finding.orphans) == (["c3", "c9"], ["orphan"])
    assert repaired(here, "conclusions") == Finding(rows=10, held=10)
    assert here.embedder.asked == ["c3", "c9"]
    assert here.backends.vectors.held_conclusions(here.workspace, ["c3", "c9", "orphan"]) == {"c3", "c9"}


def test_repair_leaves_what_holds_again_since_it_was_looked_at(here: Workplace):
    """As when a dream that had hidden it is undone in between."""
    saves(here, "back")
    conclude.delete_conclusion(here.backends, here.workspace, "back")
    with here.backends.db.transaction() as conn:
        conn.execute("DELETE FROM vector_removals WHERE workspace = %s", [here.workspace])
    finding = looked_at(here, "conclusions")
    assert finding.orphans == ["back"]
    with here.backends.db.transaction() as conn:
        conn.execute("UPDATE conclusions SET deleted_at = NULL WHERE workspace = %s", [here.workspace])
    repair(here.backends, here.workspace, "conclusions", Subject(here.backends.vectors), finding)
    assert here.backends.vectors.held_conclusions(here.workspace, ["back"]) == {"back"}


def test_planted_differences_of_messages_are_found_and_made_good(here: Workplace):
    lost, kept = says(here, "I like tea.", "I like rain.")
    [vector] = vectors_of(here, "orphan").values()
    here.backends.vectors.delete_messages(here.workspace, [lost.id])
    here.backends.vectors.upsert_messages([a_piece("orphan", 0, vector, workspace=here.workspace)])
    finding = looked_at(here, "messages")
    assert (finding.rows, finding.held, finding.missing, finding.orphans) == (2, 2, [lost.id], ["orphan"])
    assert repaired(here, "messages") == Finding(rows=2, held=2)
    assert here.backends.vectors.held_messages(here.workspace, [lost.id, kept.id]) == {lost.id, kept.id}


def test_what_is_on_its_way_is_no_difference(here: Workplace):
    saves(here, "leaving", "stays")
    saves(here, "pending", is_indexed=False)
    conclude.delete_conclusion(here.backends, here.workspace, "leaving")
    here.says("s", ("ada", "I like tea."))
    finding = looked_at(here, "conclusions")
    assert finding == Finding(rows=2, held=2, pending=1, leaving=1)
    assert looked_at(here, "messages") == Finding(rows=1, pending=1)


def test_blank_message_needs_no_vector(here: Workplace):
    says(here, "  \n ")
    assert looked_at(here, "messages") == Finding(rows=1)


def test_missing_vectors_are_taken_from_the_other_store(here: Workplace, server: TurbopufferServer, place: Workplace):
    other = dual(place, server)
    saves(other, "a", "b")
    beside = external(place, server)
    beside.delete_conclusions(place.workspace, ["a"])
    finding = verify(place.backends, place.workspace, "conclusions", beside)
    assert finding.missing == ["a"]
    repair(place.backends, place.workspace, "conclusions", Subject(beside, (place.backends.vectors,)), finding)
    assert place.embedder.asked == []
    assert beside.held_conclusions(place.workspace, ["a", "b"]) == {"a", "b"}


def test_verbs_copy_compare_and_repair(place: Workplace, server: TurbopufferServer, capsys: pytest.CaptureFixture[str]):
    place.joins("s", ada=ObservationSettings())
    saves(place, "a", "b")
    stores = Stores(place.backends.vectors, external(place, server), is_migrated=False)
    backends = replace(place.configured(vector_store={"type": "turbopuffer", "turbopuffer_api_key": "k"}).backends)
    assert verb.verify(backends, stores, place.workspace, is_repaired=False) == 1
    said = capsys.readouterr().out
    assert [line.split()[1:] for line in said.splitlines() if "conclusions" in line] == [
        ["pgvector", "conclusions", "2", "2", "0", "0", "0", "0"],
        ["turbopuffer", "conclusions", "2", "0", "0", "0", "2", "0"],
    ]
    assert "'vectors verify --repair' makes them." in said
    assert verb.sync(backends, stores, place.workspace, is_again=False) == 0
    assert f"{place.workspace}: 2 conclusions, all of them" in capsys.readouterr().out
    assert verb.verify(backends, stores, place.workspace, is_repaired=False) == 0
    stores.postgres.delete_conclusions(place.workspace, ["a"])
    capsys.readouterr()
    assert verb.verify(backends, stores, place.workspace, is_repaired=True) == 0
    assert "after repair" in capsys.readouterr().out
    assert stores.postgres.held_conclusions(place.workspace, ["a"]) == {"a"}


def test_sync_without_another_store_says_so(place: Workplace, capsys: pytest.CaptureFixture[str]):
    stores = Stores(place.backends.vectors, None, is_migrated=False)
    assert verb.sync(place.backends, stores, None, is_again=False) == 1
    assert "there is no other store" in capsys.readouterr().err
