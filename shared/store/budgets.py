"""Budgets: set, reserved from before a call, settled after it.

All that is spent and reserved stands on one row of the workspace, so that each decision is one short statement under
its lock. Reservations are rows beside it, locked before it and never waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from shared.domain.spending import Budget, Limit, PeriodKind, Spent, day_of, lacking_room, month_of
from shared.domain.usage import ModelCall
from shared.store import calls
from shared.store.database import Connection

_LIMITS: LiteralString = "soft_per_day, hard_per_day, soft_per_month, hard_per_month"

GET: LiteralString = f"SELECT {_LIMITS} FROM budgets WHERE workspace = %(workspace)s"


def get(conn: Connection, workspace: str) -> Budget | None:
    """The budget that the workspace has of its own; a false one says that it has no limit."""
    row = conn.execute(GET, {"workspace": workspace}).fetchone()
    return None if row is None else _budget(*row)


PUT: LiteralString = f"""
INSERT INTO budgets (workspace, {_LIMITS}, updated_at)
VALUES (%(workspace)s, %(soft_per_day)s, %(hard_per_day)s, %(soft_per_month)s, %(hard_per_month)s, %(now)s)
    ON CONFLICT (workspace) DO UPDATE
   SET soft_per_day = EXCLUDED.soft_per_day, hard_per_day = EXCLUDED.hard_per_day,
       soft_per_month = EXCLUDED.soft_per_month, hard_per_month = EXCLUDED.hard_per_month,
       updated_at = EXCLUDED.updated_at
"""
# Without a budget nobody counted: the next reservation counts from the calls.
RECOUNT: LiteralString = """
DELETE FROM spending WHERE workspace = %(workspace)s
   AND NOT EXISTS (SELECT FROM reservations WHERE workspace = %(workspace)s)
"""


def put(conn: Connection, workspace: str, budget: Budget, usual: Budget, *, now: datetime) -> None:
    """Give the workspace a budget of its own, in place of the server's."""
    if not usual and get(conn, workspace) is None:
        conn.execute(RECOUNT, {"workspace": workspace})
    conn.execute(PUT, {"workspace": workspace, "now": now, **_limits(budget)})


DELETE: LiteralString = "DELETE FROM budgets WHERE workspace = %(workspace)s"


def delete(conn: Connection, workspace: str) -> None:
    """Let the workspace have the server's budget again."""
    conn.execute(DELETE, {"workspace": workspace})


HAVING: LiteralString = "SELECT workspace FROM budgets WHERE workspace IS NOT NULL LIMIT %(most)s"


def having(conn: Connection, *, most: int) -> list[str]:
    """The workspaces with a budget of their own, at most `most` of them."""
    return [str(row[0]) for row in conn.execute(HAVING, {"most": most})]


_TODAY: LiteralString = "CASE WHEN s.day >= %(day)s THEN s.day_usd ELSE 0 END"
_THIS_MONTH: LiteralString = "CASE WHEN s.month >= %(month)s THEN s.month_usd ELSE 0 END"

STANDING: LiteralString = f"""
SELECT {_TODAY}, {_THIS_MONTH},
       (SELECT coalesce(sum(usd), 0) FROM reservations WHERE workspace = %(workspace)s AND expires_at > %(now)s)
  FROM spending AS s
 WHERE s.workspace = %(workspace)s
"""
COUNTED: LiteralString = """
SELECT coalesce(sum(usd) FILTER (WHERE at >= %(day)s::date::timestamp AT TIME ZONE 'UTC'), 0), coalesce(sum(usd), 0), 0
  FROM model_calls
 WHERE workspace = %(workspace)s AND at >= %(month)s::date::timestamp AT TIME ZONE 'UTC'
"""


def standing(conn: Connection, workspace: str, *, now: datetime) -> Spent:
    """What the workspace spent today and this month, and what is reserved."""
    values = {"workspace": workspace, "now": now, **_dates(now)}
    row = conn.execute(STANDING, values).fetchone() or conn.execute(COUNTED, values).fetchone()
    return Spent(*row) if row else Spent()


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that somebody wants to make: `usd` is the most it can cost, None when nobody knows."""

    id: str
    usd: Decimal | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the call may be made; if not, in which period there is no room for it, and what its limit is."""

    is_granted: bool
    lacking: PeriodKind = "month"
    limit: Decimal = Decimal(0)


_RULE: LiteralString = f"""
    SELECT {_LIMITS} FROM budgets WHERE workspace = %(workspace)s
     UNION ALL
    SELECT %(soft_per_day)s::numeric, %(hard_per_day)s::numeric, %(soft_per_month)s::numeric,
           %(hard_per_month)s::numeric
     WHERE NOT EXISTS (SELECT FROM budgets WHERE workspace = %(workspace)s)
"""
_LEFT: LiteralString = "(s.reserved_usd - (SELECT usd FROM freed))"
# Compared on the row as it is under its lock, after everybody who was there first.
_FITS: LiteralString = f"""
    (SELECT (hard_per_day IS NULL OR {_TODAY} + {_LEFT} + %(usd)s::numeric <= hard_per_day)
        AND (hard_per_month IS NULL OR {_THIS_MONTH} + {_LEFT} + %(usd)s::numeric <= hard_per_month) FROM rule)
"""
RESERVE: LiteralString = f"""
WITH rule AS ({_RULE}),
gone AS (
    DELETE FROM reservations
     WHERE workspace = %(workspace)s AND id IN (
           SELECT id FROM reservations
            WHERE workspace = %(workspace)s AND expires_at <= %(now)s
              FOR UPDATE SKIP LOCKED)
 RETURNING usd),
freed AS (SELECT coalesce(sum(usd), 0) AS usd FROM gone),
before AS (
    SELECT coalesce(sum(usd) FILTER (WHERE at >= %(day)s::date::timestamp AT TIME ZONE 'UTC'), 0) AS day_usd,
           coalesce(sum(usd), 0) AS month_usd
      FROM model_calls
     WHERE workspace = %(workspace)s AND at >= %(month)s::date::timestamp AT TIME ZONE 'UTC'
       AND NOT EXISTS (SELECT FROM spending WHERE workspace = %(workspace)s)),
asked AS (
    SELECT b.day_usd, b.month_usd,
           coalesce((hard_per_day IS NULL OR b.day_usd + %(usd)s::numeric <= hard_per_day)
                AND (hard_per_month IS NULL OR b.month_usd + %(usd)s::numeric <= hard_per_month), false) AS fits
      FROM before AS b, rule),
decided AS (
    INSERT INTO spending AS s (workspace, day, day_usd, month, month_usd, reserved_usd, last_call)
    SELECT %(workspace)s, %(day)s, day_usd, %(month)s, month_usd,
           CASE WHEN fits THEN coalesce(%(usd)s::numeric, 0) ELSE 0 END, CASE WHEN fits THEN %(id)s END
      FROM asked
        ON CONFLICT (workspace) DO UPDATE
       SET reserved_usd = {_LEFT} + CASE WHEN {_FITS} THEN coalesce(%(usd)s::numeric, 0) ELSE 0 END,
           last_call = CASE WHEN {_FITS} THEN %(id)s ELSE s.last_call END,
           day_usd = {_TODAY}, day = greatest(s.day, %(day)s),
           month_usd = {_THIS_MONTH}, month = greatest(s.month, %(month)s),
           day_told = CASE WHEN s.day >= %(day)s THEN s.day_told END,
           month_told = CASE WHEN s.month >= %(month)s THEN s.month_told END
 RETURNING day_usd, month_usd, reserved_usd, coalesce(last_call = %(id)s, false) AS is_granted),
kept AS (
    INSERT INTO reservations (workspace, id, usd, expires_at)
    SELECT %(workspace)s, %(id)s, coalesce(%(usd)s::numeric, 0), %(expires_at)s FROM decided WHERE is_granted)
SELECT is_granted, day_usd, month_usd, reserved_usd, {_LIMITS} FROM decided, rule
"""


def reserve(conn: Connection, workspace: str, wish: Wish, usual: Budget, *, now: datetime) -> Decision:
    """Reserve what the call may cost, if all that is spent and reserved leaves room; `usual` is the server's budget.

    Reservations that expired are given back on the way. What was spent before anybody looked is counted first.
    """
    values = {"workspace": workspace, "now": now, **_dates(now), **_limits(usual)}
    row = conn.execute(RESERVE, {**values, "id": wish.id, "usd": wish.usd, "expires_at": wish.expires_at}).fetchone()
    if row is None or row[0]:
        return Decision(True)
    _, day_usd, month_usd, reserved_usd, *limits = row
    budget = _budget(*limits)
    kind = lacking_room(budget, Spent(day_usd, month_usd, reserved_usd), wish.usd) or "month"
    limit = (budget.day if kind == "day" else budget.month).hard
    return Decision(False, kind, limit or Decimal(0))


# Only what is noted now is charged, and only once. Whoever holds the row of a reservation is its sweeper or this.
SETTLE: LiteralString = f"""
WITH {calls.NOTED},
rule AS ({_RULE}),
mine AS (
    DELETE FROM reservations
     WHERE workspace = %(workspace)s AND id IN (
           SELECT id FROM reservations
            WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
            ORDER BY id
              FOR UPDATE)
 RETURNING usd),
change AS (
    SELECT coalesce(sum(usd), 0) AS spent, count(*) AS calls, (SELECT coalesce(sum(usd), 0) FROM mine) AS freed
      FROM noted)
UPDATE spending AS s
   SET day_usd = {_TODAY} + change.spent, day = greatest(s.day, %(day)s),
       month_usd = {_THIS_MONTH} + change.spent, month = greatest(s.month, %(month)s),
       reserved_usd = s.reserved_usd - change.freed,
       day_told = CASE WHEN s.day >= %(day)s AND s.day_told IS NOT NULL THEN s.day_told
                       WHEN {_TODAY} + change.spent >= rule.soft_per_day THEN %(mark)s END,
       month_told = CASE WHEN s.month >= %(month)s AND s.month_told IS NOT NULL THEN s.month_told
                         WHEN {_THIS_MONTH} + change.spent >= rule.soft_per_month THEN %(mark)s END
  FROM change, rule
 WHERE s.workspace = %(workspace)s
RETURNING s.day_usd, s.month_usd, change.calls > 0 AND s.day_told = %(mark)s,
          change.calls > 0 AND s.month_told = %(mark)s, soft_per_day, soft_per_month
"""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A soft limit that was reached just now."""

    kind: PeriodKind
    spent: Decimal
    limit: Decimal


def settle(
    conn: Connection, workspace: str, made: Sequence[ModelCall], usual: Budget, *, now: datetime
) -> list[Crossing]:
    """Note the calls, charge what they cost, and give back what was reserved for them; a second time does nothing.

    Gives the soft limits that are reached with this, each once in its period.
    """
    ids = sorted(call.id for call in made)
    values = {"workspace": workspace, "calls": calls.given(made), "ids": ids, "mark": ids[0]}
    row = conn.execute(SETTLE, {**values, **_dates(now), **_limits(usual)}).fetchone()
    if row is None:
        return []
    day_usd, month_usd, is_day_told, is_month_told, soft_per_day, soft_per_month = row
    found = [Crossing("day", day_usd, soft_per_day)] if is_day_told else []
    return [*found, Crossing("month", month_usd, soft_per_month)] if is_month_told else found


EXPIRED: LiteralString = """
WITH gone AS (
    DELETE FROM reservations AS r
     USING (SELECT workspace, id FROM reservations
             WHERE expires_at <= %(now)s
             LIMIT %(most)s
               FOR UPDATE SKIP LOCKED) AS old
     WHERE r.workspace = old.workspace AND r.id = old.id
 RETURNING r.workspace, r.usd),
freed AS (SELECT workspace, sum(usd) AS usd, count(*) AS calls FROM gone GROUP BY workspace),
held AS (
    SELECT s.workspace, f.usd, f.calls
      FROM freed AS f
      JOIN spending AS s ON s.workspace = f.workspace
     ORDER BY s.workspace
       FOR UPDATE OF s)
UPDATE spending AS s SET reserved_usd = s.reserved_usd - held.usd
  FROM held
 WHERE s.workspace = held.workspace
RETURNING held.calls
"""


def expire(conn: Connection, *, now: datetime, most: int) -> int:
    """Give back what was reserved for calls whose worker died; gives how many that were."""
    return sum(int(row[0]) for row in conn.execute(EXPIRED, {"now": now, "most": most}).fetchall())


def _budget(
    soft_per_day: Decimal | None,
    hard_per_day: Decimal | None,
    soft_per_month: Decimal | None,
    hard_per_month: Decimal | None,
) -> Budget:
    return Budget(Limit(soft_per_day, hard_per_day), Limit(soft_per_month, hard_per_month))


def _limits(budget: Budget) -> dict[str, object]:
    return {
        "soft_per_day": budget.day.soft,
        "hard_per_day": budget.day.hard,
        "soft_per_month": budget.month.soft,
        "hard_per_month": budget.month.hard,
    }


def _dates(now: datetime) -> dict[str, object]:
    return {"day": day_of(now), "month": month_of(now)}
