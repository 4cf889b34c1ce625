"""Event times: when something happened, as a model dates it."""

import re
from datetime import UTC, datetime
from typing import Final

_DATE: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.\d+)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_EARLIEST_YEAR: Final = 1000
# Plans and expiries reach ahead, typing errors further.
_MOST_YEARS_AHEAD: Final = 100


def event_time(given: str | None, said_at: datetime) -> datetime | None:
    """The moment that `given` names: a year, a month, a day or a time in ISO 8601, in UTC if it names no zone.

    A longer span counts from its beginning. None when it is no date, or not between the year 1000 and a hundred
    years after `said_at`, the time of the message: its clock and not ours says what is far away.
    """
    found = _DATE.fullmatch((given or "").strip())
    if found is None:
        return None
    day = f"{found['year']}-{found['month'] or '01'}-{found['day'] or '01'}"
    try:
        moment = datetime.fromisoformat(f"{day}T{found['time'] or '00:00'}{found['zone'] or '+00:00'}")
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _EARLIEST_YEAR <= moment.year <= said_at.year + _MOST_YEARS_AHEAD else None
