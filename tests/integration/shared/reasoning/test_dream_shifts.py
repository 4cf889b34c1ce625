"""A dream that takes many calls of its function comes to the same as one that takes one, at the same cost."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString

import pytest

from shared.domain.errors import DatabaseUnavailable, ModelUnavailable
from shared.domain.work import TaskKind
from shared.llm.types import AssistantTurn, Completion, Reply, Usage
from shared.reasoning.dream import dream
from tests.support.dreaming import Acting, Dreamland, dreamland
from tests.support.dying import Died
from tests.support.scripted_model import calls
from tests.support.shaken import ShakenDatabase
from tests.support.shifts import (
    AT_ONCE,
    CHECKPOINTS,
    FACTS,
    TURNS,
    WHOLE,
    Dying,
    asked,
    begun,
    comes_back,
    goes_on,
    outcome,
    thinker,
)


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield place


def test_dream_in_as_many_calls_as_turns_comes_to_the_same_at_the_same_cost(land: Dreamland):
    at_once, model = begun(land)
    assert at_once.dreams_on() == 1
    assert asked(model) == TURNS
    other, slow = begun(replace(land, workspace=f"{land.workspace}-slow"))
    assert goes_on(other) == len(TURNS)
    assert asked(slow) == TURNS
    assert outcome(other) == outcome(at_once)
    assert other.dreams()[0]["input_tokens"] == sum(Usage(10, 2).input_tokens for _ in TURNS)
    unit = other.dream_unit()
    assert (unit["done_items"], unit["parked_items"], unit["failures"], unit["attempts"]) == (1, 0, 0, 0)


def test_specialist_in_the_next_call_is_shown_all_it_said_and_was_told(land: Dreamland):
    at_once, model = begun(land)
    at_once.dreams_on()
    other, slow = begun(replace(land, workspace=f"{land.workspace}-slow"))
    goes_on(other)
    for here, there in zip(slow.requests[:5], model.requests[:5], strict=True):
        told = [turn for turn in here.turns if isinstance(turn, AssistantTurn)]
        assert [turn.text for turn in told] == [turn.text for turn in there.turns if isinstance(turn, AssistantTurn)]
        assert len(here.turns) == len(there.turns)
        # The question is the one that was asked first, whenever it is read again.
        assert here.turns[1] == slow.requests[0].turns[1]
    assert slow.requests[4].turns[:-1][:6] == slow.requests[3].turns[:6]


def test_provider_gets_back_unchanged_what_it_needs_in_the_next_call(land: Dreamland):
    land.tells("ada", *FACTS)
    replay = {"of": "p", "kept": {"signature": b"\x00\xff", "blocks": [{"thinking": "so"}]}}

    def act(request: Completion) -> Reply | None:
        if request.purpose != "dream_deduction" or len(request.turns) > 2:
            return None
        return replace(calls(("read_recent", {"limit": 9})), replay=replay)

    model = Acting(act)
    land.asks_for()
    goes_on(land.dreaming_with(model))
    [again] = [turn for turn in model.requests[1].turns if isinstance(turn, AssistantTurn)]
    assert again.replay == replay


@pytest.mark.parametrize("lasts", [AT_ONCE, WHOLE], ids=["many", "one"])
def test_worker_that_dies_in_any_turn_costs_only_that_turn(land: Dreamland, lasts: timedelta):
    expected, model = begun(land)
    expected.dreams_on()
    for turn in range(len(TURNS)):
        place, thinking = begun(replace(land, workspace=f"{land.workspace}-{turn}"))
        dying = Dying(thinking, turn)
        place = place.dreaming_with(dying)
        with pytest.raises(Died):
            goes_on(place, lasts=lasts)
        comes_back(place)
        goes_on(place, lasts=lasts)
        assert asked(dying) == asked(model)
        assert outcome(place) == outcome(expected)


def test_workers_that_die_but_get_on_are_not_taken_for_poison(land: Dreamland):
    place, thinking = begun(land)
    # The first try of every turn but the first ends its process: nine deaths of seven turns.
    dying = Dying(thinking, *range(1, 14, 2))
    place = place.dreaming_with(dying)
    for _ in range(7):
        with suppress(Died):
            goes_on(place, lasts=WHOLE)
        comes_back(place)
    assert asked(dying) == TURNS
    assert place.dream_unit()["done_items"] == 1


def test_turn_that_kills_every_worker_is_set_aside(land: Dreamland):
    place, thinking = begun(land)
    dying = Dying(thinking, *range(3, 99))
    place = place.dreaming_with(dying)
    most = place.backends.settings.deriver.max_attempts
    for _ in range(most + 3):
        with suppress(Died):
            goes_on(place, lasts=WHOLE)
        comes_back(place)
    assert place.dream_unit()["parked_items"] == 1
    assert dying.tried <= 3 + most + 1


@pytest.mark.parametrize("shock", ["is gone", "is gone late"])
def test_database_that_is_lost_between_any_two_turns_lets_no_turn_count_twice(land: Dreamland, shock: str):
    expected, _ = begun(land)
    expected.dreams_on()
    for left in range(2, 40):
        place, model = begun(replace(land, workspace=f"{land.workspace}-{left}"))
        unsteady = ShakenDatabase(place.backends.db, left, shock)
        shaken = replace(place, backends=replace(place.backends, db=unsteady))
        with suppress(DatabaseUnavailable):
            goes_on(shaken)
        comes_back(place)
        goes_on(place)
        assert len(model.requests) <= len(TURNS) + 1
        levels, changes, *cost = outcome(place)
        assert (levels, changes) == outcome(expected)[:2]
        # A turn that was lost with the database is made again, and told only once.
        assert cost == list(outcome(expected)[2:])
        if unsteady.left > 0:
            return
    pytest.fail("more transactions than were tried")


def test_wake_up_that_comes_twice_makes_no_turn_twice(land: Dreamland):
    place, model = begun(land)
    shifts = 0
    while woken := place.queue.take(TaskKind.DREAM):
        for wake_up in [*woken, *woken]:
            dream(place.backends, wake_up, lasts=AT_ONCE)
            shifts += 1
    assert asked(model) == TURNS
    assert outcome(place)[2:] == (70, 14)


def test_wake_up_that_comes_again_in_the_middle_of_a_turn_does_nothing(land: Dreamland):
    land.tells("ada", *FACTS)
    thinking = thinker(land)
    inner = Acting(lambda _: None)

    def act(request: Completion) -> Reply | None:
        dream(land.dreaming_with(inner).backends, wake_up, lasts=AT_ONCE)
        return thinking.act(request)

    land.asks_for()
    [wake_up] = land.queue.take(TaskKind.DREAM)
    outer = Acting(act)
    dream(land.dreaming_with(outer).backends, wake_up, lasts=AT_ONCE)
    goes_on(land.dreaming_with(outer))
    assert inner.requests == []
    assert asked(outer) == TURNS


def test_outage_in_the_middle_is_waited_for_and_nothing_is_asked_again(land: Dreamland):
    place, thinking = begun(land)
    away: list[bool] = []

    def act(request: Completion) -> Reply | None:
        if len(model.requests) == 3 and len(away) < 5:
            away.append(True)
            raise ModelUnavailable
        return thinking.act(request)

    model = Acting(act)
    place = place.dreaming_with(model)
    for _ in range(8):
        goes_on(place, lasts=WHOLE)
        comes_back(place)
    assert asked(model) == TURNS
    assert place.dream_unit()["done_items"] == 1


def test_worker_whose_claim_was_taken_keeps_nothing_of_its_turns(land: Dreamland):
    land.tells("ada", *FACTS)
    thinking = thinker(land)
    stolen: LiteralString = "UPDATE work_units SET token = 'other' WHERE workspace = %s AND kind = 'dream'"

    def act(request: Completion) -> Reply | None:
        if len(model.requests) == 1:
            with land.backends.db.transaction() as conn:
                conn.execute(stolen, [land.workspace])
        return thinking.act(request)

    model = Acting(act)
    land.asks_for()
    land.dreaming_with(model).dreams_on()
    assert len(model.requests) == 2
    [kept] = land.rows(CHECKPOINTS)
    assert json.loads(kept["run"])["turns"] == 1
    assert land.dreams()[0]["input_tokens"] == 10
