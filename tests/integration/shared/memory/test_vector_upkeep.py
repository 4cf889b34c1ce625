"""What the index is owed: brought and taken out in the end, whatever was away, and paid for once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import LiteralString

import pytest

from shared.domain.conclusion import Collection
from shared.domain.errors import IndexUnavailable, ModelRefused
from shared.domain.session import ObservationSettings
from shared.domain.vector import Vector
from shared.domain.work import TaskKind
from shared.llm.failures import Objection
from shared.memory import conclude
from shared.memory.indexing import index_messages
from shared.memory.relay import relay
from shared.memory.vector_upkeep import index_pending, remove_hidden
from shared.store import conclusions, index_state
from tests.support.backends import TinyEmbedder
from tests.support.scripted_model import FixedModels, ScriptedModel
from tests.support.stores import dual, external, migrated, saves, vectors_of
from tests.support.turbopuffer_server import Failure, TurbopufferServer
from tests.support.workplace import Workplace

STATE: LiteralString = """
SELECT id, indexed_at IS NOT NULL AS is_indexed, index_attempts, index_due_at FROM conclusions
 WHERE workspace = %(workspace)s ORDER BY id
"""
OWED: LiteralString = "SELECT conclusion FROM vector_removals WHERE workspace = %(workspace)s ORDER BY conclusion"


@pytest.fixture
def server() -> Iterator[TurbopufferServer]:
    with TurbopufferServer() as running:
        yield running


@pytest.fixture
def here(place: Workplace) -> Workplace:
    """A workspace with session s, of which ada is a member; nothing of earlier tests is pending."""
    place.joins("s", ada=ObservationSettings())
    with place.backends.db.transaction() as conn:
        conn.execute("DELETE FROM vector_removals")
        conn.execute("UPDATE conclusions SET indexed_at = now() WHERE indexed_at IS NULL")
    return place


def states(place: Workplace) -> dict[str, bool]:
    return {row["id"]: row["is_indexed"] for row in place.rows(STATE)}


def found(place: Workplace, text: str, k: int = 9) -> list[str]:
    [vector] = vectors_of(place, text).values()
    [hits] = place.backends.vectors.nearest_conclusions(Collection(place.workspace, "ada", "ada"), [vector], k=k)
    return [hit.id for hit in hits]


class Refusing(TinyEmbedder):
    """Refuses any request with this text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.text in texts:
            raise Objection("refused", "too rude")
        return super().embed(texts)


def test_conclusion_without_a_vector_gets_one_in_postgres_too(here: Workplace):
    saves(here, "fact", is_indexed=False)
    assert index_pending(here.backends) == 0, "its worker may still be at it"
    here.clock.advance(minutes=3)
    assert index_pending(here.backends) == 1
    assert found(here, "fact") == ["fact"]
    assert index_pending(here.backends) == 0


def test_store_that_is_away_costs_no_embedding_and_gets_everything_when_it_is_back(
    here: Workplace, server: TurbopufferServer
):
    place = migrated(here, server)
    server.down()
    saves(place, "one", "two")
    assert states(place) == {"one": False, "two": False}
    place.clock.advance(minutes=3)
    for _ in range(3):
        with pytest.raises(IndexUnavailable):
            index_pending(place.backends)
    assert place.embedder.asked == []
    server.up()
    assert index_pending(place.backends) == 2
    assert states(place) == {"one": True, "two": True}
    assert sorted(server.documents()) == ["one", "two"]
    assert [row["index_attempts"] for row in place.rows(STATE)] == [0, 0]


def test_second_store_that_was_away_takes_the_vectors_of_the_first(here: Workplace, server: TurbopufferServer):
    place = dual(here, server)
    server.failure = Failure(503)
    saves(place, "fact")
    assert found(place, "fact") == ["fact"], "what is read is whole"
    assert states(place) == {"fact": False}
    server.failure = None
    place.clock.advance(minutes=3)
    assert index_pending(place.backends) == 1
    assert place.embedder.asked == []
    assert list(server.documents()) == ["fact"]
    assert states(place) == {"fact": True}


def test_model_that_refuses_us_is_asked_once_and_has_everything_as_soon_as_it_does_not(here: Workplace):
    class Locked(TinyEmbedder):
        is_locked, times = True, 0

        def embed(self, texts: Sequence[str]) -> list[Vector]:
            self.times += 1
            if self.is_locked:
                raise ModelRefused("HTTP 401")
            return super().embed(texts)

    locked = Locked()
    place = replace(here, backends=replace(here.backends, models=FixedModels(ScriptedModel([]), locked)))
    other = replace(place, workspace=f"{place.workspace}-other")
    other.joins("s", ada=ObservationSettings())
    for one in (place, other):
        saves(one, "a", "b", "c", is_indexed=False)
    place.clock.advance(minutes=3)
    assert index_pending(place.backends) == 0
    assert locked.times == 1
    locked.is_locked = False
    assert index_pending(place.backends) == 6
    assert states(place) == states(other) == dict.fromkeys("abc", True)


def test_text_that_the_model_refuses_holds_up_no_other_and_is_never_given_up(here: Workplace):
    refusing = Refusing("rude")
    place = replace(here, backends=replace(here.backends, models=FixedModels(ScriptedModel([]), refusing)))
    saves(place, "a", "b", "rude", "c", is_indexed=False)
    place.clock.advance(minutes=3)
    index_pending(place.backends)
    assert states(place) == {"a": True, "b": True, "c": True, "rude": False}
    pauses: list[float] = []
    for _ in range(12):
        [waiting] = [row for row in place.rows(STATE) if not row["is_indexed"]]
        pauses.append((waiting["index_due_at"] - place.clock.now()).total_seconds())
        assert index_pending(place.backends) == 0, "not before its time"
        place.clock.advance(seconds=pauses[-1])
        assert index_pending(place.backends) == 1
    assert pauses[:4] == [300, 600, 1200, 2400]
    assert pauses[-1] == 86_400
    with place.backends.db.reading() as conn:
        gauge = index_state.gauge(conn, before=place.clock.now() - index_state.GRACE)
    assert (gauge.pending, gauge.refused) == (1, 1)
    refusing.text = ""
    place.clock.advance(minutes=24 * 60)
    index_pending(place.backends)
    assert states(place)["rude"]


def test_pause_of_what_is_refused_is_what_the_settings_say(here: Workplace):
    place = here.configured(vector_store={"reconciliation_interval_seconds": 7})
    place = replace(place, backends=replace(place.backends, models=FixedModels(ScriptedModel([]), Refusing("rude"))))
    saves(place, "rude", is_indexed=False)
    place.clock.advance(minutes=3)
    index_pending(place.backends)
    [waiting] = place.rows(STATE)
    assert (waiting["index_due_at"] - place.clock.now()).total_seconds() == 7


def test_vector_that_the_store_refuses_holds_up_no_other(here: Workplace, server: TurbopufferServer):
    place = migrated(here, server)
    too_long = "x" * 65
    saves(place, "a", too_long, "b", is_indexed=False)
    place.clock.advance(minutes=3)
    index_pending(place.backends)
    assert states(place) == {"a": True, "b": True, too_long: False}
    assert sorted(server.documents()) == ["a", "b"]


def test_vector_of_a_deleted_conclusion_leaves_the_index(here: Workplace, server: TurbopufferServer):
    place = migrated(here, server)
    saves(place, "gone", "kept")
    conclude.delete_conclusion(place.backends, place.workspace, "gone")
    assert remove_hidden(place.backends) == 0, "somebody may still be bringing it"
    place.clock.advance(minutes=6)
    server.down()
    with pytest.raises(IndexUnavailable):
        remove_hidden(place.backends)
    server.up()
    assert remove_hidden(place.backends) == 1
    assert list(server.documents()) == ["kept"]
    assert place.rows(OWED) == []
    assert remove_hidden(place.backends) == 0


def test_conclusion_that_came_back_while_its_vector_went_is_indexed_again(here: Workplace):
    saves(here, "back")
    conclude.delete_conclusion(here.backends, here.workspace, "back")
    with here.backends.db.transaction() as conn:
        values = {"workspace": here.workspace}
        conn.execute("UPDATE conclusions SET deleted_at = NULL WHERE workspace = %(workspace)s", values)
        conclusions.mark_indexed(conn, here.workspace, ["back"], here.clock.now())
    here.clock.advance(minutes=6)
    remove_hidden(here.backends)
    assert states(here) == {"back": False}
    index_pending(here.backends)
    assert found(here, "back") == ["back"]


def test_messages_wait_for_a_store_that_is_away_and_are_embedded_once_more_at_most(
    here: Workplace, server: TurbopufferServer
):
    place = migrated(here, server)
    server.failure = Failure(503, {"Retry-After": "100"})
    place.says("s", ("ada", "I like tea."), ("ada", "I like rain."))
    [wake_up] = place.queue.take(TaskKind.INDEX)
    index_messages(place.backends, wake_up)
    assert place.unit_row(wake_up.unit)["due_at"] >= place.clock.now(), "put off, as long as the server asked"
    for _ in range(3):
        place.clock.advance(minutes=20)
        relay(place.backends)
        for again in place.queue.take(TaskKind.INDEX):
            index_messages(place.backends, again)
    assert len(place.embedder.asked) == 2
    server.failure = None
    place.clock.advance(minutes=20)
    relay(place.backends)
    for again in place.queue.take(TaskKind.INDEX):
        index_messages(place.backends, again)
    assert len(server.documents()) == 2
    assert place.unit_row(wake_up.unit)["pending_items"] == 0
    assert place.unit_row(wake_up.unit)["parked_items"] == 0


def test_messages_of_two_stores_are_embedded_once_though_the_second_was_away(
    here: Workplace, server: TurbopufferServer
):
    place = dual(here, server)
    server.down()
    [message] = place.says("s", ("ada", "I like tea."))
    [wake_up] = place.queue.take(TaskKind.INDEX)
    index_messages(place.backends, wake_up)
    assert place.backends.vectors.held_messages(place.workspace, [message.id]) == {message.id}
    server.up()
    place.clock.advance(minutes=20)
    relay(place.backends)
    for again in place.queue.take(TaskKind.INDEX):
        index_messages(place.backends, again)
    assert place.embedder.asked == ["I like tea."]
    assert external(place, server).held_messages(place.workspace, [message.id]) == {message.id}
