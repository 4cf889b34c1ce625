"""Workers and writers that are at it while something is erased: they lose, are waited for, or come too late."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.conclusion import Collection, ConclusionDraft
from shared.domain.work import TaskKind
from shared.llm.types import Completion
from shared.memory import conclude, scopes
from shared.memory.erase import erase, erase_message
from shared.memory.indexing import index_messages
from shared.memory.planning import derive_gate
from shared.reasoning.derive import derive
from shared.reasoning.summarize import summarize
from shared.store import work
from shared.store.work import ClaimTerms
from tests.support.backends import THEN, AnsweringModel, Meddling
from tests.support.erasing import broken, do, repeated, repeating, settle
from tests.support.forgetting import FailingIndex
from tests.support.residue import residue
from tests.support.scripted_model import FixedModels


@pytest.fixture
def place(place):
    return repeating(place)


@pytest.fixture
def canary(place) -> str:
    """A word that no other test of the database says."""
    return f"zqcanary{place.workspace[2:]}"


def during(
    place, then: Callable[[], object], saying: Callable[[Completion], str] = repeated
) -> Callable[[Completion], str]:
    """An answer while which something happens, the first time."""
    left = [then]

    def answer(request: Completion) -> str:
        said = saying(request)
        if left:
            left.pop()()
        return said

    return answer


def erasing(place, message) -> Callable[[], None]:
    return lambda: erase_message(place.backends, place.workspace, message.session, message.id)


def test_derive_of_a_message_erased_meanwhile_is_lost_and_the_rest_is_read_again(place, canary, owner_dsn):
    said, _ = place.says("s", ("ada", canary), ("ada", "I row"))
    meddling = repeating(place, during(place, erasing(place, said)))
    [wake_up] = place.queue.take(TaskKind.DERIVE)
    derive(meddling.backends, wake_up)
    assert place.conclusions() == []
    assert place.unit_row(wake_up.unit)["lease_until"] is None
    assert place.claims(wake_up.unit) is None
    settle(place)
    assert residue(owner_dsn, canary, said.id) == {}
    assert [row["content"] for row in place.conclusions()] == ["I row"]
    assert broken(place) == {}


def test_answer_kept_for_a_worker_that_died_is_forgotten(place, canary, owner_dsn):
    said, _ = place.says("s", ("ada", canary), ("ada", "I row"))
    unit = place.unit("s", "ada")
    claimed = place.claims(unit)
    with place.backends.db.reading() as conn:
        work.keep_answer(conn, claimed, canary)
    assert "work_units" in residue(owner_dsn, canary)
    place.clock.advance(seconds=91)
    erasing(place, said)()
    settle(place)
    assert residue(owner_dsn, canary, said.id) == {}
    assert [row["content"] for row in place.conclusions()] == ["I row"]


def test_worker_that_comes_back_long_after_its_lease_finds_that_it_lost(place, canary, owner_dsn):
    """Nobody else has claimed its window meanwhile, and the erasure is over."""
    said, _ = place.says("s", ("ada", canary), ("ada", "I row"))
    [wake_up] = place.queue.take(TaskKind.DERIVE)

    def meanwhile() -> None:
        erasing(place, said)()
        place.clock.advance(seconds=91)
        settle(place, TaskKind.ERASE)

    derive(repeating(place, during(place, meanwhile)).backends, wake_up)
    assert residue(owner_dsn, canary, said.id) == {}
    settle(place)
    assert [row["content"] for row in place.conclusions()] == ["I row"]
    assert broken(place) == {}


def test_summary_of_a_message_erased_meanwhile_is_lost_and_written_again(place, canary, owner_dsn):
    said, *_ = place.says("s", ("ada", canary), *[("ada", f"line {number}") for number in range(9)])
    [wake_up] = place.queue.take(TaskKind.SUMMARY)
    summarize(repeating(place, during(place, erasing(place, said))).backends, wake_up)
    assert place.count("summaries") == 0
    settle(place)
    assert residue(owner_dsn, canary, said.id) == {}
    assert place.count("summaries") == 1


def test_summary_that_grows_from_one_erased_meanwhile_brings_nothing_of_it_back(place, canary, owner_dsn):
    """The worker has the earlier summary in mind when the erasure is over."""
    said, *_ = place.says("s", ("ada", canary), *[("ada", f"line {number}") for number in range(9)])
    settle(place)
    assert "summaries" in residue(owner_dsn, canary)
    place.says("s", *[("ada", f"more {number}") for number in range(10)])
    [wake_up] = place.queue.take(TaskKind.SUMMARY)

    def meanwhile() -> None:
        erasing(place, said)()
        place.clock.advance(seconds=91)
        settle(place, TaskKind.ERASE)
        assert residue(owner_dsn, canary) == {}

    told: list[str] = []

    def answer(request: Completion) -> str:
        told.append(str(request.turns))
        return repeated(request)

    summarize(repeating(place, during(place, meanwhile, answer)).backends, wake_up)
    assert canary in told[0]
    assert residue(owner_dsn, canary) == {}
    settle(place)
    assert place.count("summaries") == 2
    assert residue(owner_dsn, canary) == {}


@pytest.mark.parametrize("is_late", [False, True])
def test_index_of_a_message_erased_meanwhile_leaves_no_vector(place, canary, owner_dsn, is_late):
    said, _ = place.says("s", ("ada", canary), ("ada", "I row"))
    [wake_up] = place.queue.take(TaskKind.INDEX)
    left: list[int] = []

    def meanwhile() -> None:
        erasing(place, said)()
        if is_late:
            place.clock.advance(seconds=91)
            settle(place, TaskKind.ERASE)
        else:
            for erasure in place.queue.take(TaskKind.ERASE):
                erase(place.backends, erasure)
        left.append(place.count("messages"))

    models = FixedModels(AnsweringModel(repeated), Meddling(place.embedder, meanwhile))
    index_messages(replace(place.backends, models=models), wake_up)
    # One that still has its lease is waited for: its vectors will come.
    assert left == [1 if is_late else 2]
    settle(place)
    assert residue(owner_dsn, canary, said.id) == {}
    assert place.count("message_search") == 1
    assert broken(place) == {}


def test_claim_that_began_before_the_erasure_is_waited_for(place, canary):
    """It is not committed yet when the worker that erases looks."""
    [said] = place.says("s", ("ada", canary))
    unit = place.unit("s", "ada")
    terms = ClaimTerms(derive_gate(place.backends.settings), 1024, timedelta(seconds=90))
    with place.backends.db.transaction() as conn:
        assert work.claim(conn, unit, terms, now=place.clock.now()) is not None
        erasing(place, said)()
        [wake_up] = place.queue.take(TaskKind.ERASE)
        worker = threading.Thread(target=erase, args=(place.backends, wake_up))
        worker.start()
        worker.join(0.3)
        assert worker.is_alive()
    worker.join()
    assert place.count("messages") == 1
    assert place.unit_row(wake_up.unit)["due_at"] == place.clock.moment + timedelta(seconds=5)


def test_claim_that_sees_the_erasure_only_at_its_second_look_claims_nothing(place, canary):
    """What a claim sees first may be older than the lock it waits for."""
    [said] = place.says("s", ("ada", canary))
    unit = place.unit("s", "ada")
    claimed: list[object] = []
    with place.backends.db.transaction() as conn:
        conn.execute("SELECT FROM work_units WHERE workspace = %s FOR UPDATE", [place.workspace])
        claimer = threading.Thread(target=lambda: claimed.append(place.claims(unit)))
        claimer.start()
        claimer.join(0.3)
        assert claimed == []
        erasing(place, said)()
    claimer.join()
    assert claimed == [None]
    row = place.unit_row(unit)
    assert (row["lease_until"], row["due_at"]) == (None, place.clock.moment + work.HELD_PAUSE)


def test_claim_that_waits_while_the_erasure_ends_is_looked_at_again(place, canary):
    """It still sees the erasure when it gets its row, and nobody will wake it for that any more."""
    said, _ = place.says("s", ("ada", canary), ("ada", "I row"))
    unit, claimed = place.unit("s", "ada"), list[object]()
    erasing(place, said)()
    with place.backends.db.transaction() as conn:
        conn.execute(
            "SELECT FROM work_units WHERE workspace = %s AND unit = %s FOR UPDATE", [place.workspace, unit.key]
        )
        claimer = threading.Thread(target=lambda: claimed.append(place.claims(unit)))
        claimer.start()
        claimer.join(0.3)
        conn.execute("DELETE FROM work_items WHERE workspace = %s AND starts_with(unit, 'erase:')", [place.workspace])
        conn.execute("DELETE FROM work_units WHERE workspace = %s AND kind = 'erase'", [place.workspace])
    claimer.join()
    assert claimed == [None]
    assert place.unit_row(unit)["due_at"] == place.clock.moment + work.HELD_PAUSE


def test_work_lost_to_erasures_is_no_failure_and_goes_on_at_once(place, canary):
    said = place.says("s", *[("ada", f"{canary} {number}") for number in range(9)], ("ada", "I row"))
    for message in said[:8]:
        [wake_up] = place.queue.take(TaskKind.DERIVE)
        derive(repeating(place, during(place, erasing(place, message))).backends, wake_up)
        row = place.unit_row(wake_up.unit)
        assert (row["failures"], row["attempts"], row["parked_items"]) == (0, 0, 0)
        for erasure in place.queue.take(TaskKind.ERASE):
            erase(place.backends, erasure)
    [wake_up] = place.queue.take(TaskKind.DERIVE)
    derive(place.backends, wake_up)
    assert len(place.conclusions()) == 2


def test_scope_that_gets_a_session_while_something_is_erased_from_it_gets_the_rest(place, canary, owner_dsn):
    scopes.get_or_create(place.backends, place.workspace, "team", metadata=None)
    said, _ = place.says("s", ("ada", canary), ("ada", "I row"))
    settle(place)
    erasing(place, said)()
    scopes.add_sessions(place.backends, place.workspace, "team", ["s"])
    [wake_up] = place.queue.take(TaskKind.SCOPE)
    do(place, wake_up)
    assert {row["observer"] for row in place.conclusions()} == {"ada"}
    settle(place)
    assert residue(owner_dsn, canary) == {}
    assert sorted(row["observer"] for row in place.conclusions()) == ["ada", "scope.team"]


def test_conclusion_from_a_premise_erased_meanwhile_is_not_saved(place, canary):
    [said] = place.says("s", ("ada", canary))
    settle(place)
    [fact] = place.conclusions()
    draft = ConclusionDraft("more", "deductive", None, (), THEN, source_ids=(fact["id"],))
    saving = conclude.prepare(place.backends, place.workspace, "ada", ["ada"], [draft])
    erasing(place, said)()
    settle(place)
    with place.backends.db.transaction() as conn:
        assert saving.write(place.backends, conn) == []


def test_conclusion_saved_while_its_premise_goes_is_taken_with_it(place, canary):
    """Between the look at what rests on the premise and its end somebody concludes from it."""
    [said] = place.says("s", ("ada", canary))
    settle(place)
    [fact] = place.conclusions()
    drafts = [ConclusionDraft("more", "deductive", None, (), THEN, source_ids=(fact["id"],))]
    saving = conclude.prepare(place.backends, place.workspace, "ada", ["ada"], drafts)
    inner = place.backends.vectors
    is_locked = threading.Event()

    class Overlapping(FailingIndex):
        def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None:
            if not is_locked.is_set():
                is_locked.set()
                with place.backends.db.transaction() as conn:
                    # As one who looked a moment before the premise was hidden.
                    conn.execute("UPDATE conclusions SET deleted_at = NULL WHERE id = %s", [fact["id"]])
                    assert len(saving.write(place.backends, conn)) == 1
            inner.delete_conclusions(workspace, ids)

    erasing(place, said)()
    [wake_up] = place.queue.take(TaskKind.ERASE)
    erase(replace(place.backends, vectors=Overlapping(inner, 0)), wake_up)
    everywhere = Collection(place.workspace, "ada", "ada")
    assert place.rows("SELECT id FROM conclusions WHERE workspace = %(workspace)s") == []
    assert inner.nearest_conclusions(everywhere, place.embedder.embed(["more"]), k=3) == [[]]
