"""Work of several calls whose budget ends in the middle of it keeps what it has, and goes on from there."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from shared.domain.work import TaskKind
from shared.llm.types import Reply, Usage
from shared.reasoning.summarize import summarize
from shared.store import summaries
from tests.support.dreaming import Dreamland, deduction, dreamland, ids
from tests.support.metering import PRICES, features, free_embeddings, limit
from tests.support.scripted_model import ScriptedModel, calls
from tests.support.workplace import Workplace

# What one call of a specialist may write at most, thinking included: 16384 + 8192 tokens.
CALL = Decimal("24.576")
TEN_CENTS = Usage(10, 100)


@pytest.fixture
def land(database_dsn: str, owner_dsn: str, tmp_path: Path) -> Iterator[Dreamland]:
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES.split("\n\n")[0])
    with dreamland(database_dsn, owner_dsn, usage={"prices_file": str(prices)}) as place:
        yield place


def test_dream_that_may_spend_no_more_goes_on_in_the_midst_of_its_phase(land: Dreamland):
    land.tells("ada", "I am allergic to peanuts.")
    [fact] = ids(land).values()
    limit(land.backends, land.workspace, hard=CALL)
    asked = calls(deduction("ada must avoid satay", fact))
    model = ScriptedModel([Reply(asked.text, asked.tool_calls, TEN_CENTS, "tool_calls")])
    land.asks_for()
    land.dreaming_with(model).dreams_on()

    assert model.is_finished
    [dreamt] = land.dreams()
    assert (dreamt["phase"], dreamt["finished_at"]) == ("deduction", None)
    unit = land.dream_unit()
    assert (unit["stopped_usd"], unit["attempts"], unit["failures"]) == (CALL, 0, 0)

    limit(land.backends, land.workspace, hard=1000)
    rest = ScriptedModel(["done", "done", "done"])
    land.dreaming_with(rest).dreams_out()
    assert rest.is_finished
    # What it had found before was paid for, and is not asked again.
    assert land.levels()["deductive"] == ["ada must avoid satay"]
    assert land.dreams()[0]["finished_at"] is not None
    assert {one for one, _ in features(land)} >= {"dream_deduction", "dream_induction", "dream_card", "embed_index"}


def test_summaries_are_put_off_one_by_one(place: Workplace, tmp_path: Path):
    place = free_embeddings(place, tmp_path)
    place.says("s", *[("ada", f"word {n}") for n in range(60)])
    unit = place.unit("s", kind=TaskKind.SUMMARY)
    # A short summary may take 1000 tokens and 512 of thinking, a long one 4000: there is room for the short one alone.
    limit(place.backends, place.workspace, hard=3)
    backends, model = place.asks("In short: words.")
    summarize(backends, place.wake_up(unit))
    assert model.is_finished
    with place.backends.db.reading() as conn:
        assert summaries.both(conn, place.workspace, "s").keys() == {"short"}
    assert place.unit_row(unit)["stopped_usd"] == Decimal("4.512")
    limit(place.backends, place.workspace, hard=30)
    backends, model = place.asks("At length: words and words.")
    summarize(backends, place.wake_up(unit))
    with place.backends.db.reading() as conn:
        assert summaries.both(conn, place.workspace, "s").keys() == {"short", "long"}
    assert place.unit_row(unit)["pending_items"] == 0
