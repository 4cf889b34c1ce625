"""Prices: ours, those of the operator, and what tokens cost."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.usage import Tokens
from shared.llm.prices import Price, PricesInvalid, load_prices
from shared.settings.models import DEFAULT_EMBEDDING_MODELS, DEFAULT_MODELS

TODAY = date(2031, 1, 1)
COUNTS = st.integers(0, 2_000_000)
DOLLARS = st.decimals(0, 100, places=4)
PRICES = st.builds(
    lambda read, written, cached, cache_write: Price(
        model="p/m", since=TODAY, input=read, output=written, cached=cached, cache_write=cache_write
    ),
    *(DOLLARS, DOLLARS, st.none() | DOLLARS, st.none() | DOLLARS),
)


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return str(path)


def test_every_vendors_own_model_has_a_price():
    ours = load_prices(None)
    # Who runs or proxies a server knows what it costs; nobody else does.
    named = [f"{provider}/{model}" for provider, model in {**DEFAULT_MODELS, **DEFAULT_EMBEDDING_MODELS}.items()]
    unknown = [name for name in named if ours.find(name, TODAY) is None]
    assert unknown == [f"custom/{DEFAULT_EMBEDDING_MODELS['custom']}", "vllm/default"]


def test_prices_have_a_day_and_are_found_by_the_name_of_a_snapshot():
    ours = load_prices(None)
    assert ours.find("anthropic/claude-haiku-4-5-20251001", TODAY) == ours.find("anthropic/claude-haiku-4-5", TODAY)
    assert ours.find("openai/gpt-4o-2024-08-06", TODAY) == ours.find("openai/gpt-4o", TODAY)
    assert ours.find("openai/gpt-4o-mini-tts", TODAY) is None
    assert ours.find("openai/gpt-5.4-mini", date(2020, 1, 1)) is None


def test_offline_models_cost_nothing_and_unknown_ones_have_no_price():
    free = load_prices(None).find("offline/rules-1", TODAY)
    assert free is not None
    assert free.of(Tokens(10**6, output=10**6)) == 0
    assert load_prices(None).find("custom/whatever", TODAY) is None


def test_cost_counts_each_kind_of_token_once():
    price = Price(
        model="p/m", since=TODAY, input=Decimal(4), cached=Decimal("0.4"), cache_write=Decimal(5), output=Decimal(20)
    )
    spent = Tokens(1_000_000, cached=500_000, cache_write=100_000, output=10_000, thinking=9_000)
    assert price.of(spent) == Decimal("1.6") + Decimal("0.2") + Decimal("0.5") + Decimal("0.2")
    # Without a price of their own they are tokens like others.
    assert replace_prices(price, cached=None, cache_write=None).of(spent) == Decimal("4.2")


def replace_prices(price: Price, **changed: object) -> Price:
    return price.model_copy(update=changed)


@given(PRICES, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_no_call_within_its_counts_costs_more_than_was_reserved_for_it(
    price: Price, most_input: int, most_output: int, read: int, cached: int, wrote: int
):
    read = min(read, most_input)
    cached = min(cached, read)
    spent = Tokens(read, cached, min(wrote, read - cached), min(wrote, most_output))
    assert 0 <= price.of(spent) <= price.at_most(most_input, most_output)


@given(PRICES, st.lists(st.builds(Tokens, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)))
def test_no_count_a_provider_may_report_costs_less_than_nothing(price: Price, reported: list[Tokens]):
    assert all(price.of(spent) >= 0 for spent in reported)


def test_own_file_takes_the_place_of_all_rows_of_its_models(tmp_path: Path):
    text = """
    [[price]]
    model = "openai/gpt-5.4-mini"
    since = 2030-01-01
    input = 1
    output = 2

    [[price]]
    model = "openai/gpt-5.4-mini"
    since = 2031-01-01
    input = 3
    output = 4

    [[price]]
    model = "vllm/*"
    since = 2026-01-01
    input = 0
    output = 0
    """
    prices = load_prices(written(tmp_path, text))
    of_the_year = [prices.find("openai/gpt-5.4-mini", date(year, 6, 1)) for year in (2029, 2030, 2031)]
    assert [one and one.input for one in of_the_year] == [None, 1, 3]
    local = prices.find("vllm/some/model", TODAY)
    assert local is not None
    assert local.of(Tokens(5)) == 0
    assert prices.find("openai/gpt-5.4", TODAY) == load_prices(None).find("openai/gpt-5.4", TODAY)


ROW = 'model = "a/b"\nsince = 2026-01-01\ninput = 1\noutput = 1\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[price]]\n" + ROW.replace("input = 1\n", ""), "price.0.input: Field required"),
        ("[[price]]\n" + ROW + "inptu = 3", "price.0.inptu: Extra inputs are not permitted"),
        ("[[price]]\n" + ROW.replace("output = 1", "output = -1"), "greater than or equal to 0"),
        ("[[price]]\n" + ROW.replace("output = 1", "output = nan"), "price.0.output"),
        ("[[price]]\n" + ROW.replace("a/b", "ab"), "price.0.model"),
        ("[[price]]\n" + ROW.replace("2026-01-01", '"soon"'), "price.0.since"),
        ("price = 3", "price: Input should be a valid"),
        ("[[prices]]\n" + ROW, "prices: Extra inputs"),
        ("[[price", "Expected"),
    ],
)
def test_file_that_is_no_file_of_prices_is_refused_with_its_place(tmp_path: Path, text: str, said: str):
    with pytest.raises(PricesInvalid, match=said) as raised:
        load_prices(written(tmp_path, text))
    assert str(raised.value).startswith(f"USAGE_PRICES_FILE: {tmp_path / 'prices.toml'}")


def test_file_that_is_missing_is_refused_with_its_name(tmp_path: Path):
    with pytest.raises(PricesInvalid, match=r"gone\.toml: No such file"):
        load_prices(str(tmp_path / "gone.toml"))
