"""Relative dates made absolute: "last week", said on a known day, becomes "in the week of 2025-12-22"."""

import re
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, date, timedelta

_DAYS: tuple[str, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: tuple[str, ...] = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_NUMBERS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
} | {"a": 1, "an": 1, "twenty": 20, "thirty": 30}

_PAST = re.compile(
    r"\b(?!need\b|feed\b|indeed\b)(?:\w{2,}ed|was|were|had|did|went|got|met|saw|came|took|made|bought|ran|gave|left|won|"
    r"lost|began|found|told|said|ate|flew|became|broke|spent|taught|wrote|drove|quit|felt|heard|sold|sent|slept)\b",
    re.IGNORECASE,
)
_FUTURE = re.compile(
    r"\b(?:will|won't|shall|going\s+to|gonna|plan|plans|planning|about\s+to|(?:am|is|are)\s+\w+ing)\b"
    r"|(?:have|has|got) (?:a|an|my|our) (?:\w+ ){0,3}(?:meeting|appointment|interview|exam|test|flight|date|deadline)\b"
    r"|(?:starts|begins|leaves|departs|arrives|opens)\b"
    r"|'ll\b|['’](?:m|s|re)\s+\w+ing\b",
    re.IGNORECASE,
)

_N = r"(?P<n>\d{1,3}|" + "|".join(_NUMBERS) + ")"
_DAY = "(?P<day>" + "|".join(_DAYS) + ")"
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_NEAR = r"(?P<near>the\s+day\s+before\s+yesterday|the\s+day\s+after\s+tomorrow|yesterday|today|tomorrow)"
_PART = r"(?P<part>morning|afternoon|evening|night)"
_WHICH = r"(?P<which>last|this\s+past|this\s+coming|this|next|the\s+coming)"
# A preposition of its own before the phrase keeps its place: "since last year" is "since 2025".
_BEFORE = r"(?P<before>\b(?:since|until|till|by|from|before|after|for|of|during|around|to)\s+)?(?:\b(?:on|in|at)\s+)?\b"

_Resolve = Callable[[re.Match[str], date, str], str | None]


def absolute(sentence: str, said_on: date) -> str:
    """`sentence` with the relative dates it holds written absolutely; what stays vague is left as it was said."""

    def resolved(found: re.Match[str], resolve: _Resolve) -> str:
        try:
            phrase = resolve(found, said_on, sentence)
        except OverflowError:
            # Clients send years 1 and 9999 for "no date", and no calendar goes beyond.
            return found.group()
        if phrase is None:
            return found.group()
        before: str | None = found.group("before")
        return before + re.sub(r"^(?:on|in|at) ", "", phrase) if before else phrase

    text = sentence
    for pattern, resolve in _RULES:
        text = pattern.sub(lambda found, resolve=resolve: resolved(found, resolve), text)
    return text


def _rule(pattern: str, resolve: _Resolve) -> tuple[re.Pattern[str], _Resolve]:
    return re.compile(_BEFORE + r"(?<!the )" + pattern + r"\b(?![-'’])", re.IGNORECASE), resolve


def _near_day(found: re.Match[str], said_on: date, sentence: str) -> str:
    word = " ".join(found.group("near").lower().split())
    offset = {"the day before yesterday": -2, "yesterday": -1, "today": 0, "tomorrow": 1, "the day after tomorrow": 2}
    part: str | None = found.group("part")
    day = said_on + timedelta(days=offset[word])
    return f"on the {part.lower()} of {day}" if part else f"on {day}"


def _part_of_day(found: re.Match[str], said_on: date, sentence: str) -> str:
    phrase = " ".join(found.group("when").lower().split())
    day = said_on - timedelta(days=phrase == "last night")
    part = "night" if phrase == "last night" else "evening" if phrase == "tonight" else phrase.split()[1]
    return f"on the {part} of {day}"


def _whose(found: re.Match[str], said_on: date, sentence: str) -> str:
    day = said_on + timedelta(days={"yesterday": -1, "today": 0, "tomorrow": 1}[found.group("near").lower()])
    return f"the {day}"


def _span(found: re.Match[str], said_on: date, sentence: str) -> str:
    step = {"last": -1, "next": 1}.get(_which(found), 0)
    match found.group("unit").lower():
        case "week":
            return f"in the week of {_monday(said_on) + timedelta(weeks=step)}"
        case "weekend":
            return f"on the weekend of {_monday(said_on) + timedelta(days=5, weeks=step)}"
        case "month":
            return f"in {_month(said_on, step)}"
        case _:
            return f"in {_year(said_on.year + step)}"


def _season(found: re.Match[str], said_on: date, sentence: str) -> str:
    # Which months a season has depends on the hemisphere: only the order is certain.
    season = found.group("season").lower()
    order = {"last": f"before {said_on}", "next": f"after {said_on}"}.get(_which(found), f"of {_year(said_on.year)}")
    return f"in the {season} {order}"


def _weekday(found: re.Match[str], said_on: date, sentence: str) -> str:
    return f"on {_day_near(said_on, found.group('day'), past=_which(found) == 'last', today=_which(found) == 'this')}"


def _bare_weekday(found: re.Match[str], said_on: date, sentence: str) -> str | None:
    past = _lies_back(sentence)
    if past is None:
        return None
    part: str | None = found.group("part")
    day = _day_near(said_on, found.group("day"), past=past, today=False)
    return f"on the {part.lower()} of {day}" if part else f"on {day}"


def _deadline(found: re.Match[str], said_on: date, sentence: str) -> str:
    return f"{found.group('by').lower()} {_day_near(said_on, found.group('day'), past=False, today=False)}"


def _ago(found: re.Match[str], said_on: date, sentence: str) -> str:
    return _away(_number(found.group("n")), found.group("unit").lower(), said_on, -1)


def _vaguely_ago(found: re.Match[str], said_on: date, sentence: str) -> str:
    return f"{found.group('vague').lower()} before {said_on}"


def _ahead(found: re.Match[str], said_on: date, sentence: str) -> str | None:
    # "in two weeks" is a duration in "I built it in two weeks".
    if not _FUTURE.search(sentence):
        return None
    return _away(_number(found.group("n")), found.group("unit").lower(), said_on, 1)


def _near_month(found: re.Match[str], said_on: date, sentence: str) -> str:
    return f"in {_month_near(said_on, found.group('month'), past=_which(found) == 'last')}"


def _bare_month(found: re.Match[str], said_on: date, sentence: str) -> str | None:
    past = _lies_back(sentence)
    if past is None:
        return None
    month = _month_near(said_on, found.group("month"), past=past, this=True)
    number: str | None = found.groupdict().get("number")
    if number is None:
        return f"in {month}"
    return f"on {month}-{int(number):02}" if 1 <= int(number) <= 31 else None


def _lies_back(sentence: str) -> bool | None:
    """Whether `sentence` tells of the past (True) or of plans (False); None when it is about habits."""
    if _FUTURE.search(sentence):
        return False
    return True if _PAST.search(sentence) else None


def _which(found: re.Match[str]) -> str:
    which = " ".join(found.group("which").lower().split())
    return {"this past": "last", "this coming": "next", "the coming": "next"}.get(which, which)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word.lower()]


def _away(count: int, unit: str, said_on: date, sign: int) -> str:
    match unit:
        case "day":
            return f"on {said_on + timedelta(days=sign * count)}"
        case "week":
            return f"around {said_on + timedelta(weeks=sign * count)}"
        case "month":
            return f"in {_month(said_on, sign * count)}"
        case "year":
            return f"in {_year(said_on.year + sign * count)}"
        case _:
            return f"on {said_on}"


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _month(day: date, step: int) -> str:
    year, month = divmod(day.year * 12 + day.month - 1 + step, 12)
    return f"{_year(year)}-{month + 1:02}"


def _year(year: int) -> str:
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError
    return f"{year:04}"


def _day_near(said_on: date, name: str, *, past: bool, today: bool) -> date:
    ahead = (_DAYS.index(name.lower()) - said_on.weekday()) % 7
    if past:
        return said_on + timedelta(days=ahead - 7)
    return said_on + timedelta(days=ahead if ahead or today else 7)


def _month_near(said_on: date, name: str, *, past: bool, this: bool = False) -> str:
    step = _MONTHS.index(name.lower()) + 1 - said_on.month
    if past and (step > 0 or (step == 0 and not this)):
        step -= 12
    if not past and (step < 0 or (step == 0 and not this)):
        step += 12
    return _month(said_on, step)


_RULES = (
    _rule(r"(?P<near>yesterday|today|tomorrow)['’]s(?=\s)", _whose),
    _rule(rf"{_NEAR}(?:\s+{_PART})?", _near_day),
    _rule(r"(?P<when>last\s+night|tonight|this\s+(?:morning|afternoon|evening))", _part_of_day),
    _rule(rf"{_WHICH}\s+(?P<unit>weekend|week|month|year)", _span),
    _rule(rf"{_WHICH}\s+(?P<season>spring|summer|autumn|fall|winter|christmas|easter)", _season),
    _rule(rf"{_WHICH}\s+{_DAY}", _weekday),
    _rule(rf"{_WHICH}\s+{_MONTH}", _near_month),
    _rule(rf"{_N}\s+(?P<unit>minute|hour|day|week|month|year)s?\s+ago", _ago),
    _rule(
        r"(?P<vague>(?:a\s+few|a\s+couple\s+of|several|some|many)\s+(?:days|weeks|months|years))\s+ago", _vaguely_ago
    ),
    _rule(rf"in\s+(?:about\s+)?{_N}\s+(?P<unit>day|week|month|year)s?(?:['’]\s+time)?", _ahead),
    _rule(rf"(?P<by>by|until|till)\s+{_DAY}", _deadline),
    _rule(rf"on\s+{_DAY}(?:\s+{_PART})?", _bare_weekday),
    _rule(rf"on\s+{_MONTH}\s+(?:the\s+)?(?P<number>\d{{1,2}})(?:st|nd|rd|th)?(?!,?\s+\d{{4}})", _bare_month),
    _rule(rf"in\s+{_MONTH}(?!,?\s+(?:of\s+)?\d)", _bare_month),
)
