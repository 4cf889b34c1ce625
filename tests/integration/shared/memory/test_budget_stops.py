"""What a hard budget stops waits, says so, and goes on by itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import LiteralString

import pytest
from pydantic import SecretStr

from shared.domain.errors import BudgetExhausted, Invalid
from shared.domain.spending import Budget, Limit, Spent
from shared.domain.status import Counts
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.llm.types import Completion, Reply, Usage, UserTurn
from shared.memory import budgets, webhooks
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.indexing import index_messages
from shared.memory.metering import RunningTab, metered
from shared.memory.relay import relay
from shared.memory.search import search
from shared.memory.status import queue_status
from shared.memory.vector_upkeep import index_pending
from shared.reasoning import dialectic
from shared.reasoning.derive import derive
from shared.reasoning.dialectic import Question
from shared.store import status
from tests.support.backends import AnsweringModel
from tests.support.metering import (
    FACT,
    MOST,
    calls,
    derives,
    free_embeddings,
    indexes,
    limit,
    priced,
    says_much,
    wake_ups,
)
from tests.support.workplace import Workplace

EVENTS: LiteralString = "SELECT type, data FROM webhook_events WHERE workspace = %(workspace)s ORDER BY seq"
JUNE = datetime(2031, 6, 1, tzinfo=UTC)


@pytest.fixture
def place(place: Workplace, tmp_path) -> Workplace:
    """Writing costs a dollar for a thousand tokens, embedding nothing."""
    return free_embeddings(place, tmp_path)


@pytest.fixture
def stopped(place: Workplace) -> WorkUnit:
    """A unit that was derived once, which leaves too little for a second time."""
    limit(place.backends, place.workspace, hard=MOST)
    unit = says_much(place)
    assert derives(place, unit, Reply(FACT, usage=Usage(10, 2000))) == 1
    says_much(place)
    assert derives(place, unit) == 0
    return unit


def reason_of(place: Workplace, unit: WorkUnit) -> str:
    with place.backends.db.reading() as conn:
        [found] = [one for one in status.waiting(conn, now=place.clock.moment, most=99) if one.unit == unit.key]
    assert found.due_at is not None
    return found.reason


def test_work_without_room_waits_for_the_next_period_and_says_so(place: Workplace, stopped: WorkUnit):
    row = place.unit_row(stopped)
    assert (row["attempts"], row["failures"], row["lease_until"]) == (0, 0, None)
    assert (row["due_at"], row["stopped_usd"]) == (JUNE, MOST)
    assert row["error"] == (
        "BudgetExhausted: the budget of 5.12 US dollars per month has no room for this call;"
        " it begins anew at 2031-06-01T00:00:00Z"
    )
    assert reason_of(place, stopped) == "budget"
    assert queue_status(place.backends, place.workspace, sender="ada").total == Counts(1, 0, 1)


def test_stopped_work_is_never_parked_however_often_it_is_tried(place: Workplace, stopped: WorkUnit):
    for _ in range(12):
        place.rows("UPDATE work_units SET is_woken = true WHERE workspace = %(workspace)s RETURNING unit")
        assert derives(place, stopped) == 0
    assert [item["state"] for item in place.items(stopped)] == ["finished", "pending"]
    assert place.unit_row(stopped)["attempts"] == 0


def test_new_messages_do_not_wake_what_waits_for_money(place: Workplace, stopped: WorkUnit):
    wake_ups(place, TaskKind.DERIVE)
    says_much(place)
    assert stopped not in wake_ups(place, TaskKind.DERIVE)
    assert place.unit_row(stopped)["due_at"] == JUNE
    assert reason_of(place, stopped) == "budget"


def raised(place: Workplace) -> None:
    limit(place.backends, place.workspace, hard=MOST + 2)


def lifted(place: Workplace) -> None:
    budgets.remove(place.backends, place.workspace)


def begun_anew(place: Workplace) -> None:
    place.clock.moment = JUNE


@pytest.mark.parametrize("change", [raised, lifted, begun_anew])
def test_stopped_work_goes_on_by_itself_when_there_is_room_again(
    place: Workplace, stopped: WorkUnit, change: Callable[[Workplace], None]
):
    place.queue.take()
    budgets.resume(place.backends)
    relay(place.backends)
    assert stopped not in wake_ups(place, TaskKind.DERIVE)
    change(place)
    budgets.resume(place.backends)
    relay(place.backends)
    assert stopped in wake_ups(place, TaskKind.DERIVE)
    assert derives(place, stopped, FACT) == 1
    assert place.unit_row(stopped)["pending_items"] == 0
    assert place.unit_row(stopped)["stopped_usd"] is None


def test_work_that_only_waited_for_what_others_had_reserved_goes_on_when_they_paid_less(place: Workplace):
    limit(place.backends, place.workspace, hard=MOST + 1)
    first, second = says_much(place), says_much(place, peer="bob")
    waiting: list[str] = []

    def during(_: object) -> str:
        # While the first call is under way there is no room for another.
        assert derives(place, second) == 0
        waiting.append(reason_of(place, second))
        budgets.resume(place.backends)
        assert place.unit_row(second)["due_at"] == JUNE
        return FACT

    model = AnsweringModel(during)
    model.name = "scripted/1"
    derive(place.served_by(model), place.wake_up(first))
    assert waiting == ["budget"]
    budgets.resume(place.backends)
    assert place.unit_row(second)["due_at"] == place.clock.moment


def test_indexing_without_room_finds_words_at_once_and_vectors_later(place: Workplace, tmp_path):
    place = priced(place, tmp_path)
    place.says("s", ("ada", "I like tea."))
    limit(place.backends, place.workspace, hard=0)
    unit = indexes(place)
    index_messages(place.backends, place.wake_up(unit))
    assert place.embedder.asked == []
    assert reason_of(place, unit) == "budget"
    [found] = search(place.backends, workspace=place.workspace, query="tea", limit=3)
    assert found.content == "I like tea."
    limit(place.backends, place.workspace, hard=5)
    relay(place.backends)
    index_messages(place.backends, place.wake_up(unit))
    assert place.embedder.asked == ["I like tea."]


def test_conclusions_left_without_vectors_wait_for_their_own_workspace_only(place: Workplace, tmp_path):
    place = priced(place, tmp_path)
    rich = replace(place, workspace=f"{place.workspace}-rich")
    for one in (place, rich):
        one.says("s", ("ada", "hello"))
        create_conclusions(one.backends, one.workspace, [GivenConclusion("ada", "ada", "s", f"of {one.workspace}")])
        lost = one.rows("UPDATE conclusions SET indexed_at = NULL WHERE workspace = %(workspace)s RETURNING id")
        # What the index has already costs nothing to bring again.
        one.backends.vectors.delete_conclusions(one.workspace, [row["id"] for row in lost])
    limit(place.backends, place.workspace, hard=0)
    place.clock.advance(minutes=5)
    assert index_pending(place.backends) == 1
    left = [one.rows("SELECT indexed_at FROM conclusions WHERE workspace = %(workspace)s") for one in (place, rich)]
    assert [rows[0]["indexed_at"] is None for rows in left] == [True, False]


def test_question_without_room_is_refused_with_a_sentence(place: Workplace):
    limit(place.backends, place.workspace, hard=1)
    backends, model = place.asks()
    question = Question(place.workspace, "ada", "ada", "What do I drink?", "medium")
    with pytest.raises(BudgetExhausted, match="of 1 US dollars per month has no room for this call"):
        dialectic.answer(backends, question)
    with pytest.raises(BudgetExhausted):
        next(dialectic.stream(backends, question))
    assert model.requests == []


def test_model_without_a_price_is_not_asked_under_a_hard_budget(place: Workplace):
    limit(place.backends, place.workspace, hard=100)
    unit = says_much(place)
    backends, model = place.asks(FACT)
    model.name = "custom/mystery"
    derive(backends, place.wake_up(unit))
    row = place.unit_row(unit)
    assert row["error"].endswith("custom/mystery has no price: give it one in USAGE_PRICES_FILE")
    assert row["due_at"] == place.clock.moment + timedelta(hours=1)
    budgets.resume(place.backends)
    assert place.unit_row(unit)["due_at"] == place.clock.moment + timedelta(hours=1)
    limit(place.backends, place.workspace, hard=None, soft=1)
    assert place.unit_row(unit)["due_at"] == place.clock.moment
    derive(backends, WakeUp(unit, 9))
    assert [call["usd"] for call in calls(place) if call["feature"] == "derive"] == [None]


def test_server_s_own_budget_limits_who_has_none(place: Workplace):
    place = place.configured(budget={"hard_usd_per_day": Decimal(1)})
    assert derives(place, says_much(place)) == 0
    assert place.unit_row(place.unit("s", "ada"))["due_at"] == datetime(2031, 5, 7, tzinfo=UTC)
    budgets.put(place.backends, place.workspace, Budget())
    assert derives(place, place.unit("s", "ada"), FACT) == 1


def test_soft_limit_tells_the_endpoints_once_and_stops_nothing(place: Workplace):
    place = place.configured(webhook={"secret": SecretStr("s"), "allow_private": True})
    place.says("s", ("ada", "hello"))
    webhooks.register(place.backends, place.workspace, "http://127.0.0.1:9/hook")
    limit(place.backends, place.workspace, hard=None, soft=3)
    for _ in range(3):
        assert derives(place, says_much(place), Reply(FACT, usage=Usage(10, 2000))) == 1
    told = [row for row in place.rows(EVENTS) if row["type"] == "budget.soft_limit"]
    assert [row["data"] for row in told] == [
        {
            "workspace_id": place.workspace,
            "period": "month",
            "spent_usd": 4.0,
            "soft_usd": 3.0,
            "resets_at": "2031-06-01T00:00:00Z",
        }
    ]


def test_calls_that_cost_nothing_need_no_room(place: Workplace):
    limit(place.backends, place.workspace, hard=0)
    place.says("s", ("ada", "I like tea."))
    index_messages(place.backends, place.wake_up(indexes(place)))
    assert place.embedder.asked == ["I like tea."]


def test_budget_that_makes_no_sense_is_refused(place: Workplace):
    with pytest.raises(Invalid, match="soft_usd_per_day must not be above hard_usd_per_day"):
        budgets.put(place.backends, place.workspace, Budget(Limit(Decimal(2), Decimal(1))))
    with pytest.raises(Invalid):
        budgets.put(place.backends, "no name!", Budget())


def test_call_that_could_not_be_charged_at_once_is_charged_in_the_end(place: Workplace):
    limit(place.backends, place.workspace, hard=20)
    away = place.backends_at("postgresql://nobody@127.0.0.1:1/none").db

    def during(_: object) -> str:
        tabs[0].backends = replace(tabs[0].backends, db=away)
        return FACT

    tabs: list[RunningTab] = []
    model = AnsweringModel(during)
    model.name = "scripted/1"
    with metered(place.served_by(model), place.workspace, has_budget=True) as own:
        assert isinstance(own.tab, RunningTab)
        tabs.append(own.tab)
        own.models.deriver().complete(Completion((UserTurn("hello"),), "derive", 100))
        own.tab.backends = own
        with own.tab.riding() as made:
            assert made == ()
    assert budgets.look(place.backends, place.workspace).spent == Spent(Decimal("0.002"), Decimal("0.002"))


def test_standing_shows_what_calls_under_way_may_cost(place: Workplace):
    limit(place.backends, place.workspace, hard=20)
    seen: list[budgets.Standing] = []

    def during(_: object) -> str:
        seen.append(budgets.look(place.backends, place.workspace))
        return FACT

    model = AnsweringModel(during)
    model.name = "scripted/1"
    derive(place.served_by(model), place.wake_up(says_much(place)))
    after = budgets.look(place.backends, place.workspace).spent
    assert (seen[0].spent.month, seen[0].spent.reserved) == (0, MOST)
    assert (after.month, after.reserved) == (Decimal("0.002"), 0)
