"""Work that waits because the budget of its workspace has no room, until there is some again."""

from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from shared.domain.spending import Budget, day_of, month_of
from shared.domain.work import Claim
from shared.store.database import Connection

# Who knows no price fits into no limit.
_ANY_AMOUNT = Decimal("Infinity")

STOP: LiteralString = """
UPDATE work_units
   SET lease_until = NULL, token = NULL, due_at = %(until)s, error = %(error)s, stopped_usd = %(needed)s,
       attempts = attempts - 1, failures = failures - 1
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND token = %(token)s
"""


def stop(conn: Connection, claimed: Claim, error: str, *, needed: Decimal | None, until: datetime) -> None:
    """Give the window back until there is room for `needed` dollars, `until` at the latest. It was no attempt."""
    amount = _ANY_AMOUNT if needed is None else needed
    values = {"token": claimed.token, "error": error, "needed": amount, "until": until}
    conn.execute(STOP, {"workspace": claimed.unit.workspace, "unit": claimed.unit.key, **values})


RESUME: LiteralString = """
UPDATE work_units AS u
   SET due_at = %(now)s
  FROM (SELECT w.workspace, w.unit
          FROM work_units AS w
          LEFT JOIN budgets AS b ON b.workspace = w.workspace
          LEFT JOIN spending AS s ON s.workspace = w.workspace
         CROSS JOIN LATERAL (
               SELECT CASE WHEN b.workspace IS NULL THEN %(hard_per_day)s::numeric ELSE b.hard_per_day END AS per_day,
                      CASE WHEN b.workspace IS NULL THEN %(hard_per_month)s::numeric
                           ELSE b.hard_per_month END AS per_month,
                      coalesce(s.reserved_usd, 0) + w.stopped_usd AS more,
                      CASE WHEN s.day >= %(day)s THEN s.day_usd ELSE 0 END AS today,
                      CASE WHEN s.month >= %(month)s THEN s.month_usd ELSE 0 END AS this_month) AS x
         WHERE w.stopped_usd IS NOT NULL AND w.due_at > %(now)s
           AND (x.per_day IS NULL OR x.today + x.more <= x.per_day)
           AND (x.per_month IS NULL OR x.this_month + x.more <= x.per_month)
         LIMIT %(most)s
           FOR UPDATE OF w SKIP LOCKED) AS free
 WHERE u.workspace = free.workspace AND u.unit = free.unit
"""


def resume(conn: Connection, usual: Budget, *, now: datetime, most: int) -> int:
    """Make those due whose budget has room for them again, whatever the reason; gives how many."""
    values = {
        "now": now,
        "most": most,
        "day": day_of(now),
        "month": month_of(now),
        "hard_per_day": usual.day.hard,
        "hard_per_month": usual.month.hard,
    }
    return conn.execute(RESUME, values).rowcount
