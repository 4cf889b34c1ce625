"""What ends a specialist that would never end, over however many calls of its function."""

from collections.abc import Iterator

import pytest

from shared.llm.types import Completion, Reply, ToolCall, Usage
from tests.support.dreaming import Acting, Dreamland, dreamland
from tests.support.shifts import AT_ONCE, FACTS, asked, goes_on

ALL = ("dream_deduction", "dream_induction", "dream_card")


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        place.tells("ada", *FACTS)
        place.asks_for()
        yield place


def endless(land: Dreamland, tokens: tuple[int, int] = (10, 10), *, seconds: float = 0) -> Acting:
    """Always wants to read more, and takes its time."""
    usage = Usage(*tokens)

    def act(_: Completion) -> Reply:
        land.clock.advance(seconds=seconds)
        return Reply("", (ToolCall("c", "read_recent", {"limit": 9}),), usage, "tool_calls", "endless")

    return Acting(act)


def test_iterations_hold_over_all_calls(land: Dreamland):
    model = endless(land)
    shifts = goes_on(land.configured(dream={"max_tool_iterations": 4}).dreaming_with(model))
    assert asked(model) == [purpose for purpose in ALL for _ in range(4)]
    assert shifts == 12
    assert land.dream_unit()["done_items"] == 1


def test_tokens_hold_over_all_calls(land: Dreamland):
    model = endless(land, (900, 100))
    shifts = goes_on(land.configured(dream={"max_tokens_per_dream": 2500}).dreaming_with(model))
    assert asked(model) == ["dream_deduction"] * 3
    # In the last one there is nothing left to spend on patterns and the card.
    assert shifts == 4
    assert land.dreams()[0]["input_tokens"] == 2700
    assert land.dream_unit()["done_items"] == 1


def test_seconds_hold_over_all_calls_without_those_between_them(land: Dreamland):
    model = endless(land, seconds=30)
    place = land.configured(dream={"timeout_seconds": 100}).dreaming_with(model)
    while place.dreams_on(lasts=AT_ONCE):
        land.clock.advance(minutes=20)
    # The fourth would begin with less than a quarter of the time left.
    assert asked(model) == [purpose for purpose in ALL for _ in range(3)]


def test_call_of_a_model_lasts_no_longer_than_its_function(land: Dreamland):
    model = endless(land, seconds=200)
    place = land.configured(dream={"timeout_seconds": 4000, "max_tool_iterations": 5}).dreaming_with(model)
    place.dreams_on()
    # 900 s but for the time to commit; a new call begins as long as four minutes are left.
    assert [request.timeout_s for request in model.requests] == [840, 640, 440, 240]
    place.dreams_on()
    assert [request.timeout_s for request in model.requests[4:]] == [840, 640, 440, 240]
    assert asked(model)[3:6] == ["dream_deduction"] * 2 + ["dream_induction"]


def test_dream_that_may_cost_no_more_keeps_what_it_proposed(land: Dreamland):
    model = endless(land, (900, 100))
    place = land.configured(dream={"max_tokens_per_dream": 2500}).dreaming_with(model)
    goes_on(place)
    assert land.rows("SELECT FROM dream_checkpoints WHERE workspace = %(workspace)s") == []
    assert land.schedule()["dreamt"] == len(FACTS)
