"""The table of costs, as a person reads it."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from infra.local.usage import as_json, money, table, usage
from shared.domain.usage import Tokens, Totals, Usage

DERIVED = Totals(12, 1, 2, Tokens(123_456, 100_000, 0, 7890, 1000), 24_000, Decimal("1.5"))
ASKED = Totals(1, 0, 0, Tokens(10, 0, 0, 5), 150, Decimal("0.000012"))
FOUND = Usage(
    datetime(2026, 5, 1, tzinfo=UTC),
    datetime(2026, 6, 1, tzinfo=UTC),
    DERIVED + ASKED,
    {"derive": DERIVED, "embed_query": ASKED},
    ("custom/mystery",),
)


def test_table_has_a_line_for_each_group_their_sum_and_what_is_missing_in_it():
    assert table(FOUND, "feature", "shop").splitlines() == [
        "shop, 2026-05-01T00:00:00Z to 2026-06-01T00:00:00Z",
        "",
        "feature      calls  failed    input   cached  output  thinking  mean ms  US dollars",
        "derive          12       1  123,456  100,000   7,890     1,000    2,000        1.50",
        "embed_query      1       0       10        0       5         0      150   0.0000120",
        "-----------------------------------------------------------------------------------",
        "total           13       1  123,466  100,000   7,895     1,000    1,858        1.50",
        "",
        "Without a price, and so not in the sum: 2 calls of custom/mystery.",
        "USAGE_PRICES_FILE gives them one.",
    ]


def test_table_of_nothing_says_so():
    nothing = Usage(FOUND.since, FOUND.until, Totals(), {}, ())
    assert table(nothing, "day", None).splitlines() == [
        "all workspaces, 2026-05-01T00:00:00Z to 2026-06-01T00:00:00Z",
        "No model was called.",
    ]


def test_json_has_the_same_to_the_last_digit():
    told = json.loads(as_json(FOUND))
    assert told["groups"]["embed_query"]["usd"] == "0.000012"
    assert told["total"]["tokens"]["input"] == 123_466
    assert (told["from"], told["unpriced_models"]) == ("2026-05-01T00:00:00Z", ["custom/mystery"])


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "0.00"), ("1234.567", "1,234.57"), ("0.5", "0.5000"), ("0.001", "0.0010"), ("0.0000004", "0.0000004")],
)
def test_money_is_shown_as_exactly_as_it_matters(amount: str, shown: str):
    assert money(Decimal(amount)) == shown


def test_usage_without_a_running_stack_says_how_to_start_one(tmp_path, capsys: pytest.CaptureFixture[str]):
    assert usage(["--data", str(tmp_path)]) == 1
    assert "python3 -m infra up" in capsys.readouterr().err
