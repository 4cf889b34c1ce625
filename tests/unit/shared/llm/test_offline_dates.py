import re
from datetime import date

import pytest

from shared.llm.offline_dates import absolute

FRIDAY = date(2026, 1, 2)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("I ran today", "I ran on 2026-01-02"),
        ("I ran yesterday morning", "I ran on the morning of 2026-01-01"),
        ("I met him the day before yesterday", "I met him on 2025-12-31"),
        ("I fly the day after tomorrow", "I fly on 2026-01-04"),
        ("I slept badly last night", "I slept badly on the night of 2026-01-01"),
        ("we dine tonight", "we dine on the evening of 2026-01-02"),
        ("I moved last week", "I moved in the week of 2025-12-22"),
        ("it starts next week", "it starts in the week of 2026-01-05"),
        ("I hiked last weekend", "I hiked on the weekend of 2025-12-27"),
        ("I moved last month", "I moved in 2025-12"),
        ("I learn Greek this year", "I learn Greek in 2026"),
        ("I hiked last summer", "I hiked in the summer before 2026-01-02"),
        ("I leave next Friday", "I leave on 2026-01-09"),
        ("I leave this Friday", "I leave on 2026-01-02"),
        ("I saw it last Friday", "I saw it on 2025-12-26"),
        ("I went on Monday evening", "I went on the evening of 2025-12-29"),
        ("I will go on Monday", "I will go on 2026-01-05"),
        ("I play football on Fridays", "I play football on Fridays"),
        ("I left two days ago", "I left on 2025-12-31"),
        ("I left 3 weeks ago", "I left around 2025-12-12"),
        ("I left 14 months ago", "I left in 2024-11"),
        ("I left a few weeks ago", "I left a few weeks before 2026-01-02"),
        ("I will leave in two weeks", "I will leave around 2026-01-16"),
        ("I built it in two weeks", "I built it in two weeks"),
        ("I was there in March", "I was there in 2025-03"),
        ("I will go in March", "I will go in 2026-03"),
        ("I was there in March 2019", "I was there in March 2019"),
        ("I was there on December 24th", "I was there on 2025-12-24"),
        ("my birthday is on March 3", "my birthday is on March 3"),
        ("I have lived here since last year", "I have lived here since 2025"),
        ("I will know by next Friday", "I will know by 2026-01-09"),
        ("I ran for the last year", "I ran for the last year"),
        ("yesterday's meeting was long", "the 2026-01-01 meeting was long"),
    ],
)
def test_absolute_resolves_what_is_certain_against_the_day_it_was_said(said: str, meant: str):
    assert absolute(said, FRIDAY) == meant


def test_absolute_at_the_end_of_february_counts_months_by_the_calendar():
    assert absolute("I left last month", date(2028, 3, 31)) == "I left in 2028-02"


@pytest.mark.parametrize("day", [date.min, date.max], ids=str)
@pytest.mark.parametrize(
    "said",
    [
        f"I fell {when}"
        for which in ("last", "this", "next")
        for when in (f"{which} week", f"{which} weekend", f"{which} month", f"{which} year", f"{which} spring",
                     f"{which} Friday", f"{which} May", f"{which} December")
    ]
    + ["I ran yesterday", "I ran the day before yesterday evening", "I run tomorrow", "I slept last night",
       "I saw tomorrow's news", "I came on Sunday", "I will go on Saturday", "I am free by Monday", "I moved in May",
       "I left 300 days ago", "I left 300 weeks ago", "I left 3 months ago", "I left 300 years ago",
       "I will go in 300 days", "I will go in 300 weeks", "I will go in 300 months", "I will go in 300 years"],
)  # fmt: skip
def test_absolute_at_an_end_of_the_calendar_says_a_date_within_it_or_leaves_what_was_said(said: str, day: date):
    text = absolute(said, day)
    assert text == said or re.search(r"\b(?!0000)\d{4}\b", text)
    assert not re.search(r"\b0000|-\d{4}-\d{2}-\d{2}|\b1\d{4}\b", text)
