"""Workers and writers that are at it while a session is deleted: they lose, and leave nothing behind."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.conclusion import Collection
from shared.domain.errors import NotFound
from shared.domain.work import TaskKind
from shared.memory import conclude, forget
from shared.memory.forget import delete_session
from shared.memory.indexing import index_messages
from shared.reasoning.derive import derive
from shared.reasoning.summarize import summarize
from shared.store import conclusions
from shared.store import sessions as stored_sessions
from shared.store.conclusions import NewConclusion
from tests.support.backends import THEN, AnsweringModel, Meddling, facts
from tests.support.forgetting import FailingIndex, forgets, furnishes
from tests.support.residue import residue
from tests.support.scripted_model import FixedModels


def during(place, then: Callable[[], None], answer: str) -> FixedModels:
    """A model while whose answer is made something happens."""

    def answering(_) -> str:
        then()
        return answer

    return FixedModels(AnsweringModel(answering), place.embedder)


def test_derive_of_a_session_deleted_meanwhile_is_lost_and_holds_up_its_purge_no_longer(place, owner_dsn):
    place = place.configured(deriver={"flush_enabled": True})
    place.says("s", ("ada", "canary"))
    models = during(place, lambda: delete_session(place.backends, place.workspace, "s"), facts("canary fact"))
    [wake_up] = place.queue.take(TaskKind.DERIVE)
    derive(replace(place.backends, models=models), wake_up)
    assert place.conclusions() == []
    assert place.unit_row(wake_up.unit)["lease_until"] is None
    [gone] = place.queue.take(TaskKind.FORGET)
    forget.forget(place.backends, gone)
    assert residue(owner_dsn, "canary") == {}


@pytest.mark.parametrize("kind", [TaskKind.DERIVE, TaskKind.SUMMARY, TaskKind.INDEX])
def test_worker_of_a_session_forgotten_and_made_anew_meanwhile_writes_nothing(place, owner_dsn, kind):
    """Its lease is long over, and there are units of the same names again."""
    sections = {"messages_per_short_summary": 10, "messages_per_long_summary": 20}
    place = place.configured(deriver={"flush_enabled": True}, summary=sections)
    place.says("s", *[("ada", f"zqcanary {number}") for number in range(10)])
    [wake_up] = place.queue.take(kind)

    def meanwhile() -> None:
        delete_session(place.backends, place.workspace, "s")
        place.clock.advance(seconds=91)
        forgets(place)
        place.says("s", *[("ada", f"line {number}") for number in range(10)])

    if kind is TaskKind.INDEX:
        models = FixedModels(AnsweringModel(lambda _: ""), Meddling(place.embedder, meanwhile))
    else:
        models = during(place, meanwhile, facts("zqcanary") if kind is TaskKind.DERIVE else "a zqcanary")
    work = {TaskKind.DERIVE: derive, TaskKind.SUMMARY: summarize, TaskKind.INDEX: index_messages}[kind]
    work(replace(place.backends, models=models), wake_up)
    assert residue(owner_dsn, "zqcanary") == {}
    assert (place.count("conclusions"), place.count("summaries")) == (0, 0)
    assert place.backends.vectors.listed_messages(place.workspace, after="", most=99).ids == []


def test_summary_of_a_session_deleted_meanwhile_is_lost(place):
    place = place.configured(summary={"messages_per_short_summary": 10, "messages_per_long_summary": 20})
    place.says("s", *[("ada", f"line {number}") for number in range(10)])
    models = during(place, lambda: delete_session(place.backends, place.workspace, "s"), "a summary")
    [wake_up] = place.queue.take(TaskKind.SUMMARY)
    summarize(replace(place.backends, models=models), wake_up)
    assert place.count("summaries") == 0


def test_index_of_a_session_deleted_meanwhile_leaves_no_vector(place, owner_dsn):
    [said] = place.says("s", ("ada", "canary"))

    class Deleting(type(place.embedder)):
        def embed(self, texts):
            delete_session(place.backends, place.workspace, "s")
            return super().embed(texts)

    [wake_up] = place.queue.take(TaskKind.INDEX)
    models = FixedModels(AnsweringModel(lambda _: ""), Deleting())
    index_messages(replace(place.backends, models=models), wake_up)
    assert place.count("message_search") == 0
    forgets(place)
    assert residue(owner_dsn, "canary", said.id) == {}


def test_forget_waits_for_a_worker_until_its_lease_is_over(place):
    place.says("s", ("ada", "hello"))
    unit = place.unit("s", kind=TaskKind.INDEX)
    assert place.claims(unit) is not None
    delete_session(place.backends, place.workspace, "s")
    [wake_up] = place.queue.take(TaskKind.FORGET)
    forget.forget(place.backends, wake_up)
    assert place.count("messages") == 1
    assert place.unit_row(wake_up.unit)["due_at"] == place.clock.moment + timedelta(seconds=5)
    place.clock.advance(seconds=91)
    assert place.claims(unit) is None
    forgets(place)
    assert (place.count("messages"), place.count("sessions")) == (0, 0)


def test_work_on_a_session_being_deleted_is_not_claimed(place):
    place.says("s", ("ada", "hello"))
    delete_session(place.backends, place.workspace, "s")
    assert place.claims(place.unit("s", kind=TaskKind.INDEX)) is None
    assert place.unit_row(place.unit("s", kind=TaskKind.INDEX))["due_at"] is None


def test_conclusion_saved_while_its_session_goes_leaves_no_vector(place):
    place.says("s", ("ada", "hello"))
    new = NewConclusion("late", "ada", "ada", "s", "explicit", "late", "late", True, (), (), (), THEN)
    with place.backends.db.transaction() as conn:
        [saved] = conclusions.save(conn, place.workspace, [new], THEN)
    delete_session(place.backends, place.workspace, "s")
    forgets(place)
    # The worker that saved it comes to its vector only now.
    conclude.index(place.backends, [saved], {"late": place.embedder.embed(["late"])[0]})
    everywhere = Collection(place.workspace, "ada", "ada")
    assert place.backends.vectors.nearest_conclusions(everywhere, place.embedder.embed(["late"]), k=1) == [[]]


def test_conclusion_whose_vector_comes_while_it_goes_leaves_none(place):
    place.says("s", ("ada", "hello"))
    new = NewConclusion("late", "ada", "ada", "s", "explicit", "late", "late", True, (), (), (), THEN)
    with place.backends.db.transaction() as conn:
        [saved] = conclusions.save(conn, place.workspace, [new], THEN)
    vectors = {"late": place.embedder.embed(["late"])[0]}
    inner = place.backends.vectors

    class Overlapping(FailingIndex):
        """Between the deletion of a vector and that of its row the worker comes with it."""

        def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None:
            inner.delete_conclusions(workspace, ids)
            conclude.index(place.backends, [saved], vectors)

    delete_session(place.backends, place.workspace, "s")
    [wake_up] = place.queue.take(TaskKind.FORGET)
    forget.forget(replace(place.backends, vectors=Overlapping(inner, 0)), wake_up)
    everywhere = Collection(place.workspace, "ada", "ada")
    assert inner.nearest_conclusions(everywhere, [vectors["late"]], k=1) == [[]]
    assert place.count("sessions") == 0


def test_transaction_that_loses_what_it_refers_to_is_tried_again(place):
    """A writer that saw a session in the moment before it was gone makes it anew, or learns that it is not there."""
    place.says("s", ("ada", "hello"))
    tried: list[str] = []

    def work(conn) -> None:
        tried.append("missing" if not tried else "s")
        values = (place.workspace, tried[-1], "bob")
        conn.execute("INSERT INTO peers (workspace, name, uid) VALUES (%s, 'bob', '1')", values[:1])
        conn.execute("INSERT INTO members (workspace, session, peer) VALUES (%s, %s, %s)", values)

    place.backends.db.run(work)
    assert (tried, place.count("members")) == (["missing", "s"], 2)


def test_racing_writers_and_the_purge_leave_all_or_nothing(place, owner_dsn):
    """Writers that come while a session is deleted are refused, or write a new one: nothing is half there."""
    place.says("s", ("ada", "hello"))
    written: list[int] = []
    failed: list[BaseException] = []

    def write() -> None:
        for _ in range(30):
            try:
                written.append(len(place.says("s", ("ada", "again"))))
            except NotFound:
                written.append(0)
            except BaseException as error:
                failed.append(error)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    delete_session(place.backends, place.workspace, "s")
    while any(writer.is_alive() for writer in writers):
        for wake_up in place.queue.take(TaskKind.FORGET):
            forget.forget(place.backends, wake_up)
        for writer in writers:
            writer.join(0.01)
    assert failed == []
    with place.backends.db.reading() as conn:
        found = stored_sessions.get(conn, place.workspace, "s")
    if found is not None and found.is_active:
        row = place.rows("SELECT count(*) AS n, max(seq) AS last FROM messages WHERE workspace = %(workspace)s")[0]
        assert row["n"] == row["last"]
        delete_session(place.backends, place.workspace, "s")
    forgets(place)
    assert place.count("messages") == 0


def test_forget_delivered_twice_at_once_is_done_once(place, owner_dsn):
    furnishes(place, "s", "canary")
    delete_session(place.backends, place.workspace, "s")
    [wake_up] = place.queue.take(TaskKind.FORGET)
    workers = [threading.Thread(target=forget.forget, args=(place.backends, wake_up)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert residue(owner_dsn, "canary") == {}
