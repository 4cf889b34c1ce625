"""When a collection dreams by itself: after enough new facts, in a silence, not too often, and never for nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.errors import ModelUnavailable
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind, WakeUp
from shared.memory import dreams, scopes
from shared.memory.backfill import reconcile
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.dreams import DreamsDisabled, release_dreams
from shared.reasoning.dream import dream
from shared.store import dream_schedule, repair
from shared.store import dreams as stored
from shared.store.database import Connection
from tests.support.backends import AnsweringModel
from tests.support.dreaming import Dreamland, dreamland

FACTS = ("I live in Porto.", "I am allergic to nuts.", "I play the piano.")
IDLE, HOURS = timedelta(minutes=60), timedelta(hours=8)


@pytest.fixture(params=[True, False], ids=["pipelined", "singly"])
def land(database_dsn: str, owner_dsn: str, request: pytest.FixtureRequest) -> Iterator[Dreamland]:
    """Three new facts call for a dream."""
    sections = {"dream": {"document_threshold": 3}, "db": {"connection_uri": database_dsn, "pipeline": request.param}}
    with dreamland(database_dsn, owner_dsn, **sections) as place:
        yield place


def due_in(land: Dreamland, observer: str = "ada", observed: str = "ada") -> timedelta | None:
    due_at = land.schedule(observer, observed)["due_at"]
    return None if due_at is None else due_at - land.clock.now()


def released(land: Dreamland, **later: float) -> list[str]:
    """The units that are woken to dream, after so much time."""
    land.clock.advance(**later)
    release_dreams(land.backends)
    return [wake_up.unit.key for wake_up in land.queue.sent if wake_up.unit.kind is TaskKind.DREAM]


def test_collection_below_the_threshold_is_not_due(land: Dreamland):
    land.tells("ada", *FACTS[:2])
    assert due_in(land) is None
    assert released(land, minutes=600) == []


def test_collection_at_the_threshold_is_due_after_the_silence(land: Dreamland):
    land.tells("ada", *FACTS)
    assert due_in(land) == IDLE
    assert released(land, minutes=59.9) == []
    assert released(land, minutes=0.1) == ["dream::ada:ada"]
    assert due_in(land) is None
    [row] = land.dreams()
    assert (row["kind"], row["cause"], row["session"]) == ("omni", "threshold", "s")


def test_collection_said_the_same_again_is_not_nearer_to_a_dream(land: Dreamland):
    land.tells("ada", *FACTS[:2], *FACTS[:2], *FACTS[:2])
    assert land.schedule()["concluded"] == 2
    assert due_in(land) is None


def test_collection_of_what_a_client_concluded_counts_too(land: Dreamland):
    land.joins("s", ada=ObservationSettings())
    given = [GivenConclusion("ada", "ada", None, f"ada knows {n}") for n in range(3)]
    create_conclusions(land.backends, land.workspace, given)
    assert due_in(land) == IDLE


def test_collections_of_all_observers_are_due(land: Dreamland):
    land.joins("s", ada=ObservationSettings(), bob=ObservationSettings(observe_others=True))
    land.tells("ada", *FACTS)
    assert (due_in(land), due_in(land, "bob", "ada")) == (IDLE, IDLE)
    assert sorted(released(land, minutes=60)) == ["dream::ada:ada", "dream::bob:ada"]


def test_collection_of_a_scope_counts_what_it_takes_over(land: Dreamland):
    land.tells("ada", *FACTS)
    scopes.get_or_create(land.backends, land.workspace, "x", metadata=None)
    scopes.add_sessions(land.backends, land.workspace, "x", ["s"])
    for wake_up in land.queue.take(TaskKind.SCOPE):
        reconcile(land.backends, wake_up)
    assert land.schedule("scope.x", "ada")["concluded"] == 3
    assert due_in(land, "scope.x", "ada") == IDLE


def test_message_of_the_observed_peer_puts_the_dream_off(land: Dreamland):
    land.tells("ada", *FACTS)
    land.clock.advance(minutes=50)
    land.says("other", ("ada", "ok"))
    left = due_in(land)
    assert left is not None
    assert IDLE <= left <= IDLE * 1.1
    land.clock.advance(minutes=1)
    land.says("other", ("bob", "ok"))
    assert due_in(land) == left - timedelta(minutes=1)


def test_messages_in_a_row_move_the_due_time_once(land: Dreamland):
    land.tells("ada", *FACTS)
    land.clock.advance(minutes=1)
    land.says("s", ("ada", "ok"))
    before = land.schedule()["due_at"]
    land.clock.advance(minutes=5)
    land.says("s", ("ada", "ok"))
    assert land.schedule()["due_at"] == before
    land.clock.advance(minutes=2)
    land.says("s", ("ada", "ok"))
    assert land.schedule()["due_at"] > before


def test_message_where_nothing_is_due_makes_nothing_due(land: Dreamland):
    land.tells("ada", *FACTS[:2])
    land.says("s", ("ada", "ok"))
    assert due_in(land) is None


def test_collection_that_dreamt_waits_its_hours_and_counts_anew(land: Dreamland):
    land.tells("ada", *FACTS)
    released(land, minutes=60)
    land.dreams_out()
    assert (land.schedule()["dreamt"], land.schedule()["last_dream_at"]) == (3, land.clock.now())
    land.tells("ada", "I speak Greek.", "I have two sisters.")
    assert due_in(land) is None
    land.tells("ada", "I work as a nurse.")
    dreamt_at = land.schedule()["last_dream_at"]
    assert land.schedule()["due_at"] == dreamt_at + HOURS


def test_dream_counts_only_what_was_there_when_it_began(land: Dreamland):
    land.tells("ada", *FACTS)
    released(land, minutes=60)
    [wake_up] = land.queue.take(TaskKind.DREAM)
    model = land.backends.models.dream("induction")

    class Interrupted(AnsweringModel):
        """Ada goes on talking while it thinks."""

        def complete(self, request):
            if not self.requests:
                self.requests.append(request)
                land.tells("ada", "I speak Greek.", "I have two sisters.", "I work as a nurse.")
            return model.complete(request)

    thinking = Interrupted(lambda _: "")
    dream(land.dreaming_with(thinking).backends, wake_up)
    row = land.schedule()
    assert (row["concluded"], row["dreamt"]) == (6, 3)
    assert row["due_at"] == row["last_dream_at"] + HOURS


def test_dream_that_fails_does_not_count_and_is_tried_less_and_less_often(land: Dreamland):
    land.tells("ada", *FACTS)
    failing = land.dreaming_with(AnsweringModel(lambda _: str(1 // 0)))
    waits: list[timedelta] = []
    for _ in range(2):
        released(land, minutes=60 * 24)
        for _ in range(5):
            failing.dreams_out()
            land.clock.advance(minutes=1)
        assert land.dream_unit()["pending_items"] == 0
        row = land.schedule()
        assert (row["dreamt"], row["last_dream_at"]) == (0, None)
        land.tells("ada", f"I own {len(waits) + 2} boats.")
        waits.append(land.schedule()["not_before"] - land.clock.now())
    assert land.dream_unit()["parked_items"] == 2
    assert waits[0] < timedelta(hours=1) < waits[1] < timedelta(hours=2)
    land.clock.advance(minutes=60 * 24)
    assert released(land) == ["dream::ada:ada"]
    land.dreams_out()
    row = land.schedule()
    assert (row["failures"], row["dreamt"]) == (0, row["concluded"])


def test_dream_that_was_parked_and_taken_up_again_late_does_not_count_back(land: Dreamland):
    land.tells("ada", *FACTS)
    released(land, minutes=60)
    failing = land.dreaming_with(AnsweringModel(lambda _: str(1 // 0)))
    for _ in range(5):
        failing.dreams_out()
        land.clock.advance(minutes=1)
    assert land.dream_unit()["parked_items"] == 1
    land.tells("ada", "I speak Greek.", "I have two sisters.")
    land.asks_for()
    land.dreams_out()
    assert land.schedule()["dreamt"] == 5
    with land.backends.db.transaction() as conn:
        assert repair.retry_parked(conn, land.workspace, None, now=land.clock.now()) == 1
    land.dreams_out()
    assert land.dream_unit()["done_items"] == 2
    assert land.schedule()["dreamt"] == 5


def test_dream_in_an_outage_is_tried_until_it_is_over(land: Dreamland):
    land.tells("ada", *FACTS)
    released(land, minutes=60)
    away = land.dreaming_with(AnsweringModel(lambda _: (_ for _ in ()).throw(ModelUnavailable())))
    for _ in range(8):
        away.dreams_out()
        land.clock.advance(minutes=16)
    assert land.dream_unit()["parked_items"] == 0
    land.dreams_out()
    assert land.dream_unit()["done_items"] == 1
    assert land.schedule()["dreamt"] == 3


def test_release_while_the_collection_dreams_asks_for_no_second_dream(land: Dreamland):
    land.tells("ada", *FACTS)
    land.asks_for()
    released(land, minutes=60)
    assert len(land.dreams()) == 1
    assert land.dream_unit()["pending_items"] == 1


@pytest.mark.parametrize("sections", [{"dream": {"enabled": False}}, {"reasoning": {"enabled": False}}])
def test_release_where_the_workspace_does_not_dream_lets_it_be(land: Dreamland, sections: dict[str, object]):
    land.tells("ada", *FACTS)
    with land.backends.db.transaction() as conn:
        conn.execute("UPDATE workspaces SET configuration = %s WHERE name = %s", [Jsonb(sections), land.workspace])
    assert released(land, minutes=60) == []
    assert (due_in(land), land.dreams()) == (None, [])


def test_release_asks_for_each_enabled_kind(land: Dreamland):
    both = land.configured(dream={"enabled_types": ("omni", "card_refresh")})
    both.tells("ada", *FACTS)
    assert released(both, minutes=60) == ["dream::ada:ada"]
    assert [row["kind"] for row in both.dreams()] == ["omni", "card_refresh"]


def test_release_of_a_collection_that_fails_each_time_holds_up_no_other(
    land: Dreamland, monkeypatch: pytest.MonkeyPatch
):
    for peer in ("ada", "bob"):
        land.tells(peer, *FACTS, session=peer)
    request = stored.request

    def failing(conn: Connection, wanted: DreamRequest, *, now: datetime) -> list[WakeUp]:
        if wanted.collection.observed == "ada":
            raise ArithmeticError
        return request(conn, wanted, now=now)

    monkeypatch.setattr(stored, "request", failing)
    assert released(land, minutes=70) == ["dream::bob:bob"]
    assert (due_in(land) is not None, due_in(land, "bob", "bob")) == (True, None)
    monkeypatch.undo()
    assert released(land, minutes=1) == ["dream::bob:bob", "dream::ada:ada"]


@pytest.mark.parametrize("dream_settings", [{"enabled": False}, {"enabled_types": ()}])
def test_collection_where_the_server_does_not_dream_is_counted_and_never_due(
    land: Dreamland, dream_settings: dict[str, object]
):
    awake = land.configured(dream=dream_settings)
    awake.tells("ada", *FACTS)
    assert (awake.schedule()["concluded"], awake.schedule()["due_at"]) == (3, None)


def test_schedule_where_the_server_does_not_dream_is_refused(land: Dreamland):
    land.says("s", ("ada", "hello"))
    with pytest.raises(DreamsDisabled):
        land.configured(dream={"enabled": False}).asks_for()
    assert land.dreams() == []


def test_schedule_when_the_queue_is_away_is_owed(land: Dreamland):
    land.says("s", ("ada", "hello"))
    land.queue.is_down = True
    land.asks_for()
    land.queue.is_down = False
    land.clock.advance(seconds=6)
    land.dreams_out()
    assert land.dream_unit()["done_items"] == 1


def test_release_by_two_at_once_wakes_each_collection_once(land: Dreamland):
    land.tells("ada", *FACTS)
    land.clock.advance(minutes=60)
    with land.backends.db.reading() as conn:
        due = dream_schedule.due(conn, now=land.clock.now(), most=10)
    assert due == [Collection(land.workspace, "ada", "ada")]
    first, second = release_dreams(land.backends), release_dreams(replace(land.backends))
    assert (first, second) == (1, 0)
    assert len(dreams_of(land)) == 1


def dreams_of(land: Dreamland) -> list[str]:
    return [row["id"] for row in land.dreams()]


def test_schedule_names_the_unknown_workspace(land: Dreamland):
    with pytest.raises(dreams.NotFound, match="not found"):
        land.asks_for()
